package transparency

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Fetched counts the bytes that were read of a published log.
type Fetched struct {
	Hashes  int64 // of tiles
	Entries int64 // of bundles
}

// Event proves one event of the log with the tiles on its path to the root alone: a few, however long the log is. It gives the
// event, whose data is as in Check, and adds what was read to fetched. What is wrong is a *PublishedError.
func (l *PublishedLog) Event(ctx context.Context, version uint64, fetched *Fetched) (eventType string, data []byte, err error) {
	if l.Succeeds != "" {
		return "", nil, &PublishedError{File: VerifierFile, Reason: "it is another key than the one given; whether it came after it shows when the whole log is checked"}
	}
	if version == 0 || version > l.Head.Size {
		return "", nil, fmt.Errorf("there is no event %d in a log of %d", version, l.Head.Size)
	}
	t := tile{entriesLevel, (version - 1) / tileWidth, tileWidth}
	t.width = int(min(l.Head.Size-t.n*tileWidth, tileWidth))
	bundle, err := l.tile(ctx, t)
	if err != nil {
		return "", nil, missingFile(t.name(), err)
	}
	fetched.Entries += int64(len(bundle))
	entries, err := splitBundle(bundle, t.width)
	if err != nil {
		return "", nil, &PublishedError{File: t.name(), Reason: err.Error()}
	}
	entry := entries[(version-1)%tileWidth]
	leaf, err := l.leafAt(ctx, version-1, fetched)
	if err != nil {
		return "", nil, err
	}
	if tlog.RecordHash(entry) != leaf {
		return "", nil, &PublishedError{File: t.name(), Version: version, Reason: errNotTheLeaf}
	}
	if eventType, data, err = ParseEntry(l.Head.Origin, entry); err != nil {
		return "", nil, &PublishedError{File: t.name(), Version: version, Reason: err.Error()}
	}
	return eventType, data, nil
}

// leafAt is the hash of a leaf, proved by the tiles to be under the root.
func (l *PublishedLog) leafAt(ctx context.Context, leaf uint64, fetched *Fetched) (tlog.Hash, error) {
	hashes, err := l.proven(ctx, fetched).ReadHashes([]int64{tlog.StoredHashIndex(0, int64(leaf))})
	if err != nil {
		return tlog.Hash{}, wrongTiles(err)
	}
	return hashes[0], nil
}

// EarlierRoot is the root of the first events by the tiles on its path alone, as RootAt is of a log that was read whole.
func (l *PublishedLog) EarlierRoot(ctx context.Context, size uint64, fetched *Fetched) (tlog.Hash, error) {
	if size > l.Head.Size {
		return tlog.Hash{}, fmt.Errorf("there are no %d events in a log of %d", size, l.Head.Size)
	}
	root, err := tlog.TreeHash(int64(size), l.proven(ctx, fetched))
	if err != nil {
		return tlog.Hash{}, wrongTiles(err)
	}
	return root, nil
}

// proven reads hashes out of tiles, each proved to be under the root before it is believed.
func (l *PublishedLog) proven(ctx context.Context, fetched *Fetched) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(l.Head.Size), Hash: l.Head.Root}, &pathTiles{ctx, l, fetched})
}

// wrongTiles tells tiles that do not fit the root from those that could not be read.
func wrongTiles(err error) error {
	var read *readTilesError
	if errors.As(err, &read) {
		return read.err
	}
	return &PublishedError{File: tileDir, Reason: "the hashes on the path to the root do not give it (" + err.Error() + ")"}
}

type readTilesError struct{ err error }

func (e *readTilesError) Error() string { return e.err.Error() }

// pathTiles gives tiles to tlog.
type pathTiles struct {
	ctx     context.Context
	log     *PublishedLog
	fetched *Fetched
}

func (*pathTiles) Height() int { return tileHeight }

func (p *pathTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, of := range tiles {
		t := tile{of.L, uint64(of.N), of.W}
		data, err := p.log.tile(p.ctx, t)
		if err != nil {
			return nil, &readTilesError{missingFile(t.name(), err)}
		}
		p.fetched.Hashes += int64(len(data))
		all[i] = data
	}
	return all, nil
}

func (*pathTiles) SaveTiles([]tlog.Tile, [][]byte) {}
