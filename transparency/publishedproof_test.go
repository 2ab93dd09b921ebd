package transparency

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestPublishedConsistency(t *testing.T) {
	const most = 70
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			hashes[i] = stored[at]
		}
		return hashes, nil
	})
	var leaves []tlog.Hash
	for i := range int64(most) {
		data := fmt.Appendf(nil, "event %d", i)
		hashes, err := tlog.StoredHashes(i, data, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored, leaves = append(stored, hashes...), append(leaves, tlog.RecordHash(data))
	}
	l := &PublishedLog{Head: Head{Size: most}}
	if got, err := l.Consistency(3, 5); err == nil {
		t.Errorf("before it was checked: %v", got)
	}
	l.levels = newLevels(leaves)
	for size := range uint64(most + 1) {
		for old := range size + 1 {
			var want []tlog.Hash
			if old > 0 && old < size {
				var err error
				if want, err = tlog.ProveTree(int64(size), int64(old), reader); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := l.Consistency(old, size); err != nil || !slices.Equal(got, want) {
				t.Fatalf("from %d to %d: %v, %v, not %v", old, size, got, err, want)
			}
		}
	}
	for _, pair := range [][2]uint64{{3, 2}, {1, most + 1}, {most + 1, most + 1}} {
		if got, err := l.Consistency(pair[0], pair[1]); err == nil {
			t.Errorf("from %d to %d: %v", pair[0], pair[1], got)
		}
	}
}
