package eventstoretest

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Floor is the fastest honest way to keep bytes on this disk: overwriting a file that is already full of zeros and
// fdatasync, so that no length and no block map has to be written. It is no store: no versions, no reading, it starts
// again at the front when it comes to the end. Every speed of a store is given as a ratio to it, measured in the same run,
// because disks differ and their mood changes from hour to hour.
type Floor struct {
	file  *os.File
	size  int64
	at    int64         // where the next group goes; the leader's
	spare []byte        // the buffer of the group before; the leader's
	lead  chan struct{} // holding a token in it means to be the leader

	mu    sync.Mutex
	group *group
}

// group is what one sync makes durable.
type group struct {
	bytes []byte
	done  chan struct{} // closed after the sync
	err   error
}

// NewFloor fills a file of the size (in bytes) in the directory with zeros and syncs it. The file goes with the test.
func NewFloor(tb testing.TB, dir string, size int64) *Floor {
	tb.Helper()
	file, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { file.Close() })
	if _, err := io.CopyN(file, zeros{}, size); err != nil {
		tb.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		tb.Fatal(err)
	}
	return &Floor{file: file, size: size, lead: make(chan struct{}, 1), group: newGroup(nil)}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func newGroup(buffer []byte) *group { return &group{bytes: buffer[:0], done: make(chan struct{})} }

// Append keeps the bytes and returns when they are durable. Callers that come while a sync is under way share the next one:
// whoever of them is first does it for all.
func (f *Floor) Append(data []byte) error {
	f.mu.Lock()
	g := f.group
	g.bytes = append(g.bytes, data...)
	f.mu.Unlock()
	select {
	case <-g.done:
		return g.err
	case f.lead <- struct{}{}:
	}
	defer func() { <-f.lead }()
	select {
	case <-g.done: // the leader before took our group along
		return g.err
	default:
	}
	f.mu.Lock()
	f.group = newGroup(f.spare)
	f.mu.Unlock()
	g.err = f.write(g.bytes)
	f.spare = g.bytes
	close(g.done)
	return g.err
}

func (f *Floor) write(data []byte) error {
	if f.at+int64(len(data)) > f.size {
		f.at = 0
	}
	if _, err := f.file.WriteAt(data, f.at); err != nil {
		return err
	}
	f.at += int64(len(data))
	return datasync(f.file)
}
