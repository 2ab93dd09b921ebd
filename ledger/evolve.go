package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Evolve folds one event in. An event is a fact: Evolve never refuses and never looks at a clock. It may keep parts of the
// event, which must not be changed afterwards, but none of one that holds a passing fact (PassingFact): of those it copies
// the texts it keeps.
func (s *Collective) Evolve(e *eventv1.Event) {
	s.version = e.Version
	s.recorded = e.RecordedAt
	if id, err := uuid.FromBytes(e.CommandId); err == nil {
		s.accepted.accept(id, e.Version)
	}
	for _, v := range e.Vouchers {
		s.post(v, e)
	}
	switch f := e.Fact.(type) {
	case *eventv1.Event_CollectiveFounded:
		s.evolveFounded(f.CollectiveFounded, e.Actor)
	case *eventv1.Event_FundOpened:
		s.funds[f.FundOpened.Fund.Id] = f.FundOpened.Fund
		s.use(f.FundOpened.ResolutionId)
	case *eventv1.Event_RoleGranted:
		s.roles[f.RoleGranted.Operator] = append(s.roles[f.RoleGranted.Operator], f.RoleGranted.Role)
	case *eventv1.Event_RoleRevoked:
		s.evolveRoleRevoked(f.RoleRevoked)
	case *eventv1.Event_MoneyAccountOpened:
		s.money[f.MoneyAccountOpened.Id] = f.MoneyAccountOpened.Kind
	case *eventv1.Event_MembersEnrolled:
		for i, number := range f.MembersEnrolled.Members {
			s.members[number] = membership{household: f.MembersEnrolled.Households[i], joined: Day(f.MembersEnrolled.JoinedOn)}
		}
	case *eventv1.Event_MembersDeparted:
		for _, number := range f.MembersDeparted.Members {
			m := s.members[number]
			m.left = Day(f.MembersDeparted.LeftOn)
			s.members[number] = m
		}
	case *eventv1.Event_MembersReadmitted:
		s.evolveReadmitted(f.MembersReadmitted)
	case *eventv1.Event_SharesSet:
		s.evolveShares(f.SharesSet)
	case *eventv1.Event_ResolutionRecorded:
		s.resolutions[f.ResolutionRecorded.Id] = &resolution{fact: f.ResolutionRecorded, recorder: e.Actor}
	case *eventv1.Event_ResolutionConfirmed:
		s.resolutions[f.ResolutionConfirmed.Id].confirmed = true
	case *eventv1.Event_PolicyAdopted:
		s.policies = append(s.policies, f.PolicyAdopted)
		s.use(f.PolicyAdopted.ResolutionId)
	case *eventv1.Event_SpendingRuleAdopted:
		s.rule = f.SpendingRuleAdopted
		s.ruleVersion = f.SpendingRuleAdopted.Version
		s.use(f.SpendingRuleAdopted.ResolutionId)
	case *eventv1.Event_GiftAgreed:
		s.gifts[f.GiftAgreed.Id] = &gift{donor: f.GiftAgreed.Donor, purpose: f.GiftAgreed.Purpose}
	case *eventv1.Event_GiftPurposeChanged:
		if g := s.gifts[f.GiftPurposeChanged.GiftId]; g != nil {
			g.purpose = f.GiftPurposeChanged.Purpose
		}
	case *eventv1.Event_FlagRatified:
		s.ratify(f.FlagRatified)
	case *eventv1.Event_PeriodClosed:
		s.closed = Month(f.PeriodClosed.Month)
		delete(s.turnover, s.closed)
		s.statements[s.closed] = f.PeriodClosed.StatementSha256
	case *eventv1.Event_EditionPublished:
		s.evolveEdition(f.EditionPublished)
	case *eventv1.Event_RoundDisclosed:
		s.evolveDisclosed(f.RoundDisclosed)
	case *eventv1.Event_OpeningProposed:
		s.opening, s.proposer = f.OpeningProposed, e.Actor
	case *eventv1.Event_OpeningConfirmed:
		s.opening = nil
	case *eventv1.Event_LogKeyRotated:
		s.evolveLogKey(f.LogKeyRotated)
	default:
		s.evolveRequest(e)
		s.evolveGrant(e)
		s.evolveRound(e)
		s.evolveCharter(e)
		s.evolvePeople(e)
		s.evolveInquiry(e)
	}
}

func (s *Collective) evolveFounded(f *eventv1.CollectiveFounded, founder string) {
	s.charter = f
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		panic("ledger: " + err.Error()) // a stored zone that is unknown is damage: other days would be folded in silence
	}
	s.zone = zone
	for _, b := range f.Bodies {
		s.bodies[b.Id] = b
	}
	for _, fund := range f.Funds {
		s.funds[fund.Id] = fund
	}
	s.roles[founder] = []eventv1.Role{eventv1.Role_ROLE_ADMIN}
}

func (s *Collective) evolveRoleRevoked(f *eventv1.RoleRevoked) {
	kept := slices.Clone(s.roles[f.Operator])
	s.roles[f.Operator] = slices.DeleteFunc(kept, func(r eventv1.Role) bool { return r == f.Role })
}

// use marks a resolution as carried out, so that it adopts one thing only.
func (s *Collective) use(id string) {
	if r := s.resolutions[id]; r != nil {
		r.used = true
	}
}

// post books a voucher: postings into balances, turnover, papers, authority, and its place in the numbering.
func (s *Collective) post(v *eventv1.Voucher, e *eventv1.Event) {
	ref, day := RefOf(v.Ref), Day(v.OccurredOn)
	key := series{ref.Class, ref.Year}
	s.vouchers[key] = append(s.vouchers[key], e.Version)
	month := s.turnover[day.Month()]
	if month == nil {
		month = map[Account]*turnover{}
		s.turnover[day.Month()] = month
	}
	for _, p := range v.Postings {
		s.postLine(v, p, day, month)
	}
	if v.IncomeKind != "" && !s.isDifference(v) {
		s.countSplit(v)
	}
	s.countYear(v)
	if r := s.resolutions[v.ResolutionId]; r != nil {
		r.drawn += Fen(v.DrawnFen)
	}
	s.cite(v, e)
	s.giveBack(v)
	s.raiseFlags(v)
	s.personal.name(v)
	if v.Reverses != nil {
		s.live--
		s.reversals[ref] = struct{}{}
		s.settled[RefOf(v.Reverses)] = ref
		if v.Corrects != nil && s.settled[RefOf(v.Corrects)] == RefOf(v.Reverses) {
			delete(s.settled, RefOf(v.Corrects)) // a difference turned back: its original stands again
			delete(s.differences, RefOf(v.Reverses))
		}
		s.undo(v)
		return
	}
	s.live++
	if s.isDifference(v) {
		s.settled[RefOf(v.Corrects)] = ref // put right by this one from now on
		s.differences[ref] = RefOf(v.Corrects)
	}
}

func (s *Collective) postLine(v *eventv1.Voucher, p *eventv1.Posting, day Day, month map[Account]*turnover) {
	name, amount := Account(p.Account), Fen(p.AmountFen)
	acc := s.accounts[name]
	if acc == nil {
		acc = &account{name: Account(strings.Clone(p.Account))}
		s.accounts[acc.name] = acc
	}
	name = acc.name
	acc.Add(day, amount)
	acc.gross += amount.abs()
	if party := partyOf(p); party != "" {
		key := partyAccount{name, party}
		if s.parties[key] == nil {
			key.party = strings.Clone(party)
			s.parties[key] = new(Timeline)
		}
		s.parties[key].Add(day, amount)
	}
	t := month[name]
	if t == nil {
		t = new(turnover)
		month[name] = t
	}
	// What counts negative stands in the original's column: the turned debit is a negative credit.
	if (amount > 0) != v.Negative {
		t.debit += amount
	} else {
		t.credit -= amount
	}
}

// countSplit keeps, by kind of income, how many live splits each day has. A reversal takes its original's away.
func (s *Collective) countSplit(v *eventv1.Voucher) {
	days := s.splits[v.IncomeKind]
	if days == nil {
		days = new(Timeline)
		s.splits[strings.Clone(v.IncomeKind)] = days
	}
	if v.Reverses == nil {
		days.Add(Day(v.OccurredOn), 1)
		s.splitDay.note(RefOf(v.Ref), Day(v.OccurredOn))
		return
	}
	if day, ok := s.splitDay.of(RefOf(v.Reverses)); ok { // a difference was never counted
		days.Add(day, -1)
	}
}

// isDifference tells a difference from a replacement, whose original is turned back by the same command before it.
func (s *Collective) isDifference(v *eventv1.Voucher) bool {
	if v.Reverses != nil || v.Corrects == nil {
		return false
	}
	by, done := s.settled[RefOf(v.Corrects)]
	return !done || by == RefOf(v.Ref)
}

// cite counts what live vouchers cite of each paper; a reversal frees what its original cited.
func (s *Collective) cite(v *eventv1.Voucher, e *eventv1.Event) {
	for _, doc := range v.Documents {
		key := paperKey{doc.Kind, doc.Issuer, doc.Number}
		p := s.papers[key]
		if v.Reverses != nil {
			if p != nil {
				p.free(Fen(doc.CitedFen), RefOf(v.Reverses))
				if len(p.citations) == 0 {
					delete(s.papers, key)
				}
			}
			continue
		}
		if p == nil {
			p = &paper{total: Fen(doc.TotalFen)}
			s.papers[paperKey{strings.Clone(doc.Kind), strings.Clone(doc.Issuer), strings.Clone(doc.Number)}] = p
		}
		p.cited += Fen(doc.CitedFen)
		p.citations = append(p.citations, citation{RefOf(v.Ref), s.firstOf(e), string(e.CommandDigest)})
	}
}

// firstOf is the version of the first event of the command that made e.
func (s *Collective) firstOf(e *eventv1.Event) uint64 {
	if id, err := uuid.FromBytes(e.CommandId); err == nil {
		if version, ok := s.accepted.get(id); ok {
			return version
		}
	}
	return e.Version
}

func (a Fen) abs() Fen {
	if a < 0 {
		return -a
	}
	return a
}
