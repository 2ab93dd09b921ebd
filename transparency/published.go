package transparency

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// PublishedLog is the published directory of a log in the hands of somebody who trusts nobody. It is for one goroutine.
type PublishedLog struct {
	Head        Head
	VerifierKey string // that signed the head
	HeadOnly    bool   // there is a checkpoint and no events
	Others      int    // files that are none of the format, or ahead of the checkpoint: they were not looked at

	dir    string
	leaves []tlog.Hash // when Check has found them to have the root of the head
}

// OpenPublished reads the checkpoint of a published directory. With an empty verifierKey it takes the one that lies beside it,
// which proves that the directory agrees with itself and no more.
func OpenPublished(dir, verifierKey string) (*PublishedLog, error) {
	own, err := readRegular(dir, VerifierFile, noteBytesMax)
	switch {
	case err == nil:
		name, oneLine := strings.CutSuffix(string(own), "\n")
		if _, err := parseVerifier(name); err != nil || !oneLine {
			return nil, &PublishedError{File: VerifierFile, Reason: "it is not the public key of a log and a line feed"}
		}
		if verifierKey == "" {
			verifierKey = name
		}
		if verifierKey != name {
			return nil, &PublishedError{File: VerifierFile, Reason: "it is another key than the one given"}
		}
	case verifierKey == "" || !errors.Is(err, fs.ErrNotExist):
		return nil, missingFile(VerifierFile, err)
	}
	v, err := parseVerifier(verifierKey)
	if err != nil {
		return nil, err
	}
	msg, err := readRegular(dir, CheckpointFile, noteBytesMax)
	if err != nil {
		return nil, missingFile(CheckpointFile, err)
	}
	l := &PublishedLog{dir: dir, VerifierKey: verifierKey}
	if l.Head, err = ParseHead(msg, v); err != nil {
		return nil, &PublishedError{File: CheckpointFile, Reason: err.Error()}
	}
	_, err = os.Lstat(filepath.Join(dir, tileDir))
	l.HeadOnly = errors.Is(err, fs.ErrNotExist) && l.Head.Size > 0
	return l, nil
}

// missingFile makes a file that is not there the fault of the directory.
func missingFile(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &PublishedError{File: name, Reason: "it is missing"}
	}
	return err
}

// parseVerifier reads a public key of a log in its one form.
func parseVerifier(verifierKey string) (note.Verifier, error) {
	if _, err := signednote.ParseVerifier(verifierKey); err != nil {
		return nil, fmt.Errorf("verifier key of a log: %w", err)
	}
	v, err := note.NewVerifier(verifierKey) // refuses other algorithms
	if err != nil {
		return nil, fmt.Errorf("verifier key of a log: %w", err)
	}
	return v, CheckOrigin(v.Name())
}

// ParseCheckpoint opens a signed head that went through other hands.
func ParseCheckpoint(msg []byte, verifierKey string) (Head, error) {
	v, err := parseVerifier(verifierKey)
	if err != nil {
		return Head{}, err
	}
	return ParseHead(msg, v)
}

// Check reads every file of the log and compares it with the head: the leaf hashes give its root, the tiles above them are
// theirs, and so is every entry. Each event is handed to f in order once its hash has been found right, so no forged byte comes
// to f; an error of f ends it. The first thing that is wrong is a *PublishedError.
//
// Files of the format that the head does not need (partial tiles of before) are compared as well. Memory holds 32 bytes for
// each event, and one bundle.
func (l *PublishedLog) Check(ctx context.Context, f func(version uint64, eventType string, data []byte) error) error {
	leaves, err := l.readLeaves(ctx)
	if err != nil {
		return err
	}
	if rootOf(leaves) != l.Head.Root {
		return l.blame(ctx, leaves)
	}
	levels := newLevels(leaves)
	for t := range tilesOf(l.Head.Size) {
		if t.level > 0 {
			there, err := compareTile(l.dir, t, levels)
			if err == nil && !there {
				err = missingFile(t.name(), fs.ErrNotExist)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := l.entries(ctx, leaves, f); err != nil {
		return err
	}
	l.leaves = leaves
	return l.rest(levels)
}

// read gives the tiles of one level in order, with no more memory than one takes however many the head claims.
func (l *PublishedLog) read(ctx context.Context, level int, f func(t tile, data []byte) error) error {
	for t := range tilesAt(level, l.Head.Size) {
		if err := ctx.Err(); err != nil {
			return err
		}
		most := int64(t.width * tlog.HashSize)
		if level == entriesLevel {
			most = bundleMax
		}
		data, err := readRegular(l.dir, t.name(), most)
		if err != nil {
			return missingFile(t.name(), err)
		}
		if level != entriesLevel && int64(len(data)) != most {
			return &PublishedError{File: t.name(), Reason: fmt.Sprintf("it has %d bytes, not %d", len(data), most)}
		}
		if err := f(t, data); err != nil {
			return err
		}
	}
	return nil
}

func (l *PublishedLog) readLeaves(ctx context.Context) ([]tlog.Hash, error) {
	leaves := make([]tlog.Hash, 0, min(l.Head.Size, 1<<16))
	err := l.read(ctx, 0, func(_ tile, data []byte) error {
		for ; len(data) > 0; data = data[tlog.HashSize:] {
			leaves = append(leaves, tlog.Hash(data))
		}
		return nil
	})
	return leaves, err
}

// entries hands on the events whose hashes are right.
func (l *PublishedLog) entries(ctx context.Context, leaves []tlog.Hash, f func(version uint64, eventType string, data []byte) error) error {
	return l.read(ctx, entriesLevel, func(t tile, bundle []byte) error {
		entries, err := splitBundle(bundle, t.width)
		if err != nil {
			return &PublishedError{File: t.name(), Version: firstWrong(bundle, t, leaves), Reason: err.Error()}
		}
		for i, entry := range entries {
			at := t.n*tileWidth + uint64(i)
			if tlog.RecordHash(entry) != leaves[at] {
				return &PublishedError{File: t.name(), Version: at + 1, Reason: errNotTheLeaf}
			}
			eventType, data, err := ParseEntry(l.Head.Origin, entry)
			if err != nil {
				return &PublishedError{File: t.name(), Version: at + 1, Reason: err.Error()}
			}
			if err := f(at+1, eventType, data); err != nil {
				return err
			}
		}
		return nil
	})
}

// firstWrong is the first event in a bundle of the wrong form that is not what its hash says.
func firstWrong(bundle []byte, t tile, leaves []tlog.Hash) uint64 {
	for i := range t.width {
		version := t.n*tileWidth + uint64(i) + 1
		if len(bundle) < 2 {
			return version
		}
		n := 2 + int(bundle[0])<<8 + int(bundle[1])
		if len(bundle) < n || tlog.RecordHash(bundle[2:n]) != leaves[version-1] {
			return version
		}
		bundle = bundle[n:]
	}
	return 0 // it goes on behind the last
}

// blame finds words for leaf hashes that do not have the root of the head: the events themselves tell whether it is the
// hashes that were changed.
func (l *PublishedLog) blame(ctx context.Context, leaves []tlog.Hash) error {
	var differs *PublishedError
	hashes := make([]tlog.Hash, 0, len(leaves))
	err := l.read(ctx, entriesLevel, func(t tile, bundle []byte) error {
		entries, err := splitBundle(bundle, t.width)
		if err != nil {
			return &PublishedError{File: t.name(), Version: firstWrong(bundle, t, leaves), Reason: err.Error()}
		}
		for i, entry := range entries {
			hash := tlog.RecordHash(entry)
			hashes = append(hashes, hash)
			if at := t.n*tileWidth + uint64(i); differs == nil && hash != leaves[at] {
				differs = &PublishedError{File: t.name(), Version: at + 1,
					Reason: "it does not have the hash that the tile has for it, and neither gives the root of the checkpoint"}
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case differs == nil:
		return &PublishedError{File: CheckpointFile, Reason: "the events do not have its root: they are of another log, or were changed together with their hashes"}
	case rootOf(hashes) == l.Head.Root:
		t := tile{0, (differs.Version - 1) / tileWidth, tileWidth}
		t.width = int(min(l.Head.Size-t.n*tileWidth, tileWidth))
		return &PublishedError{File: t.name(), Version: differs.Version, Reason: "the tile has a wrong hash for it; the event is the one of the checkpoint"}
	}
	return differs
}

// rest compares the files that the head does not need, and counts those that say nothing about it.
func (l *PublishedLog) rest(levels levels) error {
	needed := map[string]bool{CheckpointFile: true, VerifierFile: true}
	for t := range tilesOf(l.Head.Size) {
		needed[t.name()] = true
	}
	return filepath.WalkDir(l.dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(l.dir, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if needed[name] {
			return nil
		}
		t, ok := parseTile(name)
		if ok {
			_, ok = t.within(l.Head.Size)
		}
		if !ok {
			l.Others++
			return nil
		}
		_, err = compareTile(l.dir, t, levels)
		return err
	})
}

// RootAt is the root of the first events, of a log that Check found right. False: it has fewer.
func (l *PublishedLog) RootAt(size uint64) (tlog.Hash, bool) {
	if size > uint64(len(l.leaves)) {
		return tlog.Hash{}, false
	}
	return rootOf(l.leaves[:size]), true
}
