package transparency

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// This file is about the succession of keys: how one that signed is retired, and how somebody who knows it follows.

// FollowKeys says which key signs a log now, for somebody who knows one that did once: known itself when the log never put another in
// its place. rotations are those of the log, all of them in order; heads are signed heads that somebody kept; rootAt gives the root
// of the log's first events, false when it has fewer. Each step from one key to the next needs a head of this very log, not before the
// rotation, that both have signed: then the old key has vouched for the log that names the new one. It proves nothing of the log
// behind the last of these heads but that the answer is the key whose signature counts there.
func FollowKeys(known string, rotations []Rotation, heads [][]byte, rootAt func(size uint64) (Hash, bool)) (string, error) {
	from := slices.IndexFunc(rotations, func(r Rotation) bool { return r.OldKey == known })
	if from < 0 {
		return known, nil
	}
	for i, r := range rotations[from:] {
		if r.OldKey != known || i > 0 && r.Generation != rotations[from+i-1].Generation+1 {
			return "", fmt.Errorf("follow the keys of a log: the rotation in event %d does not go on from generation %d", r.Version, rotations[from+i-1].Generation)
		}
		if !slices.ContainsFunc(heads, func(msg []byte) bool { return r.vouched(msg, rootAt) }) {
			return "", fmt.Errorf("follow the keys of a log: no head that covers event %d, where generation %d begins, is signed by it and by the key before", r.Version, r.Generation)
		}
		known = r.NewKey
	}
	return known, nil
}

// vouched says whether a head of this log covers the rotation and is signed by both of its keys.
func (r Rotation) vouched(msg []byte, rootAt func(size uint64) (Hash, bool)) bool {
	n, err := signednote.Parse(msg)
	if err != nil {
		return false
	}
	head, err := parseBody(n.Text)
	if err != nil || head.Size < r.Version {
		return false
	}
	for _, key := range []string{r.OldKey, r.NewKey} {
		v, err := signednote.ParseVerifier(key)
		if err != nil || v.Name != head.Origin {
			return false
		}
		if s, ok := n.Signature(v); !ok || !v.Verify(n.Text, s) {
			return false
		}
	}
	root, ok := rootAt(head.Size)
	return ok && root == head.Root
}

// KeptFile is the file of a published log with the sizes of the heads that more than one key has signed, one a line.
const KeptFile = "rotations"

// KeptHeadFile is the name of the file of a published log that has a head which more than one key has signed.
func KeptHeadFile(size uint64) string { return CheckpointFile + "." + strconv.FormatUint(size, 10) }

// newestOf is the newest generation that signs.
func newestOf(keys []LogKey) (generation uint32) {
	for _, k := range keys {
		if k.State == KeySigning {
			generation = max(generation, k.Generation)
		}
	}
	return generation
}

// Retire ends the keys of a log below a generation that signs, 0 for the newest, and gives the last head that they have signed too. That head is kept
// beside the remembered one, in heads/<stream>.<size>, before they end: it covers every rotation so far. ErrNoKey says that there
// is nothing to retire, or that the generation does not sign.
func (s *Store) Retire(ctx context.Context, stream string, generation uint32) (Head, []byte, error) {
	if err := eventstore.CheckStream(stream); err != nil {
		return Head{}, nil, err
	}
	if err := s.enter(); err != nil {
		return Head{}, nil, err
	}
	defer s.life.RUnlock()
	st := s.stream(stream)
	head, msg, err := s.head(ctx, st, s.writeHeadOnce)
	if err != nil {
		return Head{}, nil, err
	}
	keys, err := s.signer.Keys(ctx, head.Origin)
	if err != nil {
		return Head{}, nil, err
	}
	if generation == 0 {
		generation = newestOf(keys)
	}
	old, now := 0, 0
	for _, k := range keys {
		v, err := signednote.ParseVerifier(k.VerifierKey)
		if err != nil {
			return Head{}, nil, err
		}
		switch _, err := ParseCheckpoint(msg, k.VerifierKey); {
		case err != nil || v.Name != head.Origin || k.State != KeySigning:
		case k.Generation < generation:
			old++
		case k.Generation == generation:
			now++
		}
	}
	if old == 0 || now == 0 {
		return Head{}, nil, fmt.Errorf("%w: head %d of %s is not signed by generation %d and one before it", ErrNoKey, head.Size, head.Origin, generation)
	}
	st.files.Lock()
	defer st.files.Unlock()
	if err := s.files.keepHead(stream, head.Size, msg); err != nil {
		return Head{}, nil, err
	}
	if err := s.signer.Retire(ctx, head.Origin, generation); err != nil {
		return Head{}, nil, err
	}
	st.mu.Lock()
	st.note, st.written = nil, Head{} // to be signed again without them
	st.mu.Unlock()
	s.schedule(st, true)
	return head, msg, nil
}

// keepHead keeps a head for good, under the name of its stream and its size.
func (f files) keepHead(stream string, size uint64, msg []byte) error {
	path := f.headPath(stream) + "." + strconv.FormatUint(size, 10)
	err := writeSynced(path+tmpSuffix, msg)
	if err == nil {
		err = os.Rename(path+tmpSuffix, path)
	}
	if err != nil {
		return fmt.Errorf("keep head %d of %s: %w", size, stream, err)
	}
	return syncDir(filepath.Dir(path))
}

// KeptHeads are the heads of a stream that were kept when keys ended, by size. They are signed notes; nothing of them is checked.
func (s *Store) KeptHeads(stream string) (map[uint64][]byte, error) {
	entries, err := os.ReadDir(filepath.Join(s.files.dir, headsDir))
	if err != nil {
		return nil, fmt.Errorf("list heads: %w", err)
	}
	kept := make(map[uint64][]byte)
	for _, e := range entries {
		name, size, ok := strings.Cut(e.Name(), ".")
		n, err := strconv.ParseUint(size, 10, 64)
		if !ok || err != nil || name != fileName(stream) {
			continue
		}
		msg, err := readRegular(filepath.Join(s.files.dir, headsDir), e.Name(), noteBytesMax)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		kept[n] = msg
	}
	return kept, nil
}
