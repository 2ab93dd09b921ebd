package transparency

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// PublishedLog is a published log in the hands of somebody who trusts nobody. It is for one goroutine.
type PublishedLog struct {
	Head        Head
	VerifierKey string // that signed the head
	HeadOnly    bool   // there is a checkpoint and no events
	Listed      bool   // Check looked for files that nobody needs, which can be done in a directory alone
	Others      int    // files that are none of the format, or ahead of the checkpoint: they were not looked at

	// Succeeds is the key that was asked for, when the head is signed by one that came after it: then nothing is known of the log
	// before Check, which follows the keys by the rotations in the log. Empty: the head is signed by the key asked for.
	Succeeds string
	// Rotation says whether an event is a rotation, for Check to follow. Without it no key is followed.
	Rotation func(eventstore.Event) (Rotation, bool)

	files  Files
	used   sync.Pool // of *[]byte: memory of files of a Dir that were used
	levels levels    // when Check has found them to have the root of the head
}

// OpenPublished reads the checkpoint of a published log. With an empty verifierKey it takes the one that lies beside it, which
// proves that the files agree with each other and no more. With a key of the log that does not sign any more see Succeeds.
func OpenPublished(ctx context.Context, files Files, verifierKey string) (*PublishedLog, error) {
	later := ""
	own, err := files.Read(ctx, VerifierFile, noteBytesMax)
	switch {
	case err == nil:
		name, oneLine := strings.CutSuffix(string(own), "\n")
		if _, err := parseVerifier(name); err != nil || !oneLine {
			return nil, &PublishedError{File: VerifierFile, Reason: "it is not the public key of a log and a line feed"}
		}
		if verifierKey == "" {
			verifierKey = name
		}
		later = name
	case verifierKey == "" || !errors.Is(err, fs.ErrNotExist):
		return nil, missingFile(VerifierFile, err)
	}
	v, err := parseVerifier(verifierKey)
	if err != nil {
		return nil, err
	}
	msg, err := files.Read(ctx, CheckpointFile, noteBytesMax)
	if err != nil {
		return nil, missingFile(CheckpointFile, err)
	}
	l := &PublishedLog{files: files, VerifierKey: verifierKey}
	l.Head, err = ParseHead(msg, v)
	if later != "" && later != verifierKey {
		// Either both sign, or the one that lies there has come after the one given.
		head, laterErr := ParseCheckpoint(msg, later)
		switch {
		case !sameOrigin(verifierKey, later):
			return nil, &PublishedError{File: VerifierFile, Reason: "it is of another log than the key given"}
		case laterErr != nil:
			return nil, &PublishedError{File: VerifierFile, Reason: "it is another key than the one given, and did not sign the checkpoint"}
		case err != nil:
			l.Head, err = head, nil
			l.Succeeds, l.VerifierKey = verifierKey, later
		}
	}
	if err != nil {
		return nil, &PublishedError{File: CheckpointFile, Reason: err.Error()}
	}
	if l.Head.Size > 0 {
		l.HeadOnly, err = l.headOnly(ctx)
	}
	if err == nil && l.HeadOnly && l.Succeeds != "" {
		return nil, &PublishedError{File: VerifierFile, Reason: "it is another key than the one given, and without the events nobody can tell whether it came after it"}
	}
	return l, err
}

// sameOrigin says whether two keys are of one log.
func sameOrigin(a, b string) bool {
	v, err1 := parseVerifier(a)
	w, err2 := parseVerifier(b)
	return err1 == nil && err2 == nil && v.Name() == w.Name()
}

// keptMax bounds how many kept heads are read.
const keptMax = 256

// follow wants the key that was given to lead to the one that signed the head.
func (l *PublishedLog) follow(ctx context.Context, rotations []Rotation, levels levels) error {
	if l.Succeeds == "" {
		return nil
	}
	wrong := func(reason string) error {
		return &PublishedError{File: VerifierFile, Reason: "it is another key than the one given, and does not follow from it: " + reason}
	}
	if l.Rotation == nil || len(rotations) == 0 {
		return wrong("the log has no rotation")
	}
	text, err := l.files.Read(ctx, KeptFile, noteBytesMax)
	if err != nil {
		return missingFile(KeptFile, err)
	}
	var heads [][]byte
	for line := range strings.Lines(string(text)) {
		size, err := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 64)
		if err != nil || len(heads) >= keptMax {
			return &PublishedError{File: KeptFile, Reason: "it is not a size a line"}
		}
		msg, err := l.files.Read(ctx, KeptHeadFile(size), noteBytesMax)
		if err != nil {
			return missingFile(KeptHeadFile(size), err)
		}
		heads = append(heads, msg)
	}
	key, err := FollowKeys(l.Succeeds, rotations, heads, func(size uint64) (tlog.Hash, bool) {
		if size > l.Head.Size {
			return tlog.Hash{}, false
		}
		return levels.rootAt(size), true
	})
	switch {
	case err != nil:
		return wrong(err.Error())
	case key != l.VerifierKey:
		return wrong("it leads to " + key)
	}
	return nil
}

// headOnly says whether there are no events at all, as where the charter does not open the log. A server cannot be asked what it
// has: there it is the first bundle and the first tile that are not.
func (l *PublishedLog) headOnly(ctx context.Context) (bool, error) {
	if dir, ok := l.files.(Dir); ok {
		return !dir.has(tileDir), nil
	}
	for _, level := range []int{0, entriesLevel} {
		_, err := l.tile(ctx, tile{level, 0, int(min(l.Head.Size, tileWidth))})
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
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
// to f; an error of f ends it. The data are f's until it returns. The first thing that is wrong is a *PublishedError.
//
// Files of the format that the head does not need (partial tiles of before) are compared as well where they can be listed. Files
// are read and hashed on other goroutines, a few ahead. Memory holds 32 bytes for each event, and a few bundles.
func (l *PublishedLog) Check(ctx context.Context, f func(version uint64, eventType string, data []byte) error) error {
	leaves, err := l.readLeaves(ctx)
	if err != nil {
		return err
	}
	levels := newLevels(leaves)
	if levels.rootAt(l.Head.Size) != l.Head.Root {
		return l.blame(ctx, leaves)
	}
	for level := 1; l.Head.Size>>(level*tileHeight) > 0; level++ {
		err := readTiles(ctx, l, level, func(_ tile, data []byte) ([]byte, error) { return data, nil }, func(t tile, data []byte) error {
			if !bytes.Equal(data, levels.data(t)) {
				return &PublishedError{File: t.name(), Reason: "it does not have the hashes of the log"}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var rotations []Rotation
	err = l.entries(ctx, leaves, func(version uint64, eventType string, data []byte) error {
		if l.Rotation != nil {
			if r, ok := l.Rotation(eventstore.Event{Version: version, Type: eventType, Data: data}); ok {
				rotations = append(rotations, r)
			}
		}
		return f(version, eventType, data)
	})
	if err == nil {
		err = l.follow(ctx, rotations, levels)
	}
	if err != nil {
		return err
	}
	l.levels = levels
	if dir, ok := l.files.(Dir); ok {
		l.Listed = true
		return l.rest(string(dir), levels)
	}
	return nil
}

// tile reads a file of the tree. Where a partial one is gone because the log has grown since the checkpoint was read, the full one
// has the same at its beginning. What is there nowhere is fs.ErrNotExist.
func (l *PublishedLog) tile(ctx context.Context, t tile) ([]byte, error) {
	data, err := l.whole(ctx, t)
	if t.width == tileWidth || !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	full, fullErr := l.whole(ctx, tile{t.level, t.n, tileWidth})
	switch {
	case errors.Is(fullErr, fs.ErrNotExist):
		return nil, err
	case fullErr != nil:
		return nil, fullErr
	case t.level != entriesLevel:
		return full[:t.width*tlog.HashSize], nil
	}
	at := 0
	for range t.width {
		if len(full) < at+2 {
			return full, nil // of a form that is refused by whoever splits it
		}
		at += 2 + int(binary.BigEndian.Uint16(full[at:]))
	}
	return full[:min(at, len(full))], nil
}

// whole reads one file, which for hashes has to be of exactly its size.
func (l *PublishedLog) whole(ctx context.Context, t tile) ([]byte, error) {
	if t.level == entriesLevel {
		return l.read(ctx, t.name(), bundleMax)
	}
	size := t.width * tlog.HashSize
	data, err := l.read(ctx, t.name(), int64(size))
	if err == nil && len(data) != size {
		return nil, &PublishedError{File: t.name(), Reason: fmt.Sprintf("it has %d bytes, not %d", len(data), size)}
	}
	return data, err
}

// read gives a file, of a directory into memory that was used before.
func (l *PublishedLog) read(ctx context.Context, name string, most int64) ([]byte, error) {
	dir, ok := l.files.(Dir)
	if !ok {
		return l.files.Read(ctx, name, most)
	}
	var buf []byte
	if used, ok := l.used.Get().(*[]byte); ok {
		buf = *used
	}
	return readRegularInto(buf, string(dir), name, most)
}

// readAhead is how many files are read or made ready at once, or wait to be used.
const readAhead = 8

// readTiles gives the tiles of one level to use in order, after ready has made of each what use takes. ready runs on other
// goroutines. What it makes may share the memory of the file, which serves another file once use has returned. What it makes beside an error is used before the error counts. However many the head claims, no more are held at
// once than twice readAhead.
func readTiles[T any](ctx context.Context, l *PublishedLog, level int, ready func(tile, []byte) (T, error), use func(tile, T) error) error {
	type made struct {
		t    tile
		it   T
		have bool // there is one
		data []byte
		err  error
		done chan struct{}
	}
	ctx, cancel := context.WithCancel(ctx)
	work, order := make(chan *made), make(chan *made, readAhead)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range min(readAhead, l.Head.Size>>(max(level, 0)*tileHeight)/tileWidth+1) {
		workers.Go(func() {
			for m := range work {
				data, err := l.tile(ctx, m.t)
				if err != nil {
					m.err = missingFile(m.t.name(), err)
				} else {
					m.it, m.err = ready(m.t, data)
					m.data, m.have = data, true
				}
				close(m.done)
			}
		})
	}
	workers.Go(func() {
		defer close(order)
		defer close(work)
		for t := range tilesAt(level, l.Head.Size) {
			m := &made{t: t, done: make(chan struct{})}
			for _, to := range []chan<- *made{work, order} {
				select {
				case to <- m:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for m := range order {
		<-m.done
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.have {
			if err := use(m.t, m.it); err != nil {
				return err
			}
			data := m.data
			l.used.Put(&data)
		}
		if m.err != nil {
			return m.err
		}
	}
	return ctx.Err()
}

func (l *PublishedLog) readLeaves(ctx context.Context) ([]tlog.Hash, error) {
	leaves := make([]tlog.Hash, 0, min(l.Head.Size, 1<<20)) // 32 MB: the head may claim more than there is
	err := readTiles(ctx, l, 0, func(_ tile, data []byte) ([]byte, error) { return data, nil }, func(_ tile, data []byte) error {
		if n := len(leaves); n+len(data)/tlog.HashSize > cap(leaves) {
			leaves = slices.Grow(leaves, n) // by as many again: append alone would copy more often
		}
		for ; len(data) > 0; data = data[tlog.HashSize:] {
			leaves = append(leaves, tlog.Hash(data))
		}
		return nil
	})
	return leaves, err
}

// checkedEntry is an event whose hash is right.
type checkedEntry struct {
	eventType string
	data      []byte
}

// entries hands on the events whose hashes are right.
func (l *PublishedLog) entries(ctx context.Context, leaves []tlog.Hash, f func(version uint64, eventType string, data []byte) error) error {
	return readTiles(ctx, l, entriesLevel, func(t tile, bundle []byte) ([]checkedEntry, error) {
		return l.checkBundle(t, bundle, leaves)
	}, func(t tile, checked []checkedEntry) error {
		for i, e := range checked {
			if err := f(t.n*tileWidth+uint64(i)+1, e.eventType, e.data); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkBundle gives the events of a bundle before the first that is wrong.
func (l *PublishedLog) checkBundle(t tile, bundle []byte, leaves []tlog.Hash) ([]checkedEntry, error) {
	entries, err := splitBundle(bundle, t.width)
	if err != nil {
		return nil, &PublishedError{File: t.name(), Version: firstWrong(bundle, t, leaves), Reason: err.Error()}
	}
	checked := make([]checkedEntry, 0, len(entries))
	start := entryStart(l.Head.Origin)
	for i, entry := range entries {
		at := t.n*tileWidth + uint64(i)
		if tlog.RecordHash(entry) != leaves[at] {
			return checked, &PublishedError{File: t.name(), Version: at + 1, Reason: errNotTheLeaf}
		}
		eventType, data, err := parseEntry(l.Head.Origin, start, entry)
		if err != nil {
			return checked, &PublishedError{File: t.name(), Version: at + 1, Reason: err.Error()}
		}
		checked = append(checked, checkedEntry{eventType, data})
	}
	return checked, nil
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
	err := readTiles(ctx, l, entriesLevel, func(_ tile, bundle []byte) ([]byte, error) { return bundle, nil }, func(t tile, bundle []byte) error {
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
func (l *PublishedLog) rest(dir string, levels levels) error {
	needed := map[string]bool{CheckpointFile: true, VerifierFile: true, KeptFile: true}
	for t := range tilesOf(l.Head.Size) {
		needed[t.name()] = true
	}
	return filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if needed[name] || isAside(name) {
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
		_, err = compareTile(dir, t, levels)
		return err
	})
}

// RootAt is the root of the first events. False: it has fewer, or Check has not found them right.
func (l *PublishedLog) RootAt(size uint64) (tlog.Hash, bool) {
	if l.levels == nil || size > l.Head.Size {
		return tlog.Hash{}, false
	}
	return l.levels.rootAt(size), true
}
