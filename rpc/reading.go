package rpc

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// readRequest is what the request of every read of a collective has.
type readRequest interface {
	GetCollectiveId() string
	GetAsOf() string
	GetAsKnownAt() string
	GetMinVersion() uint64
}

// reading is a read of one collective at one moment: whatever is booked meanwhile, its answer reflects one version.
type reading struct {
	book    *projections.Book
	facts   *ledger.Facts
	moment  projections.Moment
	version uint64 // that the answer reflects
}

// read finds the book and the moment a request asks for.
func (s *Server) read(ctx context.Context, r readRequest) (reading, error) {
	return s.readAt(ctx, r, 0)
}

// readAt reads at a version already fixed, that of a list's first page; 0 fixes it now.
func (s *Server) readAt(ctx context.Context, r readRequest, version uint64) (reading, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.GetCollectiveId())
	if err != nil {
		return reading{}, err
	}
	book, err := s.config.Books.Book(ctx, r.GetCollectiveId(), max(r.GetMinVersion(), version))
	if err != nil {
		return reading{}, err
	}
	p := new(reader)
	moment := projections.Moment{AsOf: p.dayOr0("as_of", r.GetAsOf()), AsKnownAt: version}
	if version == 0 && p.err == nil {
		moment.AsKnownAt, p.err = knownAt(book, facts.Zone, "as_known_at", r.GetAsKnownAt())
	}
	if p.err != nil {
		return reading{}, p.err
	}
	moment = book.Pin(moment)
	answer := reading{book, facts, moment, moment.AsKnownAt}
	if moment.AsKnownAt == projections.NothingKnown {
		answer.version = 0
	}
	return answer, nil
}

// knownAt is the version a text of as_known_at (or of another field) means: a version, a day (its end in the collective's zone) or an RFC 3339
// time. 0 is the present.
func knownAt(book *projections.Book, zone *time.Location, field, s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	if strings.Trim(s, "0123456789") == "" {
		version, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, refuse(pointInvalid, field, "point", clip(s))
		}
		if version == 0 {
			return projections.NothingKnown, nil
		}
		if have := book.Version(); version > have {
			return 0, &projections.ErrBehind{Have: have, Want: version}
		}
		return version, nil
	}
	if day, err := ledger.ParseDay(field, s); err == nil {
		return book.VersionAt(endOf(day, zone)), nil
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, refuse(pointInvalid, field, "point", clip(s))
	}
	return book.VersionAt(at), nil
}

// startOf and endOf are the first and the last microsecond of a day.
func startOf(day ledger.Day, zone *time.Location) time.Time {
	return time.Date(day.Year(), time.Month(day/100%100), int(day%100), 0, 0, 0, 0, zone)
}

func endOf(day ledger.Day, zone *time.Location) time.Time {
	return startOf(day, zone).AddDate(0, 0, 1).Add(-time.Microsecond)
}

// period reads the two ends of a span of business days; a span that ends before it begins is empty, which would look like
// nothing had happened, so it is refused.
func period(from, to string) (projections.Period, error) {
	p := new(reader)
	span := projections.Period{From: p.dayOr0("from", from), To: p.dayOr0("to", to)}
	if p.err == nil && span.From != 0 && span.To != 0 && span.To < span.From {
		p.err = refuse(ledger.FieldInvalid, "to", "problem", "it is before from", problemChinese, "早于 from")
	}
	return span, p.err
}

// today is the current day of a collective: by the server's clock, or by the last record of the book where the clock is simulated. It
// asks the book and not the ledger, so that it can be told while the store is away.
func (s *Server) today(at reading) ledger.Day {
	if !at.facts.Charter.GetSimulatedClock() {
		return ledger.DayOf(s.config.Clock(), at.facts.Zone)
	}
	return ledger.DayOf(at.book.LastRecorded(), at.facts.Zone)
}

func (s *Server) lastRecorded(ctx context.Context, facts *ledger.Facts) (last time.Time, err error) {
	err = s.config.Ledger.View(ctx, facts.Charter.CollectiveId, func(state *ledger.Collective) error {
		last = state.LastRecorded()
		return nil
	})
	return last, err
}
