package people

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

const askedText = "张小三家的补助是谁批的?\n请说明。"

// newAsking is an office on the clock of the day, not on a simulated one.
func newAsking(t *testing.T, store eventstore.Store) *office {
	o := &office{Office: lt.NewOffice(t, eventstore.NewMemory()), t: t, now: lt.Noon(officeDay)}
	steps := lt.Until(lt.Demonstration(), "2021-01-04")
	steps[0].Command.(*ledger.FoundCollective).Charter.SimulatedClock = false
	o.Replay(steps)
	o.open(store)
	return o
}

// ask keeps a text and has the log committed to it; the number is the inquiry's.
func (o *office) ask(text string) (record uuid.UUID, number uint32) {
	o.t.Helper()
	record, kept := NewInquiry(o.Collective, text)
	if err := o.vault.KeepInquiry(o.t.Context(), record, kept, ledger.Meta{ID: uuid.New(), Now: o.now}); err != nil {
		o.t.Fatal(err)
	}
	commitment := CommitInquiry(lt.Charter().LogOrigin, record, kept)
	events := o.Do(officeDay, "", &ledger.RaiseInquiry{Kind: eventv1.InquiryKind_INQUIRY_KIND_TOPIC, Record: record[:], Commitment: commitment[:]})
	return record, events[0].GetInquiryReceived().Number
}

// text is what the vault shows of an inquiry: gone when its time is over, lost when it should be there.
func (o *office) text(number uint32) string {
	o.t.Helper()
	kept, err := o.vault.Inquiry(o.t.Context(), o.Collective, number)
	switch {
	case errors.Is(err, ErrLost):
		return "lost"
	case err != nil:
		o.t.Fatal(err)
	case kept == nil:
		return "gone"
	}
	return kept.Text
}

func (o *office) sweeps(want int) {
	o.t.Helper()
	if n, err := o.vault.Sweep(o.t.Context()); err != nil || n != want {
		o.t.Errorf("%d swept, want %d: %v", n, want, err)
	}
}

// TestInquiryTextGoesByTime: a text is shown until 30 days after it was read, and deleted then, on every kind of store, also by a process that
// begins anew; one that waits is never over.
func TestInquiryTextGoesByTime(t *testing.T) {
	onEach(t, func(t *testing.T, open func() eventstore.Store) {
		o := newAsking(t, open())
		published, one := o.ask(askedText)
		declined, two := o.ask("请公开")
		_, three := o.ask("没人读过的")
		o.open(open())
		if o.text(one) != askedText || o.text(two) != "请公开" {
			t.Errorf("after a start the texts are %q and %q", o.text(one), o.text(two))
		}
		o.Do(officeDay, lt.Supervisor, &ledger.PublishInquiry{Number: one, Wording: "补助是谁批的?"})
		o.Do(officeDay, lt.Supervisor, &ledger.DeclineInquiry{Number: two, Reason: eventv1.DeclineReason_DECLINE_REASON_ABUSIVE})
		o.now = lt.Noon(officeDay).Add(InquiryKeptFor - time.Second)
		o.sweeps(0)
		if o.text(one) != askedText {
			t.Errorf("a second before its time is over the text is %q", o.text(one))
		}
		o.now = lt.Noon(officeDay).Add(InquiryKeptFor)
		if o.text(one) != "gone" || o.text(two) != "gone" {
			t.Errorf("when their time is over the texts are %q and %q", o.text(one), o.text(two))
		}
		o.sweeps(0) // another node, whose clock is behind, does not think it over yet
		o.now = o.now.Add(time.Hour)
		o.open(open())
		o.sweeps(2)
		o.sweeps(0)
		for _, record := range []uuid.UUID{published, declined} {
			for _, err := range o.vault.store.Read(t.Context(), InquiryStream(record), 0) {
				if !errors.Is(err, eventstore.ErrDeleted) {
					t.Errorf("the text of %v is there: %v", record, err)
				}
			}
		}
		lost, kept, err := o.vault.LostInquiries(t.Context(), o.Collective)
		if err != nil || len(lost) != 0 || kept != 1 || o.text(three) != "没人读过的" {
			t.Errorf("lost are %v, %d kept, %v", lost, kept, err)
		}
	})
}

// TestInquiryTextIsGoneFromTheFile: a needle of the text is in no byte of the file, nor of what SQLite puts beside it.
func TestInquiryTextIsGoneFromTheFile(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(filepath.Join(dir, "people.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o := newAsking(t, store)
	needle := strings.Repeat("大海捞针", 100)
	_, number := o.ask(needle)
	o.ask("别的")
	found := func() (names []string) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if data, err := os.ReadFile(filepath.Join(dir, f.Name())); err != nil || bytes.Contains(data, []byte("捞针大海")) {
				names = append(names, f.Name())
			}
		}
		return names
	}
	if len(found()) == 0 {
		t.Fatal("the needle was never there")
	}
	o.Do(officeDay, lt.Supervisor, &ledger.DeclineInquiry{Number: number, Reason: eventv1.DeclineReason_DECLINE_REASON_ABUSIVE})
	o.now = o.now.Add(InquiryKeptFor + deletedAfter)
	o.sweeps(1)
	if names := found(); len(names) != 0 {
		t.Errorf("the needle is in %v still", names)
	}
}

// TestInquiryOrphans: a text whose command failed between the two stores goes after a day, one of books that are not there stays.
func TestInquiryOrphans(t *testing.T) {
	onEach(t, func(t *testing.T, open func() eventstore.Store) {
		o := newAsking(t, open())
		for _, collective := range []string{o.Collective, "elsewhere"} {
			record, kept := NewInquiry(collective, askedText)
			if err := o.vault.KeepInquiry(t.Context(), record, kept, ledger.Meta{ID: uuid.New()}); err != nil {
				t.Fatal(err)
			}
		}
		_, number := o.ask("提过的")
		o.now = o.now.Add(orphanAge - time.Minute)
		o.sweeps(0)
		o.now = o.now.Add(time.Minute)
		o.sweeps(1)
		if o.text(number) != "提过的" {
			t.Errorf("the text that the log knows is %q", o.text(number))
		}
	})
}

// TestInquiryTextFromABackup: what an old copy of the vault has still is not shown, and goes.
func TestInquiryTextFromABackup(t *testing.T) {
	store := eventstore.NewMemory()
	o := newAsking(t, store)
	record, number := o.ask(askedText)
	o.Do(officeDay, lt.Supervisor, &ledger.PublishInquiry{Number: number, Wording: "补助是谁批的?"})
	old := eventstore.NewMemory()
	for e, err := range store.Read(t.Context(), InquiryStream(record), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Append(t.Context(), e.Stream, 0, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}}); err != nil {
			t.Fatal(err)
		}
	}
	o.now = o.now.Add(InquiryKeptFor + deletedAfter)
	o.sweeps(1)
	o.open(old)
	if o.text(number) != "gone" {
		t.Errorf("an old copy shows %q", o.text(number))
	}
	o.sweeps(1)
	o.open(eventstore.NewMemory())
	if _, waiting := o.ask("再问"); o.text(waiting) != "再问" {
		t.Error("a text that waits is not shown")
	}
	o.open(eventstore.NewMemory())
	if o.text(2) != "lost" {
		t.Errorf("without a vault what waits is %q", o.text(2))
	}
}

// TestInquiryTextOnASimulatedClock: where the books run on a clock of their own, so does the time of a text.
func TestInquiryTextOnASimulatedClock(t *testing.T) {
	o := newOffice(t, eventstore.NewMemory())
	_, number := o.ask(askedText)
	o.Do(officeDay, lt.Supervisor, &ledger.PublishInquiry{Number: number, Wording: "补助是谁批的?"})
	record, kept := NewInquiry(o.Collective, askedText) // an orphan of that day
	if err := o.vault.KeepInquiry(t.Context(), record, kept, ledger.Meta{ID: uuid.New(), Now: lt.Noon(officeDay)}); err != nil {
		t.Fatal(err)
	}
	o.now = lt.Noon("2026-01-01")
	o.sweeps(0)
	if o.text(number) != askedText {
		t.Errorf("by the clock of the day the text is %q", o.text(number))
	}
	o.Do("2021-03-04", lt.Approver, &ledger.AnswerInquiry{Number: number, Text: "会上定的。", Outcome: eventv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED})
	if o.text(number) != "gone" {
		t.Errorf("31 days later on the clock of the books the text is %q", o.text(number))
	}
	o.sweeps(2)
}

// TestInquiryStreams: names of streams are read as they are written, and no other.
func TestInquiryStreams(t *testing.T) {
	record := uuid.New()
	if got, ok := InquiryRecordOf(InquiryStream(record)); !ok || got != record {
		t.Errorf("%s is of %v, %v", InquiryStream(record), got, ok)
	}
	for _, name := range []string{"inquiry-", "inquiry-1", "inquiry-" + strings.ToUpper(record.String()), "inquiry-{" + record.String() + "}", "person-" + record.String(), "inquiry-" + record.String() + "-1", "collective-a"} {
		if _, ok := InquiryRecordOf(name); ok {
			t.Errorf("%s is taken for a stream of an inquiry", name)
		}
	}
	for name, want := range map[string]bool{InquiryStream(record): true, Stream(record, 0): true, Stream(record, 3): true, "collective-lmb": false, "access": false, "inquiry-1": false} {
		if Kept(name) != want {
			t.Errorf("%s: kept apart %v, want %v", name, !want, want)
		}
	}
}

// TestInquiryText: lines may be broken; nothing invisible, nothing blank, at most 500 characters.
func TestInquiryText(t *testing.T) {
	for text, want := range map[string]bool{
		"为什么?": true, "一\n二": true, strings.Repeat("字", 500): true, strings.Repeat("字", 501): false,
		"": false, " \n　": false, "a\u0000": false, "a\rb": false, "a\u202eb": false, "\ufffd": false, "a\xff": false,
	} {
		if got := CheckInquiryText(text) == nil; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
