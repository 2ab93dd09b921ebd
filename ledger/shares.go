package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about shares (股份) and about memberships that a mistake had ended: who is on the roster of a dividend, and
// with how many shares.

// Limits of shares.
const (
	sharesMembersMax = 2000          // of one command, so that the event stays under 32 KiB
	sharesMax        = 1_000_000_000 // of one member
)

// shareStep says how many shares a member has from a day on.
type shareStep struct {
	from   Day
	shares uint64
}

// The commands about shares and mistaken departures.
type (
	// SetShares sets how many shares members have from a day on, until the next day that was set for them; Shares runs parallel
	// to Members.
	SetShares struct {
		Effective  Day
		Members    []uint32
		Shares     []uint64
		Resolution string
	}
	// ReadmitMembers takes departures back: the members never left.
	ReadmitMembers struct{ Members []uint32 }
)

// Name is the method's name.
func (*SetShares) Name() string { return "SetShares" }

// Name is the method's name.
func (*ReadmitMembers) Name() string { return "ReadmitMembers" }

// Shares are those of known members, by a resolution of the charter body, which may set as many as it lists but does nothing
// else. What a declared dividend was dealt by stays: a member of its roster keeps the shares of its record date. A member that
// was left out of it may get shares for that day, and then a supplementary run.
func (c *SetShares) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	switch n := len(c.Members); {
	case !c.Effective.Valid():
		return refuse(DateInvalid).with("date", c.Effective).at("effective_on")
	case n == 0 || n > sharesMembersMax:
		return refuse(TooMany).with("what", "members").with("max", sharesMembersMax).with("count", n).at("members")
	case n != len(c.Shares):
		return refuse(FieldInvalid).because("there is one number of shares for each member", "每名成员应有一个股数").at("shares")
	}
	seen := make(map[uint32]bool, len(c.Members))
	for i, m := range c.Members {
		if _, known := d.s.members[m]; !known {
			return refuse(MemberUnknown).with("member", m).with("day", d.today).at("members")
		}
		if seen[m] {
			return refuse(RepeatedEntry).with("entry", m).at("members")
		}
		seen[m] = true
		if c.Shares[i] > sharesMax {
			return refuse(FieldInvalid).because("a member has at most "+strconv.Itoa(sharesMax)+" shares", "每名成员最多 "+strconv.Itoa(sharesMax)+" 股").at("shares")
		}
	}
	r, err := d.standing(c.Resolution, eventv1.Matter_MATTER_CHARTER, d.s.charter.CharterBody)
	if err != nil {
		return err
	}
	if r.used {
		return refuse(AlreadyDone).with("subject", c.Resolution).at("resolution_id")
	}
	if err := d.sharesStay(c); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_SharesSet{SharesSet: &eventv1.SharesSet{
		EffectiveOn: int32(c.Effective), Members: c.Members, Shares: c.Shares, ResolutionId: c.Resolution}}})
	return nil
}

// sharesStay refuses shares that would change what a declared dividend was dealt by.
func (d *decision) sharesStay(c *SetShares) error {
	var ids []string
	for id, r := range d.s.runs {
		if !r.dead && r.order.GetBasis() == eventv1.DividendBasis_DIVIDEND_BASIS_SHARE && Day(r.order.RecordDate) >= c.Effective {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		r, on := d.s.runs[id], Day(d.s.runs[id].order.RecordDate)
		for i, m := range c.Members {
			if _, ok := r.lineOf(m); !ok {
				continue
			}
			before := d.s.sharesOn(m, on)
			if after := sharesAt(withStep(d.s.shares[m], shareStep{c.Effective, c.Shares[i]}), on); after != before {
				return refuse(SharesDeclared).with("member", m).with("run", id).with("date", on).with("shares", before).at("effective_on")
			}
		}
	}
	return nil
}

// Members come back only after they departed. Their number, household and first day are what they were.
func (c *ReadmitMembers) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if n := len(c.Members); n == 0 || n > enrolMax {
		return refuse(TooMany).with("what", "members").with("max", enrolMax).with("count", n).at("members")
	}
	seen := make(map[uint32]bool, len(c.Members))
	for _, number := range c.Members {
		m, known := d.s.members[number]
		switch {
		case !known:
			return refuse(MemberUnknown).with("member", number).with("day", d.today).at("members")
		case seen[number]:
			return refuse(RepeatedEntry).with("entry", number).at("members")
		case m.left == 0:
			n := strconv.FormatUint(uint64(number), 10)
			return refuse(FieldInvalid).because("member "+n+" has not departed", "成员 "+n+" 没有退出").at("members")
		}
		seen[number] = true
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_MembersReadmitted{MembersReadmitted: &eventv1.MembersReadmitted{Members: c.Members}}})
	return nil
}

func (s *Collective) evolveReadmitted(f *eventv1.MembersReadmitted) {
	for _, number := range f.Members {
		m := s.members[number]
		m.left = 0
		s.members[number] = m
	}
}

func (s *Collective) evolveShares(f *eventv1.SharesSet) {
	for i, m := range f.Members {
		s.shares[m] = withStep(s.shares[m], shareStep{Day(f.EffectiveOn), f.Shares[i]})
	}
	if r := s.resolutions[f.ResolutionId]; r != nil {
		r.shares = true
	}
}

// withStep gives the steps, ascending by day, with one more; of a day the last one set counts. The steps given stay as they are.
func withStep(steps []shareStep, step shareStep) []shareStep {
	i, found := slices.BinarySearchFunc(steps, step.from, func(s shareStep, day Day) int { return cmp.Compare(s.from, day) })
	steps = slices.Clone(steps)
	if found {
		steps[i] = step
		return steps
	}
	return slices.Insert(steps, i, step)
}

func sharesAt(steps []shareStep, on Day) uint64 {
	i, _ := slices.BinarySearchFunc(steps, on+1, func(s shareStep, day Day) int { return cmp.Compare(s.from, day) })
	if i == 0 {
		return 0
	}
	return steps[i-1].shares
}

// sharesOn is how many shares a member has on a day.
func (s *Collective) sharesOn(member uint32, on Day) uint64 { return sharesAt(s.shares[member], on) }

// entitled lists who takes part in a dividend on its record date, in ascending order, and with how many shares: one for a
// member or household, or what the member holds; of a supplementary run, those its run left out.
func (s *Collective) entitled(o *eventv1.DividendOrder) (payees []uint32, shares []uint64) {
	on := Day(o.RecordDate)
	for _, p := range s.roster(on, o.Basis) {
		n := uint64(1)
		if o.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_SHARE {
			n = s.sharesOn(p, on)
		}
		if n == 0 || o.Supplements != "" && !s.leftOut(o, p) {
			continue
		}
		payees, shares = append(payees, p), append(shares, n)
	}
	return payees, shares
}

// rosterDigest is SHA-256 over who takes part in a dividend and with how many shares, 4 and 8 bytes each, and their number: a
// declaration compares it with the one of the day it was asked for.
func (s *Collective) rosterDigest(o *eventv1.DividendOrder) (digest [32]byte, payees int) {
	list, shares := s.entitled(o)
	b := make([]byte, 0, 12*len(list))
	for i, p := range list {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(b, p), shares[i])
	}
	return sha256.Sum256(b), len(list)
}
