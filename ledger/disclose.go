package ledger

import (
	"crypto/sha256"
	"errors"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about the disclosure of rounds: a dividend's or a grant round's lines under a sum tree.

// DiscloseRound publishes the root of a Merkle-sum tree (package transparency) over the lines of a declared dividend or an awarded
// grant round. The one who gives the command names the round; the service makes the tree. The digest of the command does not cover
// the tree, whose salts are new each time.
type DiscloseRound struct {
	Kind  eventv1.RoundKind
	Round string // dividend run or grant round

	Tree SumTree `json:"-"` // filled in by the service
}

// SumTree is what a disclosure says of its tree.
type SumTree struct {
	Root   [sha256.Size]byte
	Count  uint32
	Total  Fen
	Record [16]byte // of the personal data that holds the seed of the salts
}

func (*DiscloseRound) Name() string { return "DiscloseRound" }

// A round is disclosed once, when it is owed, and the tree has all of its lines.
func (c *DiscloseRound) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	count, total, done, err := c.lines(d)
	switch {
	case err != nil:
		return err
	case done:
		return refuse(AlreadyDone).with("subject", c.Round).at("round_id")
	case int(c.Tree.Count) != count || c.Tree.Total != total:
		return refuse(LinesChanged).with("round", c.Round).with("lines", c.Tree.Count).with("total", c.Tree.Total).with("lines_now", count).with("total_now", total).at("round_id")
	case c.Tree.Root == [sha256.Size]byte{} || c.Tree.Record == [16]byte{}:
		return refuse(FieldInvalid).because("its tree is missing", "缺少合计树").at("round_id")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RoundDisclosed{RoundDisclosed: &eventv1.RoundDisclosed{
		Kind: c.Kind, Id: c.Round, Root: c.Tree.Root[:], Count: c.Tree.Count, TotalFen: int64(total), Record: c.Tree.Record[:]}}})
	return nil
}

// lines counts and adds up what the round owes, or owed before it was paid; done says that it is disclosed already.
func (c *DiscloseRound) lines(d *decision) (count int, total Fen, done bool, err error) {
	switch c.Kind {
	case eventv1.RoundKind_ROUND_KIND_DIVIDEND:
		r, err := d.findRun(c.Round)
		if err != nil {
			return 0, 0, false, atRound(err)
		}
		for _, a := range r.amounts {
			total += a
		}
		return len(r.payees), total, r.disclosed, nil
	case eventv1.RoundKind_ROUND_KIND_GRANT:
		r, err := d.inState(c.Round, "awarded")
		if err != nil {
			return 0, 0, false, err
		}
		for _, l := range r.lines {
			if l.state != "struck" {
				count++
			}
		}
		return count, r.total, r.disclosed, nil
	}
	return 0, 0, false, refuse(FieldInvalid).because("it is a dividend or a grant", "应为分红或补助").at("kind")
}

// atRound puts a refusal about a run at the field that names it here.
func atRound(err error) error {
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return r.at("round_id")
	}
	return err
}

// HoldsSeed says whether a record of personal data holds the seed of a disclosed round: the log knows it by that alone.
func (s *Collective) HoldsSeed(record [16]byte) bool {
	_, ok := s.seeds[record]
	return ok
}

func (s *Collective) evolveDisclosed(f *eventv1.RoundDisclosed) {
	var record [16]byte
	copy(record[:], f.Record)
	s.seeds[record] = struct{}{}
	if f.Kind == eventv1.RoundKind_ROUND_KIND_DIVIDEND {
		s.runs[f.Id].disclosed = true
	} else {
		s.rounds[f.Id].disclosed = true
	}
}
