package ledger

import (
	"cmp"
	"crypto/sha256"
	"fmt"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about editions (公示版本): boards that are frozen by the digest of their text.

// EditionDaysMax bounds the days of one edition: a leap year.
const EditionDaysMax = 366

// PublishEdition freezes the board of some days. What the text says follows from the log up to a version (projections.Book.EditionText),
// so the one who gives the command names days and version, and the service fills in what follows from them. The digest of the
// command covers the former alone: given again later, when the log has grown, it is the same command.
type PublishEdition struct {
	First, Last Day
	Corrects    uint32 `json:",omitempty"` // the latest edition of these days, when they have one
	Reason      string `json:",omitempty"` // with Corrects
	Version     uint64 `json:",omitempty"` // that the figures are made from; 0: the present one

	Figures Figures `json:"-"` // filled in by the service
}

// Figures are what an edition is made from and what that gives.
type Figures struct {
	Version uint64            // number of events, from 1
	Root    [sha256.Size]byte // of the log's tree of that size
	Content [sha256.Size]byte // SHA-256 of the text
}

func (*PublishEdition) Name() string { return "PublishEdition" }

// edition is what rules need of an edition.
type edition struct {
	first, last Day
	replaced    uint32 // by this edition; 0 while it stands
}

// Its days, which are over or run today; the edition it corrects, which stands and is of the same days, and why; the version that its
// figures are made from. Days have one edition that stands: another one says which it corrects.
func (c *PublishEdition) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := cmp.Or(d.editionDays(c.First, c.Last), c.checkCorrects(d.s)); err != nil {
		return err
	}
	if c.Corrects != 0 {
		if err := checkReason("reason", c.Reason); err != nil {
			return err
		}
	}
	at := cmp.Or(c.Version, c.Figures.Version)
	switch {
	case at > d.s.version || c.Figures.Version > d.s.version:
		return refuse(FieldInvalid).because("the books are not at this version yet", "账簿还没有到这一笔").at("version")
	case at == 0 || at != c.Figures.Version || c.Figures.Root == [sha256.Size]byte{} || c.Figures.Content == [sha256.Size]byte{}:
		return refuse(FieldInvalid).because("its figures are missing", "缺少据以公示的数字").at("version")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_EditionPublished{EditionPublished: &eventv1.EditionPublished{
		Number: uint32(len(d.s.editions)) + 1, FirstDay: int32(c.First), LastDay: int32(c.Last), Corrects: c.Corrects, Reason: c.Reason,
		Version: at, Root: c.Figures.Root[:], ContentSha256: c.Figures.Content[:]}}})
	return nil
}

// editionDays checks the days of an edition.
func (d *decision) editionDays(first, last Day) error {
	switch from := Day(d.s.charter.FirstDay); {
	case !first.Valid():
		return refuse(DateInvalid).with("date", first).at("from")
	case !last.Valid():
		return refuse(DateInvalid).with("date", last).at("to")
	case last < first:
		return refuse(FieldInvalid).because("it is before from", "早于 from").at("to")
	case last > first.Add(EditionDaysMax-1):
		return refuse(TooMany).with("what", "days").with("max", EditionDaysMax).with("count", first.DaysTo(last)+1).at("to")
	case first < from:
		return refuse(DateBeforeFirst).with("date", first).with("first", from).at("from")
	case last > d.today:
		return refuse(DateInFuture).with("date", last).with("today", d.today).at("to")
	}
	return nil
}

// checkCorrects holds that what is corrected stands and is of the same days, and that nothing is corrected in silence.
func (c *PublishEdition) checkCorrects(s *Collective) error {
	if c.Corrects == 0 {
		if c.Reason != "" {
			return refuse(FieldInvalid).because("it is given without an edition to correct", "没有指明更正哪一期").at("reason")
		}
		if n := s.standing(c.First, c.Last); n != 0 {
			return refuse(EditionExists).with("from", c.First).with("to", c.Last).with("edition", n).at("corrects")
		}
		return nil
	}
	if int64(c.Corrects) > int64(len(s.editions)) {
		return refuse(EditionUnknown).with("edition", c.Corrects).at("corrects")
	}
	switch old := s.editions[c.Corrects-1]; {
	case old.first != c.First || old.last != c.Last:
		return refuse(EditionOtherDays).with("edition", c.Corrects).with("from", old.first).with("to", old.last).at("corrects")
	case old.replaced != 0:
		return refuse(EditionReplaced).with("edition", c.Corrects).with("by", s.standing(c.First, c.Last)).at("corrects")
	}
	return nil
}

// examineEdition holds that an edition could be published, as far as it does not rest on texts: what it is made from, whoever has
// the log makes anew.
func (d *decision) examineEdition(f *eventv1.EditionPublished) string {
	if due := len(d.s.editions) + 1; int64(f.Number) != int64(due) {
		return fmt.Sprintf("edition %d comes where %d is due", f.Number, due)
	}
	if f.Version == 0 || f.Version > d.s.version {
		return fmt.Sprintf("it publishes an edition made from %d events", f.Version)
	}
	c := &PublishEdition{First: Day(f.FirstDay), Last: Day(f.LastDay), Corrects: f.Corrects, Reason: f.Reason}
	return reasonOf(cmp.Or(d.editionDays(c.First, c.Last), c.checkCorrects(d.s)))
}

// standing is the number of the edition of exactly these days that nothing has replaced, 0 for none.
func (s *Collective) standing(first, last Day) uint32 {
	for i, e := range s.editions {
		if e.first == first && e.last == last && e.replaced == 0 {
			return uint32(i) + 1
		}
	}
	return 0
}

func (s *Collective) evolveEdition(f *eventv1.EditionPublished) {
	s.editions = append(s.editions, edition{first: Day(f.FirstDay), last: Day(f.LastDay)})
	if f.Corrects != 0 {
		s.editions[f.Corrects-1].replaced = f.Number
	}
}
