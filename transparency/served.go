package transparency

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// EntriesLevel stands for the events themselves where a level of hashes is asked for.
const EntriesLevel = entriesLevel

// TileOf reads the path of a tile below the directory of a log, as tile/0/x001/234.p/5; false when it is none.
func TileOf(path string) (level int, n uint64, width int, ok bool) {
	t, ok := parseTile(path)
	return t.level, t.n, t.width, ok
}

// Tile is the content of a tile of a stream as C2SP tlog-tiles has it: width hashes (1 to 256) from hash n·256 of a level on, 32 bytes
// each, or for EntriesLevel so many entries behind their lengths. One that the log does not have is a *RangeError.
func (s *Store) Tile(ctx context.Context, stream string, level int, n uint64, width int) ([]byte, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return nil, err
	}
	st := s.stream(stream)
	if err := s.ready(ctx, st); err != nil {
		return nil, err
	}
	log, now, known := st.snapshot(s.files.nodesPath(stream))
	defer known.close()
	t := tile{level, n, width}
	first, ok := t.within(now.size)
	if !ok || width < 1 || width > tileWidth || level < entriesLevel || log == nil {
		return nil, &RangeError{Stream: stream, What: "tile", Asked: n, Size: now.size}
	}
	if level == entriesLevel {
		return s.bundle(ctx, stream, log, t)
	}
	st.mu.Lock()
	unproven := st.unproven
	st.mu.Unlock()
	if unproven > 0 && !st.prove(now, known) {
		c, err := s.checkWhole(ctx, st)
		if err != nil {
			return nil, st.damaged(err)
		}
		known.close()
		known = c.leaves()
	}
	nodes := st.nodes(s.files.nodesPath(stream))
	nodes.known.close()
	nodes.known = known
	data := make([]byte, 0, width*tlog.HashSize)
	for i := range uint64(width) {
		h, ok := nodes.subtree(level*tileHeight, first+i)
		if !ok {
			return nil, errLeaves
		}
		data = append(data, h[:]...)
	}
	st.keepGroups(nodes.groups)
	return data, nil
}

// bundle is the entries of a tile, from the log.
func (s *Store) bundle(ctx context.Context, stream string, log *logName, t tile) ([]byte, error) {
	var data []byte
	count := 0
	for e, err := range s.Read(ctx, stream, t.n*tileWidth) {
		if err == nil {
			data, err = appendBundled(data, Entry(log.origin(), e.Type, e.Data))
		}
		if err != nil {
			return nil, err
		}
		if count++; count == t.width {
			return data, nil
		}
	}
	return nil, &RangeError{Stream: stream, What: "tile", Asked: t.n, Size: t.n*tileWidth + uint64(count)}
}
