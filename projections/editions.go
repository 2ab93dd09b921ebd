package projections

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file holds what was published beside the books: editions, and rounds under a sum tree.

type (
	// edition is a frozen board, in the order of its number.
	edition struct {
		fact     *eventv1.EditionPublished
		at       mark // the day it was recorded on
		replaced mark
		by       uint32 // edition that took its place
	}
	// disclosure is a round under a sum tree.
	disclosure struct {
		fact    *eventv1.RoundDisclosed
		version uint64
		run     int // place of the dividend in Book.runs
	}
)

// foldPublished takes the facts of this file.
func (b *Book) foldPublished(e *eventv1.Event, at mark) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_EditionPublished:
		b.editions = append(b.editions, &edition{fact: f.EditionPublished, at: at})
		if n := f.EditionPublished.Corrects; n != 0 {
			b.editions[n-1].replaced, b.editions[n-1].by = at, f.EditionPublished.Number
		}
	case *eventv1.Event_RoundDisclosed:
		d := &disclosure{fact: f.RoundDisclosed, version: e.Version}
		if f.RoundDisclosed.Kind == eventv1.RoundKind_ROUND_KIND_DIVIDEND {
			d.run = slices.Index(b.runs.items, b.runs.byID[f.RoundDisclosed.Id])
		}
		b.disclosures = append(b.disclosures, d)
	}
}

// checkPublished holds that editions come by number, each from a version before it, and correct one that stands; and that a round is
// disclosed with all of its lines.
func (b *Book) checkPublished(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_EditionPublished:
		return b.checkEdition(f.EditionPublished)
	case *eventv1.Event_RoundDisclosed:
		return b.checkDisclosed(f.RoundDisclosed)
	}
	return ""
}

func (b *Book) checkEdition(f *eventv1.EditionPublished) string {
	first, last := ledger.Day(f.FirstDay), ledger.Day(f.LastDay)
	switch due := len(b.editions) + 1; {
	case int(f.Number) != due:
		return fmt.Sprintf("edition %d comes where %d is due", f.Number, due)
	case !first.Valid() || !last.Valid() || last < first:
		return fmt.Sprintf("edition %d is of the days %d to %d", f.Number, f.FirstDay, f.LastDay)
	case f.Version == 0 || f.Version > b.version:
		return fmt.Sprintf("edition %d is made from version %d, and comes after %d", f.Number, f.Version, b.version)
	case len(f.Root) != sha256.Size || len(f.ContentSha256) != sha256.Size:
		return fmt.Sprintf("edition %d has no pin or no digest", f.Number)
	}
	for _, old := range b.editions {
		standing := old.by == 0 && old.fact.FirstDay == f.FirstDay && old.fact.LastDay == f.LastDay
		if standing != (old.fact.Number == f.Corrects) {
			return fmt.Sprintf("edition %d corrects %d, which is not the one of its days that stands", f.Number, f.Corrects)
		}
	}
	if int(f.Corrects) > len(b.editions) {
		return fmt.Sprintf("edition %d corrects the unknown edition %d", f.Number, f.Corrects)
	}
	return ""
}

func (b *Book) checkDisclosed(f *eventv1.RoundDisclosed) string {
	var lines []DisclosedLine
	switch f.Kind {
	case eventv1.RoundKind_ROUND_KIND_DIVIDEND:
		if r := b.runs.byID[f.Id]; r != nil && r.fact != nil {
			lines = r.disclosed()
		}
	case eventv1.RoundKind_ROUND_KIND_GRANT:
		if r := b.rounds.byID[f.Id]; r != nil {
			lines = r.disclosed(b.version)
		}
	}
	var total ledger.Fen
	for _, l := range lines {
		total += l.Amount
	}
	if len(lines) == 0 || len(lines) != int(f.Count) || total != ledger.Fen(f.TotalFen) {
		return fmt.Sprintf("it discloses %d lines of %v in all of %s, which has %d of %v", f.Count, ledger.Fen(f.TotalFen), f.Id, len(lines), total)
	}
	if len(f.Root) != sha256.Size || len(f.Record) != 16 {
		return "it discloses " + f.Id + " without a root or a record"
	}
	return ""
}

// Edition (公示版本) is a frozen board. The message is part of an event and must not be changed.
type Edition struct {
	*eventv1.EditionPublished
	CorrectedBy uint32    // edition that took its place by the moment; 0 while it stands
	Published   uint64    // version of its event
	RecordedAt  time.Time // UTC
}

// Editions lists the editions published by the moment, by number, after the first `after` of them, and where to go on (0: the end).
func (b *Book) Editions(after, limit int, m Moment) ([]Edition, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.editions, after, limit, func(e *edition) (Edition, bool) {
		return b.edition(e, w), w.counts(e.at)
	})
}

// Edition finds an edition by its number; ok is false when it was not published by the moment.
func (b *Book) Edition(number uint32, m Moment) (e Edition, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if number == 0 || int64(number) > int64(len(b.editions)) {
		return Edition{}, false
	}
	w, found := b.view(m), b.editions[number-1]
	return b.edition(found, w), w.counts(found.at)
}

func (b *Book) edition(e *edition, w view) Edition {
	shown := Edition{EditionPublished: e.fact, Published: e.at.version, RecordedAt: instant(*b.recorded.at(int(e.at.version - 1)))}
	if w.counts(e.replaced) {
		shown.CorrectedBy = e.by
	}
	return shown
}

// EditionError says that what an edition claims does not follow from the log.
type EditionError struct {
	Number    uint32
	Published uint64 // version of its event; 0 where that is not known
	Reason    string
}

func (e *EditionError) Error() string { return fmt.Sprintf("edition %d: %s", e.Number, e.Reason) }

// CheckEdition makes the text of an edition anew and compares it with the digest that was published. What does not fit is an *EditionError.
func (b *Book) CheckEdition(e Edition) (text string, err error) {
	text, err = b.EditionText(ledger.Day(e.FirstDay), ledger.Day(e.LastDay), e.Version)
	if err != nil {
		return "", &EditionError{e.Number, e.Published, err.Error()}
	}
	if digest := sha256.Sum256([]byte(text)); string(digest[:]) != string(e.ContentSha256) {
		return "", &EditionError{e.Number, e.Published, fmt.Sprintf("the text made of the first %d events has the digest %x, and %x was published", e.Version, digest, e.ContentSha256)}
	}
	return text, nil
}

// CheckEditions makes the texts of all editions anew and gives the first that is not what was published, nil when there is none.
func (b *Book) CheckEditions() *EditionError {
	for after := 0; ; {
		editions, next := b.Editions(after, PageMax, Moment{})
		for _, e := range editions {
			if _, err := b.CheckEdition(e); err != nil {
				var bad *EditionError
				errors.As(err, &bad) // it is one
				return bad
			}
		}
		if after = next; next == 0 {
			return nil
		}
	}
}

// DisclosedLine is one line of a round: whose it is (member/17, household/17) and what it comes to.
type DisclosedLine struct {
	Payee  string
	Amount ledger.Fen
}

// Disclosure is the disclosure of a round. The message is part of an event and must not be changed.
type Disclosure struct {
	*eventv1.RoundDisclosed
	Version uint64 // of its event
	Lines   []DisclosedLine
}

// Disclosure gives the last disclosure of a round, with the lines that are under its root; ok is false when it was never disclosed.
func (b *Book) Disclosure(kind eventv1.RoundKind, id string) (d Disclosure, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, found := range slices.Backward(b.disclosures) {
		if found.fact.Kind != kind || found.fact.Id != id {
			continue
		}
		d = Disclosure{RoundDisclosed: found.fact, Version: found.version}
		if kind == eventv1.RoundKind_ROUND_KIND_DIVIDEND {
			d.Lines = b.runs.items[found.run].disclosed()
		} else {
			d.Lines = b.rounds.byID[id].disclosed(found.version)
		}
		return d, true
	}
	return Disclosure{}, false
}

// RoundLines gives the lines of a declared dividend or of a grant round as a disclosure of now would hold them; nil when there is none.
func (b *Book) RoundLines(kind eventv1.RoundKind, id string) []DisclosedLine {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if kind == eventv1.RoundKind_ROUND_KIND_DIVIDEND {
		if r := b.runs.byID[id]; r != nil && r.fact != nil {
			return r.disclosed()
		}
		return nil
	}
	if r := b.rounds.byID[id]; r != nil {
		return r.disclosed(b.version)
	}
	return nil
}

// disclosed are the lines of a dividend.
func (r *run) disclosed() []DisclosedLine {
	payee := "member/"
	if r.fact.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD {
		payee = "household/"
	}
	lines := make([]DisclosedLine, len(r.payees))
	for i, number := range r.payees {
		lines[i] = DisclosedLine{fmt.Sprint(payee, number), ledger.Fen(r.amounts[i])}
	}
	return lines
}

// disclosed are the lines of a grant round at a version that are neither removed nor struck.
func (r *round) disclosed(version uint64) (lines []DisclosedLine) {
	by := func(m mark) bool { return m.version != 0 && m.version <= version }
	for _, l := range r.lines {
		if by(l.mark) && !by(l.removed) && !by(l.struck) {
			lines = append(lines, DisclosedLine{fmt.Sprint("member/", l.member), l.amount})
		}
	}
	return lines
}

func (d *digester) published(s *shot) {
	for _, e := range s.editions {
		d.message(e.fact)
		d.mark(e.at)
		d.mark(e.replaced)
		d.number(uint64(e.by))
	}
	for _, x := range s.disclosures {
		d.message(x.fact)
		d.numbers(int64(x.version), int64(x.run))
	}
}
