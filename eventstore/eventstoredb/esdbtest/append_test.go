package esdbtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

// The rows of the server's table of appends. Each starts from a stream of its own with the events e-0, e-1 and e-2, unless the
// row prepares it otherwise.
func TestAppendTable(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	ctx := deadline(t)
	nothing := func(string) {}
	softDeleted := func(stream string) {
		if _, err := c.DeleteStream(ctx, stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
	}
	tombstoned := func(stream string) {
		if _, err := c.TombstoneStream(ctx, stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
			t.Fatal(err)
		}
	}
	onlyMetadata := func(stream string) {
		m := esdb.StreamMetadata{}
		m.SetMaxCount(10)
		if _, err := c.SetStreamMetadata(ctx, stream, esdb.AppendToStreamOptions{}, m); err != nil {
			t.Fatal(err)
		}
	}
	const wrong, deleted, done = esdb.ErrorCodeWrongExpectedVersion, esdb.ErrorCodeStreamDeleted, esdb.ErrorCode(-1)
	old := func(from, n int) []esdb.EventData { return numbered("e", from, n) }
	fresh := func(n int) []esdb.EventData { return numbered("fresh", 0, n) }
	mixed := append(numbered("e", 0, 1), numbered("fresh", 0, 1)...)
	for _, row := range []struct {
		name     string
		empty    bool // start from no events
		prepare  func(stream string)
		expected esdb.ExpectedRevision
		events   []esdb.EventData
		want     esdb.ErrorCode
		last     uint64 // of success
		count    int    // events that can be read then; -1: not found, or deleted
	}{
		{"1 tombstoned", false, tombstoned, esdb.Any{}, fresh(1), deleted, 0, -1},
		{"1 tombstoned, at the revision", false, tombstoned, esdb.Revision(2), fresh(1), deleted, 0, -1},
		{"2 exists, but soft-deleted", false, softDeleted, esdb.StreamExists{}, fresh(1), deleted, 0, -1},
		{"3 exists, but nothing does", true, nothing, esdb.StreamExists{}, fresh(1), wrong, 0, -1},
		{"3 exists by its metadata", true, onlyMetadata, esdb.StreamExists{}, fresh(1), done, 0, 1},
		{"4 any", false, nothing, esdb.Any{}, fresh(2), done, 4, 5},
		{"4 any of nothing", true, nothing, esdb.Any{}, fresh(2), done, 1, 2},
		{"4 exists", false, nothing, esdb.StreamExists{}, fresh(1), done, 3, 4},
		{"4 any, with the id of another stream's event", true, nothing, esdb.Any{}, old(0, 1), done, 0, 1},
		{"5 any, again", false, nothing, esdb.Any{}, old(1, 2), done, 2, 3},
		{"5 exists, again", false, nothing, esdb.StreamExists{}, old(0, 1), done, 0, 3},
		{"6 any, half again", false, nothing, esdb.Any{}, mixed, wrong, 0, 3},
		{"7 no stream, again", false, nothing, esdb.NoStream{}, old(0, 3), done, 2, 3},
		{"7 no stream, again, and the stream went on", false, nothing, esdb.NoStream{}, old(0, 2), done, 1, 3},
		{"7 revision, again", false, nothing, esdb.Revision(0), old(1, 2), done, 2, 3},
		{"8 no stream, other events", false, nothing, esdb.NoStream{}, fresh(1), wrong, 0, 3},
		{"8 revision, other events", false, nothing, esdb.Revision(1), fresh(1), wrong, 0, 3},
		{"8 no stream, after a soft delete", false, softDeleted, esdb.NoStream{}, fresh(2), done, 4, 2},
		{"9 half again", false, nothing, esdb.NoStream{}, mixed, wrong, 0, 3},
		{"9 again and on", false, nothing, esdb.NoStream{}, old(0, 4), wrong, 0, 3},
		{"11 beyond the end", false, nothing, esdb.Revision(3), fresh(1), wrong, 0, 3},
		{"11 a revision of nothing", true, nothing, esdb.Revision(0), fresh(1), wrong, 0, -1},
		{"12 at the end", false, nothing, esdb.Revision(2), fresh(1), done, 3, 4},
		{"12 no stream", true, nothing, esdb.NoStream{}, fresh(3), done, 2, 3},
		{"12 at the end of a soft-deleted stream", false, softDeleted, esdb.Revision(2), fresh(1), done, 3, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			stream := "table-" + t.Name()
			if !row.empty {
				mustAppend(t, c, stream, esdb.NoStream{}, old(0, 3)...)
			}
			row.prepare(stream)
			w, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: row.expected}, row.events...)
			if code(err) != row.want {
				t.Fatalf("append: %v", err)
			}
			if err == nil && w.NextExpectedVersion != row.last {
				t.Errorf("last is %d, want %d", w.NextExpectedVersion, row.last)
			}
			r, err := c.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 100)
			got, err := tryDrain(r, err)
			if err != nil && row.count >= 0 || err == nil && len(got) != row.count {
				t.Fatalf("read %d events, %v", len(got), err)
			}
			if row.want == done {
				find(t, c, stream, w)
			}
		})
	}
}

// find checks that the event that a write result names has the position that it names.
func find(t *testing.T, c *esdb.Client, stream string, w *esdb.WriteResult) {
	t.Helper()
	r, err := c.ReadStream(deadline(t), stream, esdb.ReadStreamOptions{From: esdb.Revision(w.NextExpectedVersion)}, 1)
	got := drain(t, r, err)
	if len(got) != 1 || got[0].Event.Position.Commit != w.CommitPosition || got[0].Event.Position.Prepare != w.PreparePosition {
		t.Errorf("event %d is %v; the write said position %d", w.NextExpectedVersion, got, w.CommitPosition)
	}
}

func TestSoftDelete(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	ctx := deadline(t)
	for _, row := range []struct {
		name     string
		events   int
		expected esdb.ExpectedRevision
		ok       bool
	}{
		{"any", 2, esdb.Any{}, true},
		{"exists", 2, esdb.StreamExists{}, true},
		{"revision", 2, esdb.Revision(1), true},
		{"wrong revision", 2, esdb.Revision(0), false},
		{"no stream", 2, esdb.NoStream{}, false},
		{"nothing there", 0, esdb.Any{}, false},
		{"nothing there, as expected", 0, esdb.NoStream{}, false},
	} {
		stream := "soft " + row.name
		if row.events > 0 {
			mustAppend(t, c, stream, esdb.NoStream{}, numbered(stream, 0, row.events)...)
		}
		d, err := c.DeleteStream(ctx, stream, esdb.DeleteStreamOptions{ExpectedRevision: row.expected})
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		if err != nil {
			continue
		}
		r, err := c.ReadStream(ctx, "$$"+stream, esdb.ReadStreamOptions{}, 10)
		if m := drain(t, r, err); len(m) != 1 || m[0].Event.Position.Commit != d.Position.Commit || string(m[0].Event.Data) != `{"$tb":9223372036854775807}` {
			t.Errorf("%s: metadata is %v", row.name, m)
		}
		// A write brings it back with its numbers, and one more event cuts the old ones off.
		mustAppend(t, c, stream, esdb.Any{}, numbered(stream, 7, 1)...)
		r, err = c.ReadStream(ctx, stream, esdb.ReadStreamOptions{}, 10)
		if got := drain(t, r, err); len(got) != 1 || got[0].Event.EventNumber != 2 {
			t.Errorf("%s: read %v after it came back", row.name, got)
		}
		r, err = c.ReadAll(ctx, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}}, 2)
		if got := drain(t, r, err); got[0].Event.StreamID != "$$"+stream || string(got[0].Event.Data) != `{"$tb":2}` || got[1].Event.StreamID != stream {
			t.Errorf("%s: the log ends with %v", row.name, names(got))
		}
	}
}

func TestTombstone(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	ctx := deadline(t)
	mustAppend(t, c, "there", esdb.NoStream{}, numbered("there", 0, 2)...)
	if _, err := c.TombstoneStream(ctx, "there", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(0)}); err == nil {
		t.Error("tombstone at a wrong version")
	}
	for _, stream := range []string{"there", "never there"} {
		d, err := c.TombstoneStream(ctx, stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.ReadAll(ctx, esdb.ReadAllOptions{From: d.Position}, 10)
		got := drain(t, r, err)
		if e := got[0].Event; len(got) != 1 || e.EventType != "$streamDeleted" || e.StreamID != stream || e.EventNumber != 1<<63-1 || len(e.Data) != 0 {
			t.Errorf("%s: tombstone is %+v", stream, e)
		}
		_, err = c.TombstoneStream(ctx, stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
		if code(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("%s: second tombstone: %v", stream, err)
		}
		_, err = c.AppendToStream(ctx, "$$"+stream, esdb.AppendToStreamOptions{}, numbered("m", 0, 1)...)
		if code(err) != esdb.ErrorCodeStreamDeleted {
			t.Errorf("%s: metadata of a tombstone: %v", stream, err)
		}
	}
	r, err := c.ReadAll(ctx, esdb.ReadAllOptions{}, 100)
	if all := fmt.Sprint(names(drain(t, r, err))); !strings.HasSuffix(all, " there-0 there-1 $streamDeleted $streamDeleted]") {
		t.Errorf("old events are gone from the log: %s", all)
	}
}

// After a restart the cache of ids is empty: an append at any version is repeated, one at a revision is still known.
func TestIdempotenceAfterRestart(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "a", esdb.NoStream{}, numbered("a", 0, 2)...)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	c = connect(t, s.ConnectionString())
	if w := mustAppend(t, c, "a", esdb.NoStream{}, numbered("a", 0, 2)...); w.NextExpectedVersion != 1 {
		t.Errorf("repeat at no stream ended at %d", w.NextExpectedVersion)
	}
	if w := mustAppend(t, c, "a", esdb.Any{}, numbered("a", 0, 2)...); w.NextExpectedVersion != 3 {
		t.Errorf("repeat at any version ended at %d", w.NextExpectedVersion)
	}
}

func TestPositionsHaveGaps(t *testing.T) {
	s := esdbtest.New(t, esdbtest.Options{})
	c := connect(t, s.ConnectionString())
	mustAppend(t, c, "a", esdb.NoStream{}, numbered("a", 0, 3)...)
	if err := s.Restart(); err != nil { // writes an epoch, which nobody sees
		t.Fatal(err)
	}
	c = connect(t, s.ConnectionString())
	mustAppend(t, c, "a", esdb.Revision(2), numbered("a", 3, 1)...)
	r, err := c.ReadAll(deadline(t), esdb.ReadAllOptions{}, 100)
	var last uint64
	for i, e := range drain(t, r, err) {
		p := e.Event.Position
		if p.Commit != p.Prepare || p.Commit < last+50 || p.Commit < 8192 || e.Event.EventType == "$epoch-information" {
			t.Errorf("event %d, %s, is at %v, the one before at %d", i, e.Event.EventType, p, last)
		}
		last = p.Commit
	}
}
