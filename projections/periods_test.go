package projections

import (
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

func TestClosedPeriodsAndTheLastDay(t *testing.T) {
	c := newChronicle()
	if day := NewBook("abc").LastDay(Moment{}); day != 0 {
		t.Errorf("before anything it is %v", day)
	}
	c.found("abc")
	for _, month := range []int32{202003, 202004} {
		c.on(20200502).add(&eventv1.Event{Fact: &eventv1.Event_PeriodClosed{PeriodClosed: &eventv1.PeriodClosed{Month: month}}})
	}
	b := fold(t, c.events)
	list := b.ClosedPeriods(Moment{})
	if len(list) != 2 || list[0].Month != 202003 || list[1].Month != 202004 || list[1].Version != b.Version() || list[1].ClosedAt.UnixMicro() != c.now.UnixMicro() {
		t.Errorf("closed: %+v", list)
	}
	if before := b.ClosedPeriods(Moment{AsKnownAt: b.Version() - 1}); len(before) != 1 || len(b.ClosedPeriods(Moment{AsKnownAt: NothingKnown})) != 0 {
		t.Errorf("closed before: %+v", before)
	}
	if now, first := b.LastDay(Moment{}), b.LastDay(Moment{AsKnownAt: 1}); now != 20200502 || first != 20200301 {
		t.Errorf("the last days are %v and %v", now, first)
	}
}
