package transparency

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// TestAnchorHoldsForItsLogAlone makes an anchor at every version of a log and shows it to the log itself, to logs that
// differ from it before the anchor or behind it, and to one that is shorter.
func TestAnchorHoldsForItsLogAlone(t *testing.T) {
	const n = 70
	inner, dir := makeLog(t, n)
	s := openStore(t, inner, dir)
	other := newFake()
	for v := range n { // of equal length, with one event that differs
		e := event(v + 1)
		if v == 40 {
			e.Data = append(bytes.Clone(e.Data), 'x')
		}
		if _, err := other.store(village, uint64(v), []eventstore.NewEvent{e}); err != nil {
			t.Fatal(err)
		}
	}
	rewritten, longer, shorter := openStoreAdopted(t, other), openStoreAdopted(t, copied(inner, n, 5)), openStoreAdopted(t, copied(inner, 50, 0))
	for v := uint64(1); v <= n; v++ {
		anchor, err := s.Anchor(t.Context(), village, v)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			in   *Store
			want bool
		}{{"its own", s, true}, {"a rewritten", rewritten, v <= 40}, {"a longer", longer, true}, {"a shorter", shorter, v <= 50}} {
			if holds, err := c.in.Holds(t.Context(), village, v, anchor); err != nil || holds != c.want {
				t.Errorf("%s log at version %d: %v, %v", c.name, v, holds, err)
			}
		}
		for i := range anchor {
			anchor[i] ^= 4
			if holds, _ := s.Holds(t.Context(), village, v, anchor); holds {
				t.Errorf("version %d: an anchor bent at byte %d holds", v, i)
			}
			anchor[i] ^= 4
		}
		for _, wrong := range []uint64{v - 1, v + 1, 0, n + 1, 1 << 63} {
			if holds, _ := s.Holds(t.Context(), village, wrong, anchor); holds {
				t.Errorf("the anchor of version %d holds at %d", v, wrong)
			}
		}
	}
	for _, v := range []uint64{0, n + 1} {
		if _, err := s.Anchor(t.Context(), village, v); err == nil {
			t.Errorf("an anchor at version %d of %d", v, n)
		}
	}
	if holds, err := s.Holds(t.Context(), "collective-nowhere", 1, make([]byte, 32)); holds || err != nil {
		t.Errorf("an anchor holds in a log that does not exist: %v", err)
	}
}

// copied is a store with the first events of another, and some more.
func copied(from *fake, n, more int) *fake {
	to := newFake()
	log := from.get(village)[:n]
	for i, e := range log {
		_, _ = to.store(village, uint64(i), []eventstore.NewEvent{{Type: e.Type, Data: e.Data}})
	}
	for i := range more {
		_, _ = to.store(village, uint64(n+i), []eventstore.NewEvent{event(n + i + 1)})
	}
	return to
}

// openStoreAdopted opens a log that was written by others and takes it as it is.
func openStoreAdopted(t *testing.T, inner *fake) *Store {
	t.Helper()
	s := openStore(t, inner, t.TempDir())
	if _, err := s.AdoptHead(t.Context(), village); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEdge loads a long log by its edge, and without one, with a wrong one, and with leaves that are wrong in front of it.
func TestEdge(t *testing.T) {
	const n = 3*loadWholeMax + 77
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	for v := 0; v < n; v += 1000 {
		var events []eventstore.NewEvent
		for i := v; i < min(n, v+1000); i++ {
			events = append(events, event(i+1))
		}
		if _, err := s.Append(t.Context(), village, uint64(v), events); err != nil {
			t.Fatal(err)
		}
		if v == 4000 {
			if _, _, err := s.Head(t.Context(), village); err != nil { // writes files, and the edge of 5,000 or less
				t.Fatal(err)
			}
		}
	}
	closeStore(t, s)
	path := nodesPath(dir, village) + edgeSuffix
	edge, leafFile := readFile(t, path), readFile(t, nodesPath(dir, village))
	if _, ok := parseEdge(uint64(edge[0])|uint64(edge[1])<<8, edge[8:]); !ok {
		t.Fatalf("the edge is %x", edge)
	}
	bent := bytes.Clone(edge)
	bent[20] ^= 1
	wrongLeaf := bytes.Clone(leafFile)
	wrongLeaf[100*32] ^= 1
	for name, c := range map[string]struct {
		edge, leaves []byte
		unproven     bool
	}{
		"as it was written":     {edge, leafFile, true},
		"no edge":               {nil, leafFile, false},
		"half an edge":          {edge[:20], leafFile, false},
		"a wrong edge":          {bent, leafFile, false},
		"a wrong leaf":          {edge, wrongLeaf, true},
		"a wrong leaf and edge": {bent, wrongLeaf, false},
		"no leaves":             {edge, nil, false},
	} {
		for file, b := range map[string][]byte{path: c.edge, nodesPath(dir, village): c.leaves} {
			if b == nil {
				_ = os.Remove(file)
			} else {
				writeFile(t, file, b)
			}
		}
		s := openStore(t, inner, dir)
		if _, err := s.Append(t.Context(), village, n, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := s.stream(village).unproven > 0; got != c.unproven && c.leaves != nil {
			t.Errorf("%s: loaded by the edge: %v", name, got)
		}
		// One event is compared with its leaf: a wrong leaf is found out first.
		read, err := readAll(t, s, village, 90)
		if err != nil || len(read) != n-90 || read[0].Version != 91 {
			t.Errorf("%s: read %d events after 90: %v", name, len(read), err)
		}
		if got := s.stream(village).unproven; got != 0 {
			t.Errorf("%s: %d leaves were used and not looked at", name, got)
		}
		inner.set(village, edited(inner.get(village), 150))
		if _, err := readAll(t, s, village, 90); !isDamage(err, 151) {
			t.Errorf("%s: an edited event was read: %v", name, err)
		}
		inner.set(village, edited(inner.get(village), 150))
		closeStore(t, s)
		if got := readFile(t, nodesPath(dir, village)); !bytes.Equal(got, leafFile) {
			t.Errorf("%s: the leaf file was not made again", name)
		}
	}
}

// TestEdgeDoesNotVouchForLeaves edits an event in front of the edge together with its leaf: reading single events tells it.
func TestEdgeDoesNotVouchForLeaves(t *testing.T) {
	const n = 2 * loadWholeMax
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	var events []eventstore.NewEvent
	for i := range n {
		events = append(events, event(i+1))
	}
	if _, err := s.Append(t.Context(), village, 0, events); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	inner.set(village, edited(inner.get(village), 150))
	leafFile := readFile(t, nodesPath(dir, village))
	leaf := newLeafHasher(villageLog).hash(events[150].Type, inner.get(village)[150].Data)
	copy(leafFile[150*32:], leaf[:])
	writeFile(t, nodesPath(dir, village), leafFile)
	s = openStore(t, inner, dir)
	if _, err := s.Append(t.Context(), village, n, nil); err != nil || s.stream(village).unproven == 0 {
		t.Fatalf("the log was not loaded by its edge: %v", err)
	}
	if _, err := readAll(t, s, village, 140); !isDamage(err, 0) {
		t.Errorf("an event edited with its leaf was read: %v", err)
	}
}

func Example_edgeDue() {
	fmt.Println(edgeDue(0, 2048), edgeDue(0, 2049), edgeDue(2049, 3000), edgeDue(1_000_000, 1_060_000), edgeDue(1_000_000, 1_070_000))
	// Output: false true false false true
}
