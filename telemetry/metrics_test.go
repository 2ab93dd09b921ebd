package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	"github.com/mingzhang-ledger/mingzhang/telemetry"
)

// TestCountedStoreIsAStore: a store that is counted keeps the contract.
func TestCountedStoreIsAStore(t *testing.T) {
	eventstoretest.Run(t, func(*testing.T) eventstoretest.Storage {
		return eventstoretest.Storage{Open: func() (eventstore.Store, error) {
			return telemetry.NewMetrics("test").Store(eventstore.NewMemory()), nil
		}}
	})
}

// failing is a store that fails in one way.
type failing struct {
	eventstore.Store
	err error
}

func (f failing) Append(context.Context, string, uint64, []eventstore.NewEvent) (uint64, error) {
	return 0, f.err
}

func (f failing) Read(context.Context, string, uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) { yield(eventstore.Event{}, f.err) }
}

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestStoreErrorsAreCountedByKind, wrapped or not, and their texts and streams stay out.
func TestStoreErrorsAreCountedByKind(t *testing.T) {
	const stream = "collective-qingshan"
	for kind, err := range map[string]error{
		"conflict": &eventstore.ConflictError{Stream: stream, Expected: 1, Actual: 2},
		"damaged":  &eventstore.CorruptError{Stream: stream, Version: 3, Reason: "secret"},
		"no_space": eventstore.ErrNoSpace, "closed": eventstore.ErrClosed, "deleted": eventstore.ErrDeleted, "refused": eventstore.ErrTooLarge,
		"canceled": context.Canceled, "other": errors.New("secret"),
	} {
		m := telemetry.NewMetrics("test")
		store := m.Store(failing{eventstore.NewMemory(), fmt.Errorf("of %s: %w", stream, err)})
		if _, got := store.Append(t.Context(), stream, 0, []eventstore.NewEvent{{Type: "noted", Data: []byte("x")}}); !errors.Is(got, err) {
			t.Errorf("%s: the error became %v", kind, got)
		}
		for range 2 {
			for _, got := range store.Read(t.Context(), stream, 0) {
				if !errors.Is(got, err) {
					t.Errorf("%s: the error became %v", kind, got)
				}
			}
		}
		text := scrape(t, m)
		for _, line := range []string{
			`mingzhang_store_errors_total{kind="` + kind + `",operation="append"} 1`, `mingzhang_store_errors_total{kind="` + kind + `",operation="read"} 2`,
		} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("no %s", line)
			}
		}
		if strings.Contains(text, "secret") || strings.Contains(text, "qingshan") || strings.Contains(text, `mingzhang_events_stored_total{`) {
			t.Errorf("%s: the metrics say too much:\n%s", kind, text)
		}
	}
}
