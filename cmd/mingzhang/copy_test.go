package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// codeAfter runs a command line and gives its exit code with what it said.
func codeAfter(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	out, errOut, err := command(t, args...)
	var b strings.Builder
	code = report(&b, english, err)
	return code, out + errOut + b.String()
}

// wantSaid checks an exit code and that each pattern is in what was said.
func wantSaid(t *testing.T, want int, args []string, patterns ...string) {
	t.Helper()
	code, said := codeAfter(t, args...)
	if code != want {
		t.Errorf("mingzhang %s: exit code %d, not %d:\n%s", strings.Join(args, " "), code, want, said)
	}
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(said) {
			t.Errorf("mingzhang %s does not say %q:\n%s", strings.Join(args, " "), p, said)
		}
	}
}

// sameBytes checks that two directories or clusters hold the same streams, to the byte, through the stores themselves.
func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	var read [2]string
	for i, word := range []string{a, b} {
		s := &session{}
		p, err := s.placeOf(word)
		if err != nil {
			t.Fatal(err)
		}
		log, err := p.open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		list, err := log.bare.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, one := range list {
			if one.Deleted || !ours(one.Stream) {
				continue
			}
			for e, err := range log.bare.Read(t.Context(), one.Stream, 0) {
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString(e.Stream + " " + e.Type + " ")
				all.Write(e.Data)
				all.WriteByte('\n')
			}
		}
		read[i] = all.String()
		if err := log.close(); err != nil {
			t.Fatal(err)
		}
	}
	if read[0] != read[1] || read[0] == "" {
		t.Errorf("%s and %s are not the same: %d and %d bytes", a, b, len(read[0]), len(read[1]))
	}
}

// cutting fails one append of a run, before it is stored or after.
type cutting struct {
	listed
	at    int // the append that fails, from 1
	after bool
	cut   func()
	n     int
}

func (c *cutting) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	if c.n++; c.n != c.at {
		return c.listed.Append(ctx, stream, expected, events)
	}
	c.cut()
	if c.after {
		if _, err := c.listed.Append(ctx, stream, expected, events); err != nil {
			return 0, err
		}
	}
	return 0, errCut
}

var errCut = errors.New("the line was cut")

// A copy that is cut at any append, before it was stored or after, goes on from there and ends with the same bytes. Until then the
// directory is none that anything else opens.
func TestCopyGoesOnWhereItWasCut(t *testing.T) {
	from, to := demoDir(t), filepath.Join(t.TempDir(), "to")
	s := &session{config: config{lang: english}, stdout: io.Discard, stderr: io.Discard}
	cuts, appends := 0, 0
	for round := 0; ; round++ {
		source, err := place{dir: from}.open(s.quietLogger())
		if err != nil {
			t.Fatal(err)
		}
		target, begun, err := place{dir: to}.openTarget("", s.quietLogger())
		if err != nil || !begun {
			t.Fatalf("round %d: begun %v, %v", round, begun, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cut := &cutting{listed: target.log, at: 2, after: round%2 == 1, cut: func() {}}
		if round%3 == 2 {
			cut.cut = cancel
		}
		target.log = cut
		c := &copying{session: s, from: source, to: target, bytesMax: 4 << 10}
		err = c.run(ctx)
		cancel()
		appends += cut.n
		if closing := errors.Join(source.close(), target.close()); closing != nil {
			t.Fatal(closing)
		}
		if err == nil {
			break
		}
		if cuts++; !errors.Is(err, errCut) && !errors.Is(err, context.Canceled) {
			t.Fatalf("round %d: %v", round, err)
		}
		wantSaid(t, exitStorage, []string{"balance", "--data", to}, "not finished")
	}
	if cuts < 5 {
		t.Errorf("it was cut %d times in %d appends", cuts, appends)
	}
	wantSaid(t, 0, []string{"store", "copy", from, to, "--lang", "en"}, " 0 copied")
	sameBytes(t, from, to)
	must(t, "verify", "--data", to)
}

// The process is killed (SIGKILL) again and again while it copies out of a slow cluster; the same command goes on.
func TestCopyKilled(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	from := demoDir(t)
	must(t, "store", "copy", from, server.ConnectionString())
	server.Fail("Read", esdbtest.SlowEvents(500*time.Microsecond))
	to := filepath.Join(t.TempDir(), "to")
	killed := 0
	for round := range 40 {
		cmd := exec.Command("mingzhang", "store", "copy", server.ConnectionString(), to)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		case <-time.After(time.Duration(100+100*round) * time.Millisecond):
			_ = cmd.Process.Kill()
			if <-ended != nil {
				killed++
			}
		}
		if _, err := os.Stat(filepath.Join(to, formatFile)); err == nil {
			break
		}
	}
	if killed == 0 {
		t.Error("it was never killed on the way")
	}
	server.ClearFaults()
	if rest := must(t, "store", "copy", server.ConnectionString(), to, "--json"); strings.Contains(rest, `"copied": 178`) {
		t.Errorf("nothing was there from the runs before:\n%s", rest)
	}
	sameBytes(t, from, to)
	must(t, "verify", "--data", to)
	t.Logf("killed %d times", killed)
}

// A cluster that loses answers and takes less at once than the port allows gets the same bytes, once.
func TestCopyIntoADifficultCluster(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{MaxAppendSize: 34 << 10, StrictSize: true})
	server.FailNext("Append", 2, esdbtest.CommitThenDrop())
	from := demoDir(t)
	must(t, "store", "copy", from, server.ConnectionString())
	if n := server.Calls("Append"); n < 6 {
		t.Errorf("%d appends: none was made smaller", n)
	}
	sameBytes(t, from, server.ConnectionString())
}

// rawClient is the client that anybody may point at a cluster.
func rawClient(t *testing.T, connection string) *esdb.Client {
	t.Helper()
	conf, err := esdb.ParseConnectionString(connection)
	if err != nil {
		t.Fatal(err)
	}
	conf.Logger = func(esdb.LogLevel, string, ...any) {}
	client, err := esdb.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func writeForeign(t *testing.T, client *esdb.Client, stream string) {
	t.Helper()
	_, err := client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}},
		esdb.EventData{EventID: uuid.New(), EventType: "income_recorded", ContentType: esdb.ContentTypeBinary, Data: []byte("not ours")})
	if err != nil {
		t.Fatal(err)
	}
}

// adapter is our own connection to a cluster.
func adapter(t *testing.T, connection string) *eventstoredb.Store {
	t.Helper()
	store, err := eventstoredb.Open(connection, eventstoredb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// What was erased does not come back by a copy, in either direction, and its name stays used up.
func TestCopyOfDeletedStreams(t *testing.T) {
	const person = "person-1"
	server := esdbtest.New(t, esdbtest.Options{})
	cluster := adapter(t, server.ConnectionString())
	if _, err := cluster.Append(t.Context(), person, 0, []eventstore.NewEvent{{Type: "named", Data: []byte("a name")}}); err != nil {
		t.Fatal(err)
	}
	from := demoDir(t)
	withLog(t, from, func(log *openedPlace) {
		if err := log.log.Delete(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	})
	wantSaid(t, 0, []string{"store", "copy", from, server.ConnectionString(), "--lang", "en"}, "1 streams deleted")
	if _, err := cluster.Append(t.Context(), person, 0, []eventstore.NewEvent{{Type: "named", Data: []byte("a name")}}); !errors.Is(err, eventstore.ErrDeleted) {
		t.Errorf("an append after the erasure: %v", err)
	}
	back := filepath.Join(t.TempDir(), "back")
	wantSaid(t, 0, []string{"store", "copy", server.ConnectionString(), back, "--lang", "en"}, "1 streams deleted")
	withLog(t, back, func(log *openedPlace) {
		list, err := log.bare.List(t.Context())
		if err != nil || len(list) != 4 || list[3] != (eventstore.Listing{Stream: person, Deleted: true}) {
			t.Errorf("the copy has %v, %v", list, err)
		}
	})

	// The other way round it is refused: somebody deleted books in the target.
	if err := cluster.Delete(t.Context(), "collective-liminba"); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, exitVerified, []string{"store", "copy", from, server.ConnectionString(), "--lang", "en"}, "collective-liminba is deleted in the target")
	wantSaid(t, exitVerified, []string{"store", "check", server.ConnectionString(), "--lang", "en"}, "^collective-liminba .*was deleted")
}

func withLog(t *testing.T, dir string, f func(*openedPlace)) {
	t.Helper()
	log, err := place{dir: dir}.open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f(log)
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
}

// Everything that others do to our streams in a cluster is told, each with its place, and nothing hides the next. Streams of
// other programs are their own business.
func TestStoreCheckOfACluster(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	connection := server.ConnectionString()
	from, node := demoDir(t), filepath.Join(t.TempDir(), "node")
	must(t, "store", "copy", from, connection)
	must(t, "init", "--data", node, "--store", connection, "--secret", filepath.Join(from, secretFile))
	must(t, "verify", "--data", node)
	client := rawClient(t, connection)
	writeForeign(t, client, "orders-1")
	wantSaid(t, 0, []string{"store", "check", connection, "--lang", "en"}, "3 streams, 178 events")
	must(t, "verify", "--data", node)
	wantSaid(t, 0, []string{"store", "copy", connection, filepath.Join(t.TempDir(), "to"), "--lang", "en"}, "1 streams of other programs")

	var hide esdb.StreamMetadata
	hide.SetMaxCount(10)
	if _, err := client.SetStreamMetadata(t.Context(), "collective-liminba", esdb.AppendToStreamOptions{}, hide); err != nil {
		t.Fatal(err)
	}
	writeForeign(t, client, ledger.StreamAccess)
	writeForeign(t, client, ledger.StreamAccess)
	writeForeign(t, client, "collective-new")
	if _, err := client.TombstoneStream(t.Context(), ledger.StreamCollectives, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	found := []string{
		`^access +6 +somebody else wrote it`, `^access +7 +somebody else wrote it`,
		`^collective-liminba +somebody told the server to hide or remove its events: \$maxCount 10`,
		`^collective-liminba +1 +the next event has version 163`,
		`^collective-new +1 +somebody else wrote it`,
		`^collectives +the stream was deleted`,
	}
	wantSaid(t, exitVerified, []string{"store", "check", connection, "--lang", "en"}, found...)
	wantSaid(t, exitVerified, []string{"store", "check", node, "--json"}, `"stream": "collectives",\s+"version": 1,\s+"what": "the log is shorter than its head`)
	wantSaid(t, exitVerified, []string{"store", "copy", connection, filepath.Join(t.TempDir(), "bad")})
}

// A soft deletion hides everything.
func TestStoreCheckOfASoftDeletion(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	connection := server.ConnectionString()
	must(t, "store", "copy", demoDir(t), connection)
	if _, err := rawClient(t, connection).DeleteStream(t.Context(), "collective-liminba", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, exitVerified, []string{"store", "check", connection}, `^collective-liminba +.*\$tb`)
	wantSaid(t, exitVerified, []string{"store", "copy", connection, filepath.Join(t.TempDir(), "to")})
}

// A stream with events of ours under a name that this version does not know is a newer version's, not somebody else's.
func TestCopyRefusesWhatANewerVersionWrote(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	connection := server.ConnectionString()
	must(t, "store", "copy", demoDir(t), connection)
	if _, err := adapter(t, connection).Append(t.Context(), "vault-1", 0, []eventstore.NewEvent{{Type: "sealed", Data: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, exitVerified, []string{"store", "copy", connection, filepath.Join(t.TempDir(), "to"), "--lang", "en"}, "does not know")
}
