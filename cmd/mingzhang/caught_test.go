package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// inMemory are the files of a published log, in memory.
type inMemory map[string][]byte

func (m inMemory) Read(_ context.Context, name string, most int64) ([]byte, error) {
	data, ok := m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(data)) > most {
		return nil, &transparency.PublishedError{File: name, Reason: "it is too long"}
	}
	return bytes.Clone(data), nil
}

// caughtLog is a log of 60 events in files, with its key in the hands of whoever attacks it.
type caughtLog struct {
	stored      []eventstore.Event
	secret, key string
	files       inMemory
	export      []byte
}

func newCaughtLog(tb testing.TB, stored []eventstore.Event) *caughtLog {
	tb.Helper()
	origin, err := ledger.LogOrigin(stored[0].Stream, stored[0])
	if err != nil {
		tb.Fatal(err)
	}
	c := &caughtLog{stored: stored}
	c.secret, c.key = newKey(tb, origin)
	c.files = c.publish(tb, stored)
	name := filepath.Join(tb.TempDir(), "log.jsonl")
	exportOf(tb, name, stored, string(c.files[transparency.CheckpointFile]), c.key)
	if c.export, err = os.ReadFile(name); err != nil {
		tb.Fatal(err)
	}
	return c
}

// publish signs a history with the real key.
func (c *caughtLog) publish(tb testing.TB, stored []eventstore.Event) inMemory {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "log")
	publishUnder(tb, dir, c.secret, c.key, stored)
	files := inMemory{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func (c *caughtLog) pin(tb testing.TB, size int) string {
	return fmt.Sprintf("%d:%s", size, rootText(tb, c.stored[:size]))
}

func quietCheck(key string, pins []string) *published {
	return &published{session: &session{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}, key: key, pins: pins}
}

// wantCaught wants files to be refused as a log that does not verify, and gives why.
func wantCaught(tb testing.TB, ctx context.Context, what string, files inMemory, key string, pins ...string) string {
	tb.Helper()
	err := quietCheck(key, pins).files(ctx, &heldLog{name: "log", kind: kindDirectory}, files, "")
	return wantFour(tb, what, err)
}

func wantFour(tb testing.TB, what string, err error) string {
	tb.Helper()
	if err == nil {
		tb.Fatalf("%s goes unnoticed", what)
	}
	f := explain(notPublished("log", err))
	if f.code != exitVerified {
		tb.Fatalf("%s: exit %d: %v", what, f.code, err)
	}
	return f.en
}

// wantExportCaught does the same for the text of an export, which is handed in as a stream.
func wantExportCaught(tb testing.TB, ctx context.Context, what string, text []byte, key string, pins ...string) string {
	tb.Helper()
	return wantFour(tb, what, checkExport(ctx, text, key, pins))
}

func checkExport(ctx context.Context, text []byte, key string, pins []string) error {
	p := quietCheck(key, pins)
	p.session.stdin = bytes.NewReader(text)
	return p.export(ctx, "-")
}

func with(files inMemory, name string, data []byte) inMemory {
	other := inMemory{}
	for n, d := range files {
		other[n] = d
	}
	if data == nil {
		delete(other, name)
	} else {
		other[name] = data
	}
	return other
}

// renumbered gives events the versions of their places, inside their bytes too, as somebody does who edits a history.
func renumbered(tb testing.TB, events []*eventv1.Event) []eventstore.Event {
	tb.Helper()
	var list []*eventv1.Event
	for i, e := range events {
		e = proto.Clone(e).(*eventv1.Event)
		e.Version = uint64(i) + 1
		list = append(list, e)
	}
	return storedEvents(tb, list)
}

// bundleName is the one bundle of a log of 60 events.
const (
	bundleName = "tile/entries/000.p/60"
	leavesName = "tile/0/000.p/60"
)

// What must be caught of published files and of exports, in the words of the issue that asked for it. Each has a time limit: to hang
// is to fail. Cosignatures, editions, tiles of every size and the store have tests of their own (transparency, ledger).
func TestWhatMustBeCaught(t *testing.T) {
	b := lt.Demo(t, "2021-12-31")
	c := newCaughtLog(t, storedEvents(t, b.Events)[:60])
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := quietCheck(c.key, []string{c.pin(t, 40)}).files(ctx, &heldLog{name: "log", kind: kindDirectory}, c.files, ""); err != nil {
		t.Fatalf("the log as it is: %v", err)
	}
	if err := checkExport(ctx, c.export, c.key, []string{c.pin(t, 40)}); err != nil {
		t.Fatalf("the export as it is: %v", err)
	}
	bundle := c.files[bundleName]
	entries := splitEntries(bundle)
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			f(t)
			if ctx.Err() != nil {
				t.Fatal("it took too long")
			}
		})
	}
	run("every bit flip in every byte", func(t *testing.T) {
		bits := 0
		for name, text := range c.files {
			step := map[string]int{bundleName: 127, leavesName: 11}[name] // transparency flips every bit of these; this is the whole of verify
			step = max(step, 1)
			if testing.Short() {
				step = 257
			}
			for bit := 0; bit < 8*len(text); bit += step {
				data := bytes.Clone(text)
				data[bit/8] ^= 1 << (bit % 8)
				key := c.key
				if name == transparency.VerifierFile || bit%2 == 0 {
					key = "" // as somebody checks who has no key from elsewhere
				}
				wantCaught(t, ctx, fmt.Sprintf("bit %d of %s", bit, name), with(c.files, name, data), key)
				bits++
			}
		}
		t.Logf("%d bits", bits)
	})
	run("every bit flip in an export", func(t *testing.T) {
		lines := bytes.SplitAfter(c.export, []byte("\n"))
		head := len(lines[0]) + len(lines[1]) + len(lines[2])
		last := len(c.export) - len(lines[len(lines)-2])
		bits := 0
		for bit := 0; bit < 8*len(c.export); {
			data := bytes.Clone(c.export)
			data[bit/8] ^= 1 << (bit % 8)
			wantExportCaught(t, ctx, fmt.Sprintf("bit %d of the export", bit), data, c.key)
			bits++
			switch at := bit / 8; {
			case testing.Short():
				bit += 4099
			case at < head:
				bit += 7 // of the header and the first two events every byte, each at another place
			case at >= last:
				bit += 61
			default:
				bit += 4099
			}
		}
		t.Logf("%d bits", bits)
	})
	run("deletion", func(t *testing.T) {
		for i := range entries {
			wantCaught(t, ctx, fmt.Sprintf("event %d gone from the bundle", i+1), with(c.files, bundleName, joinEntries(slices.Delete(slices.Clone(entries), i, i+1))), c.key)
			if i > 0 {
				events := renumbered(t, slices.Delete(slices.Clone(b.Events[:60]), i, i+1))
				wantCaught(t, ctx, fmt.Sprintf("event %d gone and signed again", i+1), c.publish(t, events), c.key, c.pin(t, i+1))
			}
		}
		for name := range c.files {
			if name != transparency.VerifierFile {
				wantCaught(t, ctx, name+" gone", with(c.files, name, nil), c.key)
			}
		}
		lines := bytes.SplitAfter(c.export, []byte("\n"))
		for i := range lines[:len(lines)-1] {
			wantExportCaught(t, ctx, fmt.Sprintf("line %d gone from the export", i+1), bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil), c.key)
		}
	})
	run("reorder", func(t *testing.T) {
		lines := bytes.SplitAfter(c.export, []byte("\n"))
		for i := range len(entries) - 1 {
			swapped := slices.Clone(entries)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			wantCaught(t, ctx, fmt.Sprintf("events %d and %d exchanged", i+1, i+2), with(c.files, bundleName, joinEntries(swapped)), c.key)
			leaves := bytes.Clone(c.files[leavesName])
			copy(leaves[32*i:], c.files[leavesName][32*(i+1):32*(i+2)])
			copy(leaves[32*(i+1):], c.files[leavesName][32*i:32*(i+1)])
			wantCaught(t, ctx, fmt.Sprintf("events %d and %d exchanged with their hashes", i+1, i+2), with(with(c.files, bundleName, joinEntries(swapped)), leavesName, leaves), c.key)
			other := slices.Clone(lines)
			other[i+1], other[i+2] = other[i+2], other[i+1]
			wantExportCaught(t, ctx, fmt.Sprintf("events %d and %d of the export exchanged", i+1, i+2), bytes.Join(other, nil), c.key)
		}
	})
	run("insertion", func(t *testing.T) {
		lines := bytes.SplitAfter(c.export, []byte("\n"))
		for i := range entries {
			twice := slices.Insert(slices.Clone(entries), i, entries[i])
			wantCaught(t, ctx, fmt.Sprintf("event %d twice in the bundle", i+1), with(c.files, bundleName, joinEntries(twice)), c.key)
			wantExportCaught(t, ctx, fmt.Sprintf("event %d twice in the export", i+1), bytes.Join(slices.Insert(slices.Clone(lines), i+1, lines[i+1]), nil), c.key)
			if i > 0 {
				events := renumbered(t, slices.Insert(slices.Clone(b.Events[:60]), i, b.Events[i]))
				wantCaught(t, ctx, fmt.Sprintf("event %d twice and signed again", i+1), c.publish(t, events), c.key, c.pin(t, 60))
			}
		}
	})
	run("truncation", func(t *testing.T) {
		for name, text := range c.files {
			for n := 0; n < len(text); n += 1 + len(text)/200 {
				wantCaught(t, ctx, fmt.Sprintf("%s cut to %d bytes", name, n), with(c.files, name, text[:n:n]), c.key)
			}
			wantCaught(t, ctx, name+" made longer", with(c.files, name, append(bytes.Clone(text), 0)), c.key)
		}
		for n := 0; n < len(c.export); n += 1 + len(c.export)/200 {
			wantExportCaught(t, ctx, fmt.Sprintf("the export cut to %d bytes", n), c.export[:n], c.key)
		}
	})
	run("rollback to an older copy", func(t *testing.T) {
		for _, size := range []int{1, 30, 59} {
			why := wantCaught(t, ctx, fmt.Sprintf("a copy of %d events", size), c.publish(t, c.stored[:size]), c.key, c.pin(t, 60))
			if !strings.Contains(why, "older than what was known before") {
				t.Errorf("a copy of %d events: %s", size, why)
			}
		}
	})
	run("splice from another collective", func(t *testing.T) {
		founding := proto.Clone(b.Events[0]).(*eventv1.Event)
		founding.GetCollectiveFounded().LogOrigin = "example.org/other"
		events := append([]*eventv1.Event{founding}, b.Events[1:60]...)
		other := newCaughtLog(t, storedEvents(t, events))
		for name := range c.files {
			wantCaught(t, ctx, name+" of another collective", with(c.files, name, other.files[name]), c.key)
		}
		// The same founding bytes, signed under another name: the founding says which log it is of.
		secret, key := newKey(t, "example.org/other")
		same := &caughtLog{stored: c.stored, secret: secret, key: key}
		if why := wantCaught(t, ctx, "the same events under another name", same.publish(t, c.stored), key); !strings.Contains(why, "it founds the log") {
			t.Errorf("the same events under another name: %s", why)
		}
		wantExportCaught(t, ctx, "an export of another collective", other.export, c.key)
		wantExportCaught(t, ctx, "the other's last line", append(bytes.Clone(c.export[:bytes.LastIndex(c.export, []byte(`{"head"`))]), other.export[bytes.LastIndex(other.export, []byte(`{"head"`)):]...), c.key)
	})
	run("re-encoding with the same meaning", func(t *testing.T) {
		for _, i := range []int{0, 5, 59} {
			for name, data := range map[string][]byte{"fields in another order": reordered(c.stored[i].Data), "an unknown field more": append(bytes.Clone(c.stored[i].Data), 0xf8, 0xff, 0x7f, 1)} {
				e, err := ledger.Decode(eventstore.Event{Stream: c.stored[i].Stream, Version: c.stored[i].Version, Type: c.stored[i].Type, Data: data})
				if err != nil {
					t.Fatalf("%s in event %d does not mean the same: %v", name, i+1, err)
				}
				if e.ProtoReflect().SetUnknown(nil); !proto.Equal(e, b.Events[i]) {
					t.Fatalf("%s in event %d is another event", name, i+1)
				}
				entry := transparency.Entry(b.State.Charter().LogOrigin, c.stored[i].Type, data)
				changed := slices.Clone(entries)
				changed[i] = entry
				wantCaught(t, ctx, fmt.Sprintf("%s in event %d", name, i+1), with(c.files, bundleName, joinEntries(changed)), c.key)
				stored := slices.Clone(c.stored)
				stored[i].Data = data
				if why := wantCaught(t, ctx, name+" and signed again", c.publish(t, stored), c.key, c.pin(t, i+1)); !strings.Contains(why, "history was changed") {
					t.Errorf("%s in event %d and signed again: %s", name, i+1, why)
				}
			}
		}
	})
	run("a rewritten history re-signed with the real log key", func(t *testing.T) {
		forged := slices.Clone(b.Events[:60])
		forged[59] = proto.Clone(forged[59]).(*eventv1.Event)
		forged[59].RecordedAt++ // nothing that a rule could find
		files := c.publish(t, storedEvents(t, forged))
		if err := quietCheck(c.key, nil).files(ctx, &heldLog{name: "log", kind: kindDirectory}, files, ""); err != nil {
			t.Fatalf("without anything kept from before it is a log like any other, and is refused: %v", err)
		}
		if why := wantCaught(t, ctx, "the forged history", files, c.key, c.pin(t, 60)); !strings.Contains(why, "history was changed") {
			t.Errorf("%s", why)
		}
		if err := quietCheck(c.key, []string{c.pin(t, 59)}).files(ctx, &heldLog{name: "log", kind: kindDirectory}, files, ""); err != nil {
			t.Errorf("its true beginning is refused: %v", err)
		}
	})
	run("two heads of one size", func(t *testing.T) {
		forged := slices.Clone(b.Events[:60])
		forged[59] = proto.Clone(forged[59]).(*eventv1.Event)
		forged[59].RecordedAt++
		files := c.publish(t, storedEvents(t, forged))
		name := filepath.Join(t.TempDir(), "kept")
		if err := os.WriteFile(name, c.files[transparency.CheckpointFile], 0o600); err != nil {
			t.Fatal(err)
		}
		p := quietCheck(c.key, nil)
		p.checkpoints = []string{name}
		why := wantFour(t, "the second head", p.files(ctx, &heldLog{name: "log", kind: kindDirectory}, files, ""))
		if !strings.Contains(why, "Both heads are signed") {
			t.Errorf("%s", why)
		}
	})
}

func splitEntries(bundle []byte) (entries [][]byte) {
	for len(bundle) > 0 {
		n := 2 + int(bundle[0])<<8 + int(bundle[1])
		entries = append(entries, bundle[2:n])
		bundle = bundle[n:]
	}
	return entries
}

func joinEntries(entries [][]byte) (bundle []byte) {
	for _, e := range entries {
		bundle = append(bundle, byte(len(e)>>8), byte(len(e)))
		bundle = append(bundle, e...)
	}
	return bundle
}

// reordered moves the first field of a message to its end.
func reordered(data []byte) []byte {
	_, _, n := protowire.ConsumeField(data)
	return append(bytes.Clone(data[n:]), data[:n]...)
}

// A check ends when its context does, however much there would be to read.
func TestVerifyStops(t *testing.T) {
	b := lt.Demo(t, "2021-12-31")
	c := newCaughtLog(t, storedEvents(t, b.Events)[:60])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := quietCheck(c.key, nil).files(ctx, &heldLog{name: "log", kind: kindDirectory}, c.files, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that was called off ends with %v", err)
	}
}
