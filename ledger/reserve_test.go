package ledger_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// Books copied into a store are seen when their name is reserved, and not before.
func TestReserveName(t *testing.T) {
	store := eventstore.NewMemory()
	var copied []eventstore.NewEvent
	for _, e := range lt.Demo(t, "2020-12-31").Events {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		copied = append(copied, stored)
	}
	if _, err := store.Append(t.Context(), ledger.StreamOf(lt.LiminbaID), 0, copied); err != nil {
		t.Fatal(err)
	}
	s := ledger.NewService(store, ledger.Options{})
	if list, err := s.Collectives(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("before it there is %v %v", list, err)
	}
	if _, err := s.Facts(t.Context(), lt.LiminbaID); err == nil {
		t.Error("before it the books are open")
	}
	meta := ledger.Meta{ID: lt.CommandID(1), Actor: lt.Admin}
	for range 2 { // a second time changes nothing
		if err := s.ReserveName(t.Context(), lt.LiminbaID, meta); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := store.Version(t.Context(), ledger.StreamCollectives); err != nil || n != 1 {
		t.Errorf("%d names, %v", n, err)
	}
	if list, err := s.Collectives(t.Context()); err != nil || !slices.Equal(list, []string{lt.LiminbaID}) {
		t.Errorf("after it there is %v %v", list, err)
	}
	if facts, err := s.Facts(t.Context(), lt.LiminbaID); err != nil || facts.Charter == nil {
		t.Errorf("after it the books are not open: %v", err)
	}
	var refusal *ledger.Refusal
	if err := s.ReserveName(t.Context(), "../x", meta); !errors.As(err, &refusal) || refusal.Reason != ledger.CollectiveIDInvalid {
		t.Errorf("a name that is none: %v", err)
	}
}
