package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

const damagedLogEvents = 40

// wantDamage demands that a read from the beginning ends with damage at the version, after only good events.
func wantDamage(t *testing.T, s *Store, inner *fake, good []eventstore.Event, version uint64, what string) {
	t.Helper()
	log, err := readAll(t, s, village, 0)
	var damage *eventstore.CorruptError
	if !errors.As(err, &damage) || damage.Stream != village || damage.Version != version {
		t.Fatalf("%s: read of %d events ended with %v, not damage at version %d", what, len(log), err, version)
	}
	if version == 0 {
		return
	}
	if len(log) >= int(version) {
		t.Fatalf("%s: %d events were yielded, which is past version %d", what, len(log), version)
	}
	for i, e := range log {
		if e.Type != good[i].Type || !bytes.Equal(e.Data, good[i].Data) {
			t.Fatalf("%s: a wrong event %d was yielded", what, i+1)
		}
	}
}

// eachEdit calls f with the log after every single edit that changes what it says, and the first version that is then
// wrong. With -short it takes some of the bits of each event.
func eachEdit(good []eventstore.Event, f func(what string, log []eventstore.Event, version uint64)) {
	n, step := len(good), 1
	if testing.Short() {
		step = 37 // odd, so that it visits every place in a byte
	}
	for i := range n {
		at := uint64(i) + 1
		for bit := 0; bit < len(good[i].Data)*8; bit += step {
			log := slices.Clone(good)
			log[i].Data = bytes.Clone(log[i].Data)
			log[i].Data[bit/8] ^= 1 << (bit % 8)
			f(fmt.Sprintf("bit %d of the data of event %d", bit, at), log, at)
		}
		for bit := 0; bit < len(good[i].Type)*8; bit += step {
			log := slices.Clone(good)
			name := []byte(log[i].Type)
			name[bit/8] ^= 1 << (bit % 8)
			log[i].Type = string(name)
			f(fmt.Sprintf("bit %d of the type of event %d", bit, at), log, at)
		}
		for bit := 0; bit < 64; bit += step {
			log := slices.Clone(good)
			log[i].Version ^= 1 << bit
			f(fmt.Sprintf("bit %d of the version of event %d", bit, at), log, at)
		}
		event := func(e eventstore.Event) []eventstore.Event {
			log := slices.Clone(good)
			log[i] = e
			return log
		}
		other := good[i]
		other.Stream = "collective-xiazhuang"
		f(fmt.Sprintf("name of the stream of event %d", at), event(other), at)
		other = good[i]
		other.Data = nil
		f(fmt.Sprintf("event %d without data", at), event(other), at)
		other = good[i]
		other.Type, other.Data = good[i].Type+"\n\n"+string(good[i].Data[:3]), good[i].Data[3:]
		f(fmt.Sprintf("event %d with data moved into its type", at), event(other), at)
		other = good[i]
		other.Data = append(bytes.Clone(good[i].Data), 0)
		f(fmt.Sprintf("event %d with a byte more", at), event(other), at)
		other.Data = good[i].Data[:len(good[i].Data)-1]
		f(fmt.Sprintf("event %d with a byte less", at), event(other), at)

		f(fmt.Sprintf("event %d dropped", at), slices.Delete(slices.Clone(good), i, i+1), at)
		f(fmt.Sprintf("event %d dropped, the rest renumbered", at), renumber(slices.Delete(slices.Clone(good), i, i+1)), at)
		f(fmt.Sprintf("the log cut before event %d", at), slices.Clone(good[:i]), at)
		if i+1 == n {
			continue // a repeated last event is a new event: nobody remembers that it was not stored
		}
		f(fmt.Sprintf("event %d twice", at), slices.Insert(slices.Clone(good), i, good[i]), at+1)
		f(fmt.Sprintf("event %d twice, the rest renumbered", at), renumber(slices.Insert(slices.Clone(good), i, good[i])), at+1)
		f(fmt.Sprintf("a new event before %d", at), renumber(slices.Insert(slices.Clone(good), i, eventstore.Event{Stream: village, Type: "noted", Data: []byte("new")})), at)
		log := slices.Clone(good)
		log[i], log[i+1] = log[i+1], log[i]
		f(fmt.Sprintf("event %d behind the next", at), slices.Clone(log), at)
		f(fmt.Sprintf("event %d behind the next, renumbered", at), renumber(log), at)
	}
}

func TestEveryEditIsCaught(t *testing.T) {
	inner, dir := makeLog(t, damagedLogEvents)
	s := openStore(t, inner, dir)
	good := inner.get(village)
	edits := 0
	eachEdit(good, func(what string, log []eventstore.Event, version uint64) {
		edits++
		inner.set(village, log)
		s.forget()
		wantDamage(t, s, inner, good, version, what)
		s.forget()
		if r, err := s.Verify(t.Context(), village); err != nil || r.OK || r.FirstBad != version || r.Reason == "" {
			t.Fatalf("%s: verify says %+v, %v; want damage at version %d", what, r, err, version)
		}
		inner.set(village, good)
	})
	s.forget()
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != len(good) {
		t.Errorf("the good log: %d events, %v", len(log), err)
	}
	t.Logf("%d edits caught", edits)
}

// A stream that is in use is compared with memory, so an edit is caught before it is opened again.
func TestEveryEditIsCaughtWhileRunning(t *testing.T) {
	inner, dir := makeLog(t, damagedLogEvents)
	s := openStore(t, inner, dir)
	good := inner.get(village)
	eachEdit(good, func(what string, log []eventstore.Event, version uint64) {
		inner.set(village, good)
		s.forget()
		if err := s.ready(t.Context(), s.stream(village)); err != nil {
			t.Fatal(err)
		}
		inner.set(village, log)
		wantDamage(t, s, inner, good, version, what)
	})
}

// Without the leaf file the root alone tells that something is wrong, but not where, unless it shows by itself.
func TestEveryEditIsCaughtWithoutLeaves(t *testing.T) {
	inner, dir := makeLog(t, damagedLogEvents)
	removeFile(t, nodesPath(dir, village))
	s := openStore(t, inner, dir)
	good := inner.get(village)
	eachEdit(good, func(what string, log []eventstore.Event, version uint64) {
		inner.set(village, log)
		s.forget()
		_, err := readAll(t, s, village, 0)
		var damage *eventstore.CorruptError
		if !errors.As(err, &damage) {
			t.Fatalf("%s: read ended with %v", what, err)
		}
	})
}

// A read after some version compares what it yields, and nothing else.
func TestTailReadCatchesWhatItYields(t *testing.T) {
	const after = 25
	inner, dir := makeLog(t, damagedLogEvents)
	s := openStore(t, inner, dir)
	good := inner.get(village)
	for i := range good {
		inner.set(village, good)
		s.forget()
		if err := s.ready(t.Context(), s.stream(village)); err != nil {
			t.Fatal(err)
		}
		log := copyLog(good)
		log[i].Data[0] ^= 1
		inner.set(village, log)
		got, err := readAll(t, s, village, after)
		if i < after {
			if err != nil || len(got) != damagedLogEvents-after {
				t.Errorf("event %d is wrong: a read after %d gave %d events, %v", i+1, after, len(got), err)
			}
			continue
		}
		var damage *eventstore.CorruptError
		if !errors.As(err, &damage) || damage.Version != uint64(i)+1 || len(got) != i-after {
			t.Errorf("event %d is wrong: a read after %d gave %d events, %v", i+1, after, len(got), err)
		}
	}
	for _, n := range []int{30, 10} {
		inner.set(village, good)
		s.forget()
		if err := s.ready(t.Context(), s.stream(village)); err != nil {
			t.Fatal(err)
		}
		inner.set(village, good[:n])
		if _, err := readAll(t, s, village, after); !isDamage(err, uint64(max(n, after))+1) {
			t.Errorf("a read after %d of a log cut at %d: %v", after, n, err)
		}
	}
}

func isDamage(err error, version uint64) bool {
	var damage *eventstore.CorruptError
	return errors.As(err, &damage) && damage.Version == version
}

func TestDamageStaysAndDoesNotSpread(t *testing.T) {
	inner, dir := makeLog(t, 10)
	s := openStore(t, inner, dir)
	appendMany(t, s, "access", 0, 3)
	good := inner.get(village)
	log := copyLog(good)
	log[4].Data[2] ^= 4
	inner.set(village, log)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 5) {
		t.Fatal(err)
	}
	inner.set(village, good)
	if _, err := s.Append(t.Context(), village, 10, []eventstore.NewEvent{event(11)}); !isDamage(err, 5) {
		t.Errorf("append to a damaged stream: %v", err)
	}
	if n := len(inner.get(village)); n != 10 {
		t.Errorf("the damaged stream grew to %d events", n)
	}
	for _, after := range []uint64{0, 7, 10} {
		if log, err := readAll(t, s, village, after); !isDamage(err, 5) || len(log) > 0 {
			t.Errorf("read of a damaged stream after %d: %d events, %v", after, len(log), err)
		}
	}
	if _, _, err := s.Head(t.Context(), village); !isDamage(err, 5) {
		t.Errorf("head of a damaged stream: %v", err)
	}
	if h := s.Health(); len(h.Damaged) != 1 || h.Damaged[0].Stream != village {
		t.Errorf("health: %+v", h)
	}
	appendMany(t, s, "access", 3, 6)
	if log, err := readAll(t, s, "access", 0); err != nil || len(log) != 6 {
		t.Errorf("the other stream: %d events, %v", len(log), err)
	}
}

// An append in a running process notices that the log was cut behind its back, whether it knows the true version or not.
func TestAppendNoticesACutLog(t *testing.T) {
	for _, expected := range []uint64{10, 6} {
		inner, dir := makeLog(t, 10)
		s := openStore(t, inner, dir)
		appendMany(t, s, village, 10, 11)
		inner.set(village, inner.get(village)[:6])
		if _, err := s.Append(t.Context(), village, expected, []eventstore.NewEvent{event(12)}); !isDamage(err, 7) {
			t.Errorf("append at version %d of a log cut to 6 of 11: %v", expected, err)
		}
		if _, err := readAll(t, s, village, 0); !isDamage(err, 7) {
			t.Errorf("read after it: %v", err)
		}
	}
}

func TestHeadFiles(t *testing.T) {
	inner, dir := makeLog(t, 10)
	s := openStore(t, inner, dir)
	appendMany(t, s, "access", 0, 10)
	if _, _, err := s.Head(t.Context(), "access"); err != nil {
		t.Fatal(err)
	}
	path := headPath(dir, village)
	good := readFile(t, path)
	want := func(what, words string) {
		t.Helper()
		s.forget()
		_, err := readAll(t, s, village, 0)
		if !isDamage(err, 0) || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: read ended with %v", what, err)
		}
		s.forget()
		if _, err := s.Append(t.Context(), village, 10, []eventstore.NewEvent{event(11)}); !isDamage(err, 0) {
			t.Errorf("%s: append ended with %v", what, err)
		}
		if r, err := s.Verify(t.Context(), village); err != nil || r.OK {
			t.Errorf("%s: verify says %+v, %v", what, r, err)
		}
	}
	for bit := range len(good) * 8 {
		msg := bytes.Clone(good)
		msg[bit/8] ^= 1 << (bit % 8)
		writeFile(t, path, msg)
		s.forget()
		if _, err := readAll(t, s, village, 0); !isDamage(err, 0) {
			t.Fatalf("bit %d of the head: read ended with %v", bit, err)
		}
	}
	for n := range len(good) {
		writeFile(t, path, good[:n])
		s.forget()
		if _, err := readAll(t, s, village, 0); !isDamage(err, 0) {
			t.Fatalf("the first %d bytes of the head: read ended with %v", n, err)
		}
	}
	writeFile(t, path, nil)
	want("empty", "not valid")
	writeFile(t, path, append(bytes.Clone(good), good...))
	want("twice", "not valid")
	writeFile(t, path, append(bytes.Clone(good), "— witness AAAAAAAA\n"...))
	want("with a signature more", "not valid")
	writeFile(t, path, bytes.Repeat([]byte("x"), 100<<10))
	want("100 KiB", "not valid")
	writeFile(t, path, readFile(t, headPath(dir, "access")))
	want("of another stream", "the first event says otherwise")
	foreign, err := newLogKey(bytes.Repeat([]byte{8}, 32), "example.org/log/shangzhuang")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := foreign.sign(Head{Origin: foreign.Name(), Size: 10, Root: naiveLogRoot(foreign.Name(), inner.get(village))})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, msg)
	want("signed with another secret", "not valid")
	removeFile(t, path)
	want("missing", "mingzhang verify --adopt-heads")

	writeFile(t, path, good)
	s.forget()
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 10 {
		t.Errorf("with the right head: %d events, %v", len(log), err)
	}
}

// An older head is as good as a crash makes it: what stands behind it is hashed and accepted. Rolling back log and head
// together is therefore not caught here; only an outsider who remembers the later head can tell (see the package comment).
func TestOlderHeadIsAccepted(t *testing.T) {
	inner, dir := makeLog(t, 6)
	old := readFile(t, headPath(dir, village))
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 6, 12)
	closeStore(t, s)
	long := inner.get(village)
	newest := readFile(t, headPath(dir, village))

	writeFile(t, headPath(dir, village), old)
	crashed(t, dir)
	s = openStore(t, inner, dir)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 12 {
		t.Fatalf("with an older head: %d events, %v", len(log), err)
	}
	closeStore(t, s)
	if !bytes.Equal(readFile(t, headPath(dir, village)), newest) {
		t.Error("the head did not advance to what it was")
	}

	writeFile(t, headPath(dir, village), old)
	inner.set(village, long[:6])
	s = openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 7) {
		t.Errorf("with log and head rolled back, and a signer that remembers: %v", err)
	}
	closeStore(t, s)
	if err := os.RemoveAll(signerDir(dir)); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, inner, dir)
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 6 {
		t.Errorf("with log and head rolled back, and a signer that remembers nothing: %d events, %v", len(log), err)
	}
}

func TestAdoptHead(t *testing.T) {
	inner, dir := makeLog(t, 10)
	s := openStore(t, inner, dir)
	if _, err := s.AdoptHead(t.Context(), village); err == nil {
		t.Error("a head was adopted beside an existing one")
	}
	if _, err := s.AdoptHead(t.Context(), "nobody"); !errors.Is(err, ErrNoLog) {
		t.Errorf("a head of a stream without events was adopted: %v", err)
	}
	good := readFile(t, headPath(dir, village))
	removeFile(t, headPath(dir, village))
	s.forget()
	if _, err := readAll(t, s, village, 0); !isDamage(err, 0) {
		t.Fatalf("read without a head: %v", err)
	}
	log := copyLog(inner.get(village))
	log[3].Data[0] ^= 1
	inner.set(village, log)
	if _, err := s.AdoptHead(t.Context(), village); !isDamage(err, 4) {
		t.Errorf("a log that the leaf file contradicts was adopted: %v", err)
	}
	log[3].Data[0] ^= 1
	h, err := s.AdoptHead(t.Context(), village)
	if err != nil || h.Size != 10 {
		t.Fatalf("adopt: %v, %v", h, err)
	}
	if !bytes.Equal(readFile(t, headPath(dir, village)), good) {
		t.Error("the adopted head is not what it was")
	}
	appendMany(t, s, village, 10, 12)
	s.forget()
	if log, err := readAll(t, s, village, 0); err != nil || len(log) != 12 {
		t.Errorf("after adopting: %d events, %v", len(log), err)
	}
}

func TestLogOfOneEventNeedsNoHead(t *testing.T) {
	for n := range 3 {
		inner, dir := makeLog(t, n)
		if n > 0 {
			removeFile(t, headPath(dir, village))
		}
		crashed(t, dir)
		s := openStore(t, inner, dir)
		log, err := readAll(t, s, village, 0)
		if refused := err != nil; refused != (n > 1) {
			t.Errorf("a log of %d events without a head: %d events, %v", n, len(log), err)
		}
	}
}

func TestSharedStoreTakesLogsAsFound(t *testing.T) {
	inner := newFake()
	here := openStore(t, inner, t.TempDir())
	appendMany(t, here, village, 0, 5)
	there, err := Open(inner, t.TempDir(), testSigner(t, t.TempDir()), villageOrigin, Options{Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, there)
	if log, err := readAll(t, there, village, 0); err != nil || len(log) != 5 {
		t.Fatalf("a log that another process founded: %d events, %v", len(log), err)
	}
	appendMany(t, there, village, 5, 8)
	appendMany(t, here, village, 8, 9)
	a, _, err := here.Head(t.Context(), village)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := there.Head(t.Context(), village)
	if err != nil || b.Size != 8 || a.Size != 9 {
		t.Errorf("heads of size %d and %d (%v), want 9 and 8, the events that each has seen", a.Size, b.Size, err)
	}
	log := copyLog(inner.get(village))
	log[6].Data[0] ^= 1
	inner.set(village, log)
	if _, err := readAll(t, there, village, 0); !isDamage(err, 7) {
		t.Errorf("an edit of what was found: %v", err)
	}
}

func TestLeafFileIsRepaired(t *testing.T) {
	inner, dir := makeLog(t, damagedLogEvents)
	path := nodesPath(dir, village)
	good := readFile(t, path)
	if len(good) != damagedLogEvents*32 {
		t.Fatalf("the leaf file has %d bytes", len(good))
	}
	edits := map[string]func() error{
		"missing": func() error { removeFile(t, path); return nil },
		"empty":   func() error { writeFile(t, path, nil); return nil },
		"short":   func() error { writeFile(t, path, good[:32*7+5]); return nil },
		"longer":  func() error { writeFile(t, path, append(bytes.Clone(good), good...)); return nil },
		"zeros":   func() error { writeFile(t, path, make([]byte, len(good))); return nil },
	}
	for i := range damagedLogEvents {
		edits[fmt.Sprintf("leaf %d", i)] = func() error {
			b := bytes.Clone(good)
			b[i*32+i%32] ^= 1
			writeFile(t, path, b)
			return nil
		}
	}
	use := map[string]func(s *Store) error{
		"read whole": func(s *Store) error { _, err := readAll(t, s, village, 0); return err },
		"read tail":  func(s *Store) error { _, err := readAll(t, s, village, 3); return err },
		"append":     func(s *Store) error { _, err := s.Append(t.Context(), village, damagedLogEvents, nil); return err },
	}
	for what, edit := range edits {
		for how, use := range use {
			for _, loaded := range []bool{false, true} {
				s := openStore(t, inner, dir)
				if loaded && how == "append" {
					continue // nothing is read
				}
				if loaded {
					if err := s.ready(t.Context(), s.stream(village)); err != nil {
						t.Fatal(err)
					}
				}
				if err := edit(); err != nil {
					t.Fatal(err)
				}
				if r, err := s.Verify(t.Context(), village); err != nil || !r.OK || r.LeavesOK != (what == "longer") {
					t.Fatalf("leaf file %s: verify says %+v, %v", what, r, err)
				}
				if err := use(s); err != nil {
					t.Fatalf("leaf file %s, %s: %v", what, how, err)
				}
				closeStore(t, s)
				got := readFile(t, path)
				if what == "longer" {
					got = got[:len(good)] // what stands behind the head is overwritten when its place is needed
				}
				// A read of the tail looks at the first three leaves only when there is another reason.
				seen := !loaded || how != "read tail" || (what != "leaf 0" && what != "leaf 1" && what != "leaf 2")
				if seen && !bytes.Equal(got, good) {
					t.Fatalf("leaf file %s, %s, loaded %v: it was not made again", what, how, loaded)
				}
				writeFile(t, path, good)
			}
		}
	}
}

func TestStaleLeavesAreCutOff(t *testing.T) {
	inner, dir := makeLog(t, 10)
	path := nodesPath(dir, village)
	writeFile(t, path, append(readFile(t, path), make([]byte, 320)...))
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 10, 11)
	closeStore(t, s)
	if n := len(readFile(t, path)); n != 11*32 {
		t.Errorf("the leaf file has %d bytes after 11 events", n)
	}
}

// When both the log and its leaf file are wrong nobody knows where, but that they are wrong is known.
func TestLogAndLeafFileWrong(t *testing.T) {
	inner, dir := makeLog(t, damagedLogEvents)
	s := openStore(t, inner, dir)
	good, leafFile := inner.get(village), readFile(t, nodesPath(dir, village))
	for i := range good {
		log := copyLog(good)
		log[i].Data[1] ^= 2
		inner.set(village, log)
		h := newLeafHasher("example.org/log/shangzhuang").hash(log[i].Type, log[i].Data)
		fitting := bytes.Clone(leafFile)
		copy(fitting[i*32:], h[:]) // an editor who knows about the leaf file
		broken := bytes.Clone(leafFile)
		broken[(i*7+3)%len(good)*32]++
		for _, b := range [][]byte{fitting, broken} {
			writeFile(t, nodesPath(dir, village), b)
			s.forget()
			_, err := readAll(t, s, village, 0)
			if i == 0 && isDamage(err, 1) {
				continue // the founding event names the log, so that it may show by itself
			}
			if !isDamage(err, 0) {
				t.Fatalf("event %d: read ended with %v", i+1, err)
			}
		}
	}
}

func TestInnerDamageIsKept(t *testing.T) {
	inner, dir := makeLog(t, 10)
	s := openStore(t, inner, dir)
	inner.onAppend = func() error { return &eventstore.CorruptError{Stream: village, Version: 3, Reason: "bad row"} }
	if _, err := s.Append(t.Context(), village, 10, []eventstore.NewEvent{event(11)}); !isDamage(err, 3) {
		t.Fatal(err)
	}
	if _, err := readAll(t, s, village, 0); !isDamage(err, 3) {
		t.Errorf("read: %v", err)
	}
}

func TestUnreadableFoundingEvent(t *testing.T) {
	inner, dir := makeLog(t, 1)
	log := copyLog(inner.get(village))
	log[0].Data = []byte("no line break")
	inner.set(village, log)
	removeFile(t, headPath(dir, village))
	s := openStore(t, inner, dir)
	if _, err := readAll(t, s, village, 0); !isDamage(err, 1) {
		t.Errorf("read: %v", err)
	}
}

func TestStreamGoneFromTheStore(t *testing.T) {
	inner, dir := makeLog(t, 10)
	inner.set(village, nil)
	s := openStore(t, inner, dir)
	if _, err := s.Append(context.Background(), village, 0, []eventstore.NewEvent{event(1)}); !isDamage(err, 1) {
		t.Errorf("a vanished stream was founded again: %v", err)
	}
	names, err := s.Streams(t.Context())
	if err != nil || !slices.Equal(names, []string{village}) {
		t.Errorf("streams: %q, %v", names, err)
	}
}

// A type with a line break could take bytes from the data without a change of the hash.
func TestBytesCannotMoveBetweenTypeAndData(t *testing.T) {
	inner, dir := newFake(), t.TempDir()
	s := openStore(t, inner, dir)
	appendMany(t, s, village, 0, 1)
	if _, err := s.Append(t.Context(), village, 1, []eventstore.NewEvent{{Type: "noted", Data: []byte("one\n\ntwo")}}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	log := copyLog(inner.get(village))
	log[1].Type, log[1].Data = "noted\n\none", []byte("two")
	if !bytes.Equal(Entry("o", log[1].Type, log[1].Data), Entry("o", "noted", []byte("one\n\ntwo"))) {
		t.Fatal("the test has lost its point")
	}
	inner.set(village, log)
	if _, err := readAll(t, openStore(t, inner, dir), village, 0); !isDamage(err, 2) {
		t.Errorf("read: %v", err)
	}
}

// What stands behind the head is compared with nothing, but must be events.
func TestEventsBehindTheHeadAreWellFormed(t *testing.T) {
	for what, e := range map[string]eventstore.Event{
		"no data":        {Stream: village, Version: 6, Type: "noted"},
		"no type":        {Stream: village, Version: 6, Data: []byte("x")},
		"bad type":       {Stream: village, Version: 6, Type: "Noted", Data: []byte("x")},
		"long type":      {Stream: village, Version: 6, Type: strings.Repeat("x", 65), Data: []byte("x")},
		"gap":            {Stream: village, Version: 7, Type: "noted", Data: []byte("x")},
		"other's events": {Stream: "access", Version: 6, Type: "noted", Data: []byte("x")},
	} {
		inner, dir := makeLog(t, 5)
		inner.set(village, append(slices.Clone(inner.get(village)), e))
		crashed(t, dir)
		s := openStore(t, inner, dir)
		if log, err := readAll(t, s, village, 0); !isDamage(err, 6) || len(log) != 5 {
			t.Errorf("%s: %d events, %v", what, len(log), err)
		}
		s.forget()
		if _, err := readAll(t, s, village, 5); !isDamage(err, 6) {
			t.Errorf("%s: read of the tail: %v", what, err)
		}
	}
}

// A short log is read whole before anything is appended to it.
func TestAppendChecksAShortLog(t *testing.T) {
	inner, dir := makeLog(t, 20)
	inner.set(village, edited(inner.get(village), 11))
	s := openStore(t, inner, dir)
	if _, err := s.Append(t.Context(), village, 20, []eventstore.NewEvent{event(21)}); !isDamage(err, 12) || len(inner.get(village)) != 20 {
		t.Errorf("append: %v, %d events", err, len(inner.get(village)))
	}
}

func TestHeadOfADamagedStreamStays(t *testing.T) {
	inner, dir := makeLog(t, 5)
	head := readFile(t, headPath(dir, village))
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	appendMany(t, s, "access", 0, 1) // uses up the round before the long interval
	eventually(t, func() bool { return bytes.Contains(readFile(t, headPath(dir, "access")), []byte("\n1\n")) })
	appendMany(t, s, village, 5, 8)
	inner.set(village, edited(inner.get(village), 6))
	if _, err := readAll(t, s, village, 0); !isDamage(err, 7) {
		t.Fatal(err)
	}
	closeStore(t, s)
	if !bytes.Equal(readFile(t, headPath(dir, village)), head) {
		t.Error("a head was written for a damaged stream")
	}
}

// An append was acknowledged behind events of others; when these are gone at the first look, the log was cut.
func TestCutBeforeTheGapWasRead(t *testing.T) {
	inner, dir := makeLog(t, 5)
	s, err := Open(inner, dir, testSigner(t, dir), villageOrigin, Options{HeadInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	appendMany(t, s, "access", 0, 1)
	eventually(t, func() bool { return bytes.Contains(readFile(t, headPath(dir, "access")), []byte("\n1\n")) })
	if err := s.ready(t.Context(), s.stream(village)); err != nil {
		t.Fatal(err)
	}
	appendMany(t, inner, village, 5, 8)
	appendMany(t, s, village, 8, 9)
	inner.set(village, inner.get(village)[:6])
	if h, _, err := s.Head(t.Context(), village); !isDamage(err, 7) {
		t.Errorf("head: %v, %v", h, err)
	}
}
