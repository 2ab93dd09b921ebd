package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// published is the check of what publish wrote, by somebody who has the files and nothing else.
type published struct {
	session    *session
	key        string // --log-key: the public key, or a file with it; empty: the one in the directory
	pin        string // --pin SIZE:ROOT
	checkpoint string // --checkpoint: a file with a signed head of before
}

// verify checks every collective of a directory, or the one whose directory it is.
func (p *published) verify(ctx context.Context, dir string) error {
	dirs, err := p.dirs(dir)
	if err != nil {
		return err
	}
	if len(dirs) > 1 && p.key+p.pin+p.checkpoint != "" {
		return failed(exitUsage, "--log-key、--pin、--checkpoint 只对一个集体;请用 --collective 指明。",
			"--log-key, --pin and --checkpoint are for one collective: say which with --collective.")
	}
	s, bad := p.session, false
	for _, one := range dirs {
		err := p.one(ctx, one, one != dir)
		if err == nil {
			continue
		}
		if f := explain(err); f.code != exitVerified {
			return err
		}
		report(s.stderr, s.lang, err)
		bad = true
	}
	if bad {
		return errSaid{exitVerified}
	}
	return nil
}

// dirs lists the directories with a checkpoint. One below the directory that has none is somebody's of another kind, unless
// it has a part of a published log.
func (p *published) dirs(dir string) ([]string, error) {
	if one := p.session.collective; one != "" {
		return []string{filepath.Join(dir, one)}, nil
	}
	if _, err := os.Lstat(filepath.Join(dir, transparency.CheckpointFile)); err == nil {
		return []string{dir}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, cannotOpen(dir, err)
	}
	var dirs []string
	for _, e := range entries {
		for _, part := range []string{transparency.CheckpointFile, transparency.VerifierFile, "tile"} {
			if _, err := os.Lstat(filepath.Join(dir, e.Name(), part)); err == nil {
				dirs = append(dirs, filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	if len(dirs) == 0 {
		return nil, failed(exitUsage, "%s 里没有公布的账簿(checkpoint)。", "There is no published log (checkpoint) in %s.", dir)
	}
	return dirs, nil
}

// notPublished is what is wrong with a published directory.
func notPublished(dir string, err error) error {
	var bad *transparency.PublishedError
	switch {
	case errors.As(err, &bad) && bad.Version > 0:
		return failed(exitVerified, "%s 核验不符:从第 %d 笔起;%s:%s。", "%s does not verify: from event %d on; %s: %s.", dir, bad.Version, bad.File, bad.Reason)
	case errors.As(err, &bad):
		return failed(exitVerified, "%s 核验不符:%s:%s。", "%s does not verify: %s: %s.", dir, bad.File, bad.Reason)
	}
	return err
}

func (p *published) one(ctx context.Context, dir string, named bool) error {
	s := p.session
	key, err := publicKey(p.key)
	if err != nil {
		return err
	}
	log, err := transparency.OpenPublished(ctx, transparency.Dir(dir), key)
	if err != nil {
		return notPublished(dir, err)
	}
	if key == "" {
		fmt.Fprint(s.stderr, s.lang.text("注意:没有用 --log-key 给出公钥,只用了目录自己的 vkey;这只证明目录与自己相符,不证明是谁的。\n",
			"NOTE: no --log-key was given and the vkey of the directory itself is used: this proves that the directory agrees with itself, not whose it is.\n"))
	}
	if log.HeadOnly {
		return p.headOnly(dir, log)
	}
	book, err := replay(ctx, s, log)
	if err != nil {
		return notPublished(dir, err)
	}
	if id := book.ID(); named && id != filepath.Base(dir) {
		return failed(exitVerified, "%s 里是集体 %s 的账簿。", "%s has the log of the collective %s.", dir, id)
	}
	if err := p.earlier(dir, log); err != nil {
		return err
	}
	return p.print(log, book)
}

// publicKey is what --log-key gives: the key itself, or a file that has it.
func publicKey(given string) (string, error) {
	if given == "" || strings.Contains(given, "+") {
		return given, nil
	}
	file, err := os.Open(given)
	if err != nil {
		return "", cannotOpen(given, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 4<<10))
	return strings.TrimSpace(string(text)), err
}

// replay checks the files and folds the events, each once its hash is known to be right.
func replay(ctx context.Context, s *session, log *transparency.PublishedLog) (*projections.Book, error) {
	bar := newProgress(s, log.Head.Origin, int64(min(log.Head.Size, 1<<40)))
	if bar != nil {
		bar.count = true
	}
	defer bar.end()
	var book *projections.Book
	state := ledger.NewCollective()
	err := log.Check(ctx, func(version uint64, eventType string, data []byte) error {
		bar.at(int64(version))
		wrong := func(reason string) error {
			return &transparency.PublishedError{File: "tile/entries", Version: version, Reason: reason}
		}
		// The collective is known by its founding: until then the stream has no name.
		stored := eventstore.Event{Version: version, Type: eventType, Data: data}
		if book != nil {
			stored.Stream = ledger.StreamOf(book.ID())
		}
		event, err := ledger.Decode(stored)
		if err != nil {
			return wrong("it cannot be read: " + err.Error())
		}
		if book == nil {
			if book, err = begin(log.Head.Origin, stored, event); err != nil {
				return wrong(err.Error())
			}
		}
		if err := errors.Join(book.Fold(event), evolve(state, event)); err != nil {
			return wrong("it does not follow from those before it: " + err.Error())
		}
		return nil
	})
	if err == nil && book == nil {
		err = &transparency.PublishedError{File: transparency.CheckpointFile, Reason: "it is of no events"}
	}
	if err == nil {
		if wrong := book.CheckInvariant(); wrong != nil {
			err = &transparency.PublishedError{File: "tile/entries", Reason: wrong.Error()}
		}
	}
	return book, err
}

// begin takes the founding of a collective, in the log that it names.
func begin(origin string, stored eventstore.Event, event *eventv1.Event) (*projections.Book, error) {
	id := event.GetCollectiveFounded().GetCollectiveId()
	if !ledger.ValidCollectiveID(id) {
		return nil, errors.New("it does not found a collective")
	}
	stored.Stream = ledger.StreamOf(id)
	if named, err := originOf(stored.Stream, stored); err != nil || named != origin {
		return nil, fmt.Errorf("it founds the log %s, not %s", named, origin)
	}
	return projections.NewBook(id), nil
}

// pinned is what somebody knows from before: that the first so many events had this root.
type pinned struct {
	size uint64
	root [32]byte
	from string
}

// parsePin reads SIZE:ROOT, the root as hex or base64 of either alphabet.
func parsePin(text string) (pinned, error) {
	wrong := failed(exitUsage, "--pin 写作 笔数:根(十六进制或 base64),不是“%s”。", "--pin is SIZE:ROOT, the root in hex or base64, not \"%s\".", text)
	first, second, ok := strings.Cut(text, ":")
	size, err := strconv.ParseUint(first, 10, 62)
	if !ok || err != nil {
		return pinned{}, wrong
	}
	second = strings.TrimRight(second, "=")
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.RawStdEncoding.Strict().DecodeString, base64.RawURLEncoding.Strict().DecodeString} {
		if root, err := decode(second); err == nil && len(root) == 32 {
			return pinned{size, [32]byte(root), "--pin"}, nil
		}
	}
	return pinned{}, wrong
}

// pins are those that the command line names.
func (p *published) pins(log *transparency.PublishedLog) ([]pinned, error) {
	var pins []pinned
	if p.pin != "" {
		pin, err := parsePin(p.pin)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	if p.checkpoint != "" {
		file, err := os.Open(p.checkpoint)
		if err != nil {
			return nil, cannotOpen(p.checkpoint, err)
		}
		defer file.Close()
		msg, err := io.ReadAll(io.LimitReader(file, 1<<17))
		if err != nil {
			return nil, cannotOpen(p.checkpoint, err)
		}
		head, err := transparency.ParseCheckpoint(msg, log.VerifierKey)
		if err != nil {
			return nil, failed(exitVerified, "%s 不是用 %s 签的 checkpoint(%v)。", "%s is no checkpoint signed with %s (%v).", p.checkpoint, log.VerifierKey, err)
		}
		pins = append(pins, pinned{head.Size, head.Root, p.checkpoint})
	}
	return pins, nil
}

// earlier wants the log to contain what was known of it before.
func (p *published) earlier(dir string, log *transparency.PublishedLog) error {
	pins, err := p.pins(log)
	if err != nil {
		return err
	}
	for _, pin := range pins {
		root, known := log.RootAt(pin.size)
		if pin.size == log.Head.Size {
			root, known = log.Head.Root, true
		}
		switch {
		case pin.size > log.Head.Size:
			return failed(exitVerified, "%s 有 %d 笔,%s 有 %d 笔:公布的比以前的还少。", "%s has %d events and %s has %d: it is older than what was known before.",
				dir, log.Head.Size, pin.from, pin.size)
		case !known:
			return failed(exitVerified, "%s 只有 checkpoint,没有各笔,看不出是否包含 %s。", "%s has a checkpoint and no events: whether it contains %s cannot be told.", dir, pin.from)
		case root != pin.root:
			return failed(exitVerified, "%s 的前 %d 笔与 %s 不符:历史被改过(那时的根 %x,现在的根 %x)。",
				"The first %[2]d events of %[1]s are not those of %[3]s: history was changed (its root %[4]x, the root now %[5]x).", dir, pin.size, pin.from, pin.root, root)
		}
		fmt.Fprintf(p.session.stderr, p.session.lang.text("包含 %s 的 %d 笔,没有改过。\n", "It contains the %[2]d events of %[1]s unchanged.\n"), pin.from, pin.size)
	}
	return nil
}

func (p *published) headOnly(dir string, log *transparency.PublishedLog) error {
	if err := p.earlier(dir, log); err != nil {
		return err
	}
	s := p.session
	_, err := fmt.Fprintf(s.stdout, s.lang.text("%s:签名相符,%d 笔,根 %v;只公布了 checkpoint,没有各笔可核。\n",
		"%s: the signature is right, %d events, root %v; only the checkpoint is published, there are no events to check.\n"), log.Head.Origin, log.Head.Size, log.Head.Root)
	return err
}

// print gives the balances, and on the other stream what they rest on.
func (p *published) print(log *transparency.PublishedLog, book *projections.Book) error {
	s := p.session
	answer := &apiv1.GetBalancesResponse{Version: book.Version()}
	for _, b := range book.Balances(projections.Moment{}) {
		answer.Balances = append(answer.Balances, &apiv1.AccountBalance{Account: string(b.Account), Balance: b.Balance.String()})
	}
	digest := book.Digest()
	fmt.Fprintf(s.stderr, s.lang.text("%s 相符:%s,%d 笔\n公钥:%s\n根:%v\n账簿摘要:%x\n", "%s is sound: %s, %d events\nkey: %s\nroot: %v\ndigest of the books: %x\n"),
		book.ID(), log.Head.Origin, log.Head.Size, log.VerifierKey, log.Head.Root, digest)
	if log.Others > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("目录里另有 %d 个文件不属于它,没有看。\n", "%d files of the directory do not belong to it and were not looked at.\n"), log.Others)
	}
	return s.show(answer, balanceTable(answer.Balances, accountNames(nil, s.lang)), s.moment("", answer.Version))
}
