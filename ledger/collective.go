package ledger

import (
	"slices"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Collective (集体) is the state of one collective that its rules need: what Evolve made of its events. It holds no narration
// and no history that no rule asks for. It is not for concurrent use.
type Collective struct {
	// How far it is.
	version  uint64
	recorded int64 // recorded_at of the last event, µs
	accepted commandIDs

	// The charter and what hangs on it.
	charter *eventv1.CollectiveFounded
	zone    *time.Location
	bodies  map[string]*eventv1.Body
	funds   map[string]*eventv1.Fund
	money   map[string]eventv1.MoneyAccountKind
	roles   map[string][]eventv1.Role
	members map[uint32]membership
	logKey  logKey

	// The books.
	accounts    map[Account]*account
	parties     map[partyAccount]*Timeline      // deposits and receivables by the party they belong to
	vouchers    map[series][]uint64             // version of each voucher by number-1
	settled     map[VoucherRef]VoucherRef       // voucher -> the one that reversed it or booked its difference
	reversals   map[VoucherRef]struct{}         // vouchers that are reversals
	differences map[VoucherRef]VoucherRef       // difference -> the voucher it puts right
	returned    map[VoucherRef]Fen              // refunded of a payment, or taken back by the bank of a receipt
	flags       map[VoucherRef][]*flag          // of vouchers that stand
	papers      map[paperKey]*paper             // documents cited by live vouchers
	turnover    map[Month]map[Account]*turnover // of months that are not closed
	closed      Month                           // last closed month, 0 for none
	statements  map[Month][]byte                // digest of the statement of each closed month
	opening     *eventv1.OpeningProposed        // proposed and not yet confirmed
	proposer    string                          // who proposed it
	live        int                             // vouchers that are no reversal and not reversed

	// The rules in force.
	policies    []*eventv1.PolicyAdopted
	splits      map[string]*Timeline // by kind of income: live splits, counted on their days
	splitDay    splitDays            // day of each split, for its reversal
	carries     map[uint32]*carried  // by version, of policies that round by carry
	years       map[int]*yearBook    // what true-ups need of each year
	rule        *eventv1.SpendingRuleAdopted
	ruleVersion uint32
	resolutions map[string]*resolution
	witnesses   *eventv1.WitnessPolicyAdopted // adopted last, in effect or not; nil before the first

	// What is under way.
	gifts     map[string]*gift
	requests  map[uint32]*request // open ones by number
	requested uint32              // number of the last request
	rounds    map[string]*round
	runs      map[string]*run
	takers    []taker                // of odd fen of the exact dividends that stand
	shares    map[uint32][]shareStep // by member, ascending by day
	holds     []*hold                // by number - 1
	editions  []edition              // by number - 1
	seeds     map[[16]byte]struct{}  // records that hold the seeds of disclosed rounds
	personal  personalData
	inquiries inquiries
}

type (
	account struct {
		Timeline
		name  Account
		gross Fen // sum of absolute amounts, kept below overflow
	}
	partyAccount struct {
		account Account
		party   string
	}
	series struct {
		class Class
		year  int
	}
	paperKey struct{ kind, issuer, number string }
	paper    struct {
		total, cited Fen
		citations    []citation // by live vouchers
	}
	citation struct {
		voucher VoucherRef
		version uint64 // of the first event of the command
		digest  string // of the command
	}
	turnover   struct{ debit, credit Fen }
	membership struct {
		household    uint32
		joined, left Day // left: last day, 0 while a member
	}
)

// NewCollective is the state before the first event.
func NewCollective() *Collective {
	return &Collective{
		zone:        time.UTC,
		bodies:      map[string]*eventv1.Body{},
		funds:       map[string]*eventv1.Fund{},
		money:       map[string]eventv1.MoneyAccountKind{},
		roles:       map[string][]eventv1.Role{},
		members:     map[uint32]membership{},
		accounts:    map[Account]*account{},
		parties:     map[partyAccount]*Timeline{},
		vouchers:    map[series][]uint64{},
		settled:     map[VoucherRef]VoucherRef{},
		reversals:   map[VoucherRef]struct{}{},
		differences: map[VoucherRef]VoucherRef{},
		returned:    map[VoucherRef]Fen{},
		flags:       map[VoucherRef][]*flag{},
		papers:      map[paperKey]*paper{},
		turnover:    map[Month]map[Account]*turnover{},
		statements:  map[Month][]byte{},
		splits:      map[string]*Timeline{},
		splitDay:    splitDays{},
		carries:     map[uint32]*carried{},
		years:       map[int]*yearBook{},
		resolutions: map[string]*resolution{},
		gifts:       map[string]*gift{},
		requests:    map[uint32]*request{},
		rounds:      map[string]*round{},
		runs:        map[string]*run{},
		shares:      map[uint32][]shareStep{},
		seeds:       map[[16]byte]struct{}{},
		personal:    personalData{records: map[uuid.UUID]*PersonalRecord{}, years: map[string]int{}},
		inquiries:   inquiries{records: map[uuid.UUID]uint32{}},
	}
}

// Version is the number of events it was made of.
func (s *Collective) Version() uint64 { return s.version }

// Charter is the founding, nil before it. It must not be changed.
func (s *Collective) Charter() *eventv1.CollectiveFounded { return s.charter }

// Zone is the zone of its business days.
func (s *Collective) Zone() *time.Location { return s.zone }

// Roles are the roles an operator holds; the slice must not be changed.
func (s *Collective) Roles(operator string) []eventv1.Role { return s.roles[operator] }

// LastRecorded is the recorded_at of the last event.
func (s *Collective) LastRecorded() time.Time { return time.UnixMicro(s.recorded) }

// Accepted gives the version of the first event of an accepted command.
func (s *Collective) Accepted(command uuid.UUID) (version uint64, ok bool) {
	return s.accepted.get(command)
}

// ClosedThrough is the last closed month, 0 for none.
func (s *Collective) ClosedThrough() Month { return s.closed }

// FirstOpenDay is the first day on which a voucher may occur.
func (s *Collective) FirstOpenDay() Day {
	if s.closed == 0 {
		return Day(s.charter.GetFirstDay())
	}
	return s.closed.Next().First()
}

// Members counts members and their households on a day.
func (s *Collective) Members(on Day) (members, households int) {
	seen := map[uint32]struct{}{}
	for _, m := range s.members {
		if m.on(on) {
			members++
			seen[m.household] = struct{}{}
		}
	}
	return members, len(seen)
}

// Balance is an account's balance at the end of a day, positive on the account's own side.
func (s *Collective) Balance(a Account, on Day) Fen {
	if acc := s.accounts[a]; acc != nil {
		return a.Sign() * acc.At(on)
	}
	return 0
}

func (m membership) on(day Day) bool { return m.joined <= day && (m.left == 0 || day <= m.left) }

// roster lists who takes a share on a day, in ascending order: members, or households with a member.
func (s *Collective) roster(on Day, basis eventv1.DividendBasis) []uint32 {
	var payees []uint32
	for number, m := range s.members {
		if !m.on(on) {
			continue
		}
		if basis == eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD {
			number = m.household
		}
		payees = append(payees, number)
	}
	slices.Sort(payees)
	return slices.Compact(payees)
}

// locate gives the version of the event that booked a voucher.
func (s *Collective) locate(ref VoucherRef) (version uint64, ok bool) {
	list := s.vouchers[series{ref.Class, ref.Year}]
	if ref.Number == 0 || int(ref.Number) > len(list) {
		return 0, false
	}
	return list[ref.Number-1], true
}

// policyFor is the policy in force for a kind of income on a day: the latest that started, the newest of those that
// started on one day; nil when there is none.
func (s *Collective) policyFor(kind string, on Day) *eventv1.PolicyAdopted {
	var best *eventv1.PolicyAdopted
	for _, p := range s.policies {
		if Day(p.EffectiveOn) <= on && slices.Contains(p.IncomeKinds, kind) && (best == nil || p.EffectiveOn >= best.EffectiveOn) {
			best = p
		}
	}
	return best
}

// free takes back what a voucher cited.
func (p *paper) free(cited Fen, voucher VoucherRef) {
	p.cited -= cited
	p.citations = slices.DeleteFunc(p.citations, func(c citation) bool { return c.voucher == voucher })
}

// citedBy gives the version of a command of this digest that cites the paper in a live voucher.
func (p *paper) citedBy(digest string) (version uint64, ok bool) {
	for _, c := range p.citations {
		if c.digest == digest {
			return c.version, true
		}
	}
	return 0, false
}
