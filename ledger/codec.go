package ledger

import (
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Streams of the log.
const (
	StreamPrefix      = "collective-" // before a collective's id
	StreamAccess      = "access"      // operators and credentials
	StreamCollectives = "collectives" // names, reserved before a founding
)

// StreamOf is the stream of a collective.
func StreamOf(collective string) string { return StreamPrefix + collective }

// Encode makes the bytes of an event, once: what it returns is stored, hashed and copied, and never encoded again.
func Encode(e *eventv1.Event) (eventstore.NewEvent, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		return eventstore.NewEvent{}, fmt.Errorf("encode event %d: %w", e.Version, err)
	}
	return eventstore.NewEvent{Type: TypeName(e), Data: data}, nil
}

// Decode reads a stored event. The version inside the bytes has to be the stored one, the type their fact's name, and every
// voucher has to balance: anything else is a *eventstore.CorruptError.
func Decode(stored eventstore.Event) (*eventv1.Event, error) {
	e := new(eventv1.Event)
	if err := e.UnmarshalVT(stored.Data); err != nil {
		return nil, corrupt(stored, "the bytes are no event: "+err.Error())
	}
	if err := checkEvent(e, stored); err != nil {
		return nil, err
	}
	return e, nil
}

// checkEvent holds an event read from bytes to what is known of it besides.
func checkEvent(e *eventv1.Event, stored eventstore.Event) error {
	if e.Version != stored.Version {
		return corrupt(stored, fmt.Sprintf("the bytes say version %d", e.Version))
	}
	if e.Fact == nil {
		return corrupt(stored, "the fact is of a kind this program does not know; a newer one wrote it")
	}
	if TypeName(e) != stored.Type {
		return corrupt(stored, fmt.Sprintf("the bytes hold %s, the row says %s", TypeName(e), stored.Type))
	}
	for _, v := range e.Vouchers {
		if err := checkVoucher(v); err != nil {
			return corrupt(stored, err.Error())
		}
	}
	return nil
}

func corrupt(e eventstore.Event, reason string) error {
	return &eventstore.CorruptError{Stream: e.Stream, Version: e.Version, Reason: reason}
}

// checkVoucher holds what every voucher must be, before it is stored and after it is read: numbered in a class that is known
// and in the year of a day that exists, with two postings or more that sum to zero, none of them zero.
func checkVoucher(v *eventv1.Voucher) error {
	ref, day := RefOf(v.Ref), Day(v.OccurredOn)
	if ref.Class < Receipt || ref.Class > Transfer || ref.Number == 0 || ref.Year != day.Year() || !day.Valid() {
		return fmt.Errorf("voucher %v of class %d cannot occur on %d", ref, ref.Class, v.OccurredOn)
	}
	var sum Fen
	for _, p := range v.Postings {
		var ok bool
		if sum, ok = sum.Add(Fen(p.AmountFen)); !ok || p.AmountFen == 0 {
			return fmt.Errorf("voucher %v has a posting of %d fen", ref, p.AmountFen)
		}
	}
	if sum != 0 || len(v.Postings) < 2 {
		return fmt.Errorf("voucher %v does not balance: %v over %d postings", ref, sum, len(v.Postings))
	}
	return nil
}

// TypeName is the stored type of an event: the name of its fact's field, e.g. income_recorded.
func TypeName(e *eventv1.Event) string {
	if e.Fact == nil {
		return ""
	}
	return typeNames[reflect.TypeOf(e.Fact)]
}

// typeNames maps the wrapper type of each fact (*eventv1.Event_IncomeRecorded) to its field's name.
var typeNames = func() map[reflect.Type]string {
	names := make(map[reflect.Type]string)
	fields := (*eventv1.Event)(nil).ProtoReflect().Descriptor().Oneofs().ByName("fact").Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		e := new(eventv1.Event)
		m := e.ProtoReflect()
		m.Set(f, m.NewField(f))
		names[reflect.TypeOf(e.Fact)] = string(f.Name())
	}
	return names
}()

// TypeNames lists every stored type in no particular order.
func TypeNames() []string {
	var names []string
	for _, n := range typeNames {
		names = append(names, n)
	}
	return names
}

// LogOrigin gives the Merkle log origin of a stream from its first event: a collective's is fixed by its founding, every
// other stream has one made of its name.
func LogOrigin(stream string, first eventstore.Event) (string, error) {
	if !strings.HasPrefix(stream, StreamPrefix) {
		return "mingzhang/" + stream, nil
	}
	e, err := Decode(first)
	if err != nil {
		return "", err
	}
	founded := e.GetCollectiveFounded()
	if founded == nil {
		return "", corrupt(first, "the first event of a collective is not its founding")
	}
	return founded.LogOrigin, nil
}
