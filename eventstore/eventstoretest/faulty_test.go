package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	complaints []string
	cleanup    func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}
func (r *recorder) Cleanup(f func()) { r.cleanup = f }

// TestFaultyPasses: with nothing to inject a Faulty is a store like any other.
func TestFaultyPasses(t *testing.T) {
	Run(t, func(t *testing.T) Storage {
		return Storage{Open: func() (eventstore.Store, error) {
			// The suite goes on after Close on purpose, so the complaints go to nobody.
			return NewFaulty(&recorder{TB: t}, eventstore.NewMemory(), nil), nil
		}}
	})
}

func TestFaultyFails(t *testing.T) {
	ctx := t.Context()
	for _, tc := range []struct {
		fault   Fault
		err     error
		version uint64 // what is stored after one append of one event
		yields  int    // events a read of two yields before it fails or ends
	}{
		{Pass, nil, 1, 2},
		{FailBefore, ErrInjected, 0, 0},
		{FailAfter, ErrInjected, 1, 2},
		{FailMidway, ErrInjected, 0, 1},
		{NoSpace, eventstore.ErrNoSpace, 0, 2},
		{Repeat, nil, 1, 2},
	} {
		memory := eventstore.NewMemory()
		if _, err := memory.Append(ctx, "two", 0, noted("one", "two")); err != nil {
			t.Fatal(err)
		}
		var calls []string
		f := NewFaulty(t, memory, func(c Call) Fault {
			calls = append(calls, fmt.Sprintf("%d %s %s %d %d", c.Number, c.Method, c.Stream, c.Expected, len(c.Events)))
			return tc.fault
		})
		if _, err := f.Append(ctx, "a", 0, noted("x")); !errors.Is(err, tc.err) {
			t.Errorf("fault %d: append: %v, want %v", tc.fault, err, tc.err)
		}
		if version, _ := memory.Version(ctx, "a"); version != tc.version {
			t.Errorf("fault %d: %d events stored, want %d", tc.fault, version, tc.version)
		}
		yields, last := 0, error(nil)
		for _, err := range f.Read(ctx, "two", 0) {
			if last = err; err == nil {
				yields++
			}
		}
		if failing(tc.fault) != errors.Is(last, ErrInjected) || yields != tc.yields {
			t.Errorf("fault %d: read yields %d events, then %v; want %d", tc.fault, yields, last, tc.yields)
		}
		if err := f.Delete(ctx, "two"); failing(tc.fault) != errors.Is(err, ErrInjected) {
			t.Errorf("fault %d: delete: %v", tc.fault, err)
		}
		if got, want := strings.Join(calls, ", "), "1 Append a 0 1, 2 Read two 0 0, 3 Delete two 0 0"; got != want {
			t.Errorf("fault %d: the script saw %q, want %q", tc.fault, got, want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFaultyRepeats(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := NewFaulty(t, eventstore.NewMemory(), func(Call) Fault { return Repeat })
	defer f.Close()
	if _, err := f.Append(ctx, "a", 0, noted("one", "two")); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for e, err := range f.Subscribe(ctx, 0) {
		if err != nil {
			break
		}
		if got = append(got, e.Version); len(got) == 4 {
			cancel()
		}
	}
	if fmt.Sprint(got) != "[1 1 2 2]" {
		t.Errorf("a repeating subscription delivers versions %v", got)
	}
}

func TestFaultyComplains(t *testing.T) {
	ctx := t.Context()
	failFirst := func(c Call) Fault {
		if c.Number == 1 {
			return FailAfter
		}
		return Pass
	}
	for _, tc := range []struct {
		name   string
		script func(Call) Fault
		use    func(f *Faulty)
		want   string // empty: no complaint
	}{
		{"good use", failFirst, func(f *Faulty) {
			f.Append(ctx, "a", 0, noted("one"))
			f.Version(ctx, "a")
			f.Append(ctx, "a", 1, noted("two"))
			f.Close()
			f.Close()
		}, ""},
		{"append in doubt", failFirst, func(f *Faulty) {
			f.Append(ctx, "a", 0, noted("one"))
			f.Append(ctx, "a", 0, noted("one"))
			f.Close()
		}, "without reading it first"},
		{"append elsewhere", failFirst, func(f *Faulty) {
			f.Append(ctx, "a", 0, noted("one"))
			f.Append(ctx, "b", 0, noted("one"))
			f.Close()
		}, ""},
		{"changed appended data", nil, func(f *Faulty) {
			events := noted("one")
			f.Append(ctx, "a", 0, events)
			events[0].Data[0]++
			f.Close()
		}, "event 1 appended to a at version 0 was changed"},
		{"changed read data", nil, func(f *Faulty) {
			f.store.Append(ctx, "a", 0, noted("one"))
			for e := range f.ReadAll(ctx, 0) {
				e.Data[0]++
			}
			f.Close()
		}, "event a/1 that was read was changed"},
		{"endless retry", nil, func(f *Faulty) {
			for range triesMax + 1 {
				f.Append(ctx, "a", 7, noted("one"))
			}
			f.Close()
		}, "a at version 7 was tried more than 100 times"},
		{"use after close", nil, func(f *Faulty) {
			f.Close()
			f.Version(ctx, "a")
		}, "Version a after Close"},
		{"never closed", nil, func(f *Faulty) {}, "never closed"},
		{"no context", func(Call) Fault { return FailBefore }, func(f *Faulty) {
			f.Version(nil, "a") //lint:ignore SA1012 this is the misuse
			f.Close()
		}, "without a context"},
	} {
		r := &recorder{TB: t}
		tc.use(NewFaulty(r, eventstore.NewMemory(), tc.script))
		r.cleanup()
		got := strings.Join(r.complaints, "; ")
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || len(r.complaints) > 1 {
			t.Errorf("%s: complaints %q, want %q", tc.name, got, tc.want)
		}
	}
}
