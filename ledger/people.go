package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about personal data (个人信息): that a record of it is committed to, and that it is restricted or erased. The
// log has a record's id, whose it is by number, and one root; what is in it package people keeps apart.

// recordsMax bounds the records of one erasure.
const recordsMax = 1000

// supportYears are the years after the year of the last voucher for which what stands behind vouchers is kept (会计档案管理办法,
// annex: 会计凭证 30 年, counted from the first day after the fiscal year).
const supportYears = 30

// supporting are the fields that stand behind vouchers: who was paid, on which account, for what. Of an identity number, a phone and an
// address no rule says for how long they are kept.
const supporting = PersonalFields(1<<eventv1.PersonalField_PERSONAL_FIELD_PERSON | 1<<eventv1.PersonalField_PERSONAL_FIELD_NAME |
	1<<eventv1.PersonalField_PERSONAL_FIELD_MASK | 1<<eventv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT | 1<<eventv1.PersonalField_PERSONAL_FIELD_REASON)

// AllPersonalFields are all fields of a record.
const AllPersonalFields PersonalFields = 1<<(eventv1.PersonalField_PERSONAL_FIELD_REASON+1) - 1<<eventv1.PersonalField_PERSONAL_FIELD_PERSON

// PersonalFields is a set of fields: a bit for each, by its number.
type PersonalFields uint16

// Has says whether a field is in the set.
func (s PersonalFields) Has(f eventv1.PersonalField) bool { return s&(1<<f) != 0 }

// PersonalFieldsOf is the set of a list; none stands for all.
func PersonalFieldsOf(list []eventv1.PersonalField) (s PersonalFields) {
	if len(list) == 0 {
		return AllPersonalFields
	}
	for _, f := range list {
		s |= 1 << f & AllPersonalFields
	}
	return s
}

// PersonalRecord is what the log says of a record of personal data.
type PersonalRecord struct {
	ID         uuid.UUID
	Member     uint32 // 0 for a party
	Party      string // empty for a member
	Round      string // grant round of its reason; empty for none
	Root       [32]byte
	Erased     PersonalFields
	Restricted PersonalFields // erased ones may be among them
	Erasures   uint32         // approved ones that erased some of it: they say which of its streams counts
}

// personalData is what the state keeps about personal data.
type personalData struct {
	records  map[uuid.UUID]*PersonalRecord
	erasures []*erasure     // by number - 1
	years    map[string]int // last year with a voucher that names the party or member
	changed  uint64         // version of the newest event about it
}

type erasure struct {
	fact    *eventv1.ErasureRequested
	maker   string
	decided bool
}

// The commands about personal data.
type (
	// CommitPersonalData commits the books to a record that is kept apart. Neither the record's id nor its root is part of the
	// command's digest: both are made anew whenever the command is sent.
	CommitPersonalData struct {
		Member uint32
		Party  string `json:",omitempty"` // an opaque id, in place of a member
		Round  string `json:",omitempty"` // grant round that the reason belongs to
		Record []byte `json:"-"`
		Root   []byte `json:"-"`
	}
	// RequestErasure asks for records to be restricted or erased; no Fields: all of them.
	RequestErasure struct {
		Kind    eventv1.ErasureKind
		Basis   eventv1.ErasureBasis
		Records [][]byte
		Fields  []eventv1.PersonalField `json:",omitempty"`
	}
	// ApproveErasure approves an erasure: from its event on the data is gone.
	ApproveErasure struct{ Number uint32 }
	// RejectErasure ends a request for one.
	RejectErasure struct{ Number uint32 }
)

func (*CommitPersonalData) Name() string { return "KeepPersonalData" }
func (*RequestErasure) Name() string     { return "RequestErasure" }
func (*ApproveErasure) Name() string     { return "ApproveErasure" }
func (*RejectErasure) Name() string      { return "RejectErasure" }

// PersonalRecords lists the records of the collective, in no particular order.
func (s *Collective) PersonalRecords() []PersonalRecord {
	list := make([]PersonalRecord, 0, len(s.personal.records))
	for _, r := range s.personal.records {
		list = append(list, *r)
	}
	return list
}

// PersonalRecord finds a record.
func (s *Collective) PersonalRecord(id uuid.UUID) (PersonalRecord, bool) {
	if r := s.personal.records[id]; r != nil {
		return *r, true
	}
	return PersonalRecord{}, false
}

// PersonalChanged is the version of the newest event about personal data, 0 before the first.
func (s *Collective) PersonalChanged() uint64 { return s.personal.changed }

func (s *Collective) evolvePeople(e *eventv1.Event) {
	p := &s.personal
	switch f := e.Fact.(type) {
	case *eventv1.Event_PersonalDataCommitted:
		c := f.PersonalDataCommitted
		r := &PersonalRecord{ID: uuid.UUID(c.Record), Member: c.Member, Party: c.Party, Round: c.Round, Root: [32]byte(c.Root)}
		p.records[r.ID] = r
	case *eventv1.Event_ErasureRequested:
		p.erasures = append(p.erasures, &erasure{fact: f.ErasureRequested, maker: e.Actor})
	case *eventv1.Event_ErasureApproved:
		if q := p.decide(f.ErasureApproved.Number); q != nil {
			p.carryOut(q.fact)
		}
	case *eventv1.Event_ErasureRejected:
		p.decide(f.ErasureRejected.Number)
	default:
		return
	}
	p.changed = e.Version
}

// decide ends the waiting of an erasure.
func (p *personalData) decide(number uint32) *erasure {
	if number == 0 || int(number) > len(p.erasures) {
		return nil
	}
	q := p.erasures[number-1]
	q.decided = true
	return q
}

func (p *personalData) carryOut(f *eventv1.ErasureRequested) {
	for _, id := range f.Records {
		r := p.records[uuid.UUID(id)]
		switch fields := PersonalFieldsOf(f.Fields); {
		case r == nil:
		case f.Kind == eventv1.ErasureKind_ERASURE_KIND_RESTRICT:
			r.Restricted |= fields
		default:
			r.Erased |= fields
			r.Erasures++
		}
	}
}

// name notes whom a voucher names, for the years that what stands behind it is kept. It counts as long when it was turned back.
func (p *personalData) name(v *eventv1.Voucher) {
	year := Day(v.OccurredOn).Year()
	note := func(party string) {
		if strings.HasPrefix(party, "member/") || strings.HasPrefix(party, "party/") {
			if last, known := p.years[party]; !known {
				p.years[strings.Clone(party)] = year
			} else if year > last {
				p.years[party] = year
			}
		}
	}
	note(v.Party)
	for _, posting := range v.Postings {
		note(posting.Party)
	}
}

// party is whose record it is, as vouchers write it.
func (r *PersonalRecord) party() string {
	if r.Member != 0 {
		return memberParty(r.Member)
	}
	return "party/" + r.Party
}

// payee is the number by which a run pays a member; 0 for none.
func (s *Collective) payee(r *PersonalRecord, run *run) uint32 {
	if r.Member != 0 && run.ofHouseholds() {
		return s.members[r.Member].household
	}
	return r.Member
}

// lastYear is the last year with a voucher that names whose record it is, 0 when there is none: by its party, or as a line of a dividend file.
func (s *Collective) lastYear(r *PersonalRecord) int {
	last := s.personal.years[r.party()]
	for _, run := range s.runs {
		payee := s.payee(r, run)
		for _, file := range run.files {
			if year := file.booked.day.Year(); year > last && slices.Contains(file.fact.Payees, payee) {
				last = year
			}
		}
		for _, back := range run.returns {
			if year := back.booked.day.Year(); year > last && slices.Contains(back.payees, payee) {
				last = year
			}
		}
	}
	return last
}

// openMatter names what is under way with whose record it is; empty when there is nothing. Of several it names the first in the order
// requests, rounds, dividends, balances.
func (s *Collective) openMatter(r *PersonalRecord) string {
	party := r.party()
	first := uint32(0)
	for number, q := range s.requests {
		if (q.fact.GetPayment().GetPayee() == party || q.fact.GetDepositReturn().GetParty() == party) && (first == 0 || number < first) {
			first = number
		}
	}
	if first > 0 {
		return subject("request", first)
	}
	var open []string
	for id, g := range s.rounds {
		if l := g.lines[r.Member]; r.Round == id && (g.state == "open" || g.state == "reviewed" || g.state == "notice") ||
			g.state != "cancelled" && l != nil && (l.state == "applied" || l.state == "awarded") {
			open = append(open, "1 round "+id)
		}
	}
	for id, run := range s.runs {
		if i, ok := run.lineOf(s.payee(r, run)); ok && !run.dead && (run.paid[i] == 0 || !run.files[run.paid[i]-1].settled) {
			open = append(open, "2 dividend "+id)
		}
	}
	for key, t := range s.parties {
		if key.party == party && t.Now() != 0 {
			open = append(open, "3 "+string(key.account))
		}
	}
	if len(open) == 0 {
		return ""
	}
	return slices.Min(open)[2:]
}

// CheckPublicText refuses a text that may not stand in the log: it is too long, has control characters, or a number like one of a person.
func CheckPublicText(field, s string, runes int) error { return checkText(field, s, runes) }

// A record is of a member that was ever enrolled or of a party, and is new.
func (c *CommitPersonalData) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := checkText("party_id", c.Party, 40); err != nil { // somebody may have typed a number of the person
		return err
	}
	switch {
	case (c.Member == 0) == (c.Party == ""):
		return refuse(FieldInvalid).because("it is about a member or about a party, one of them", "应为成员或当事人中的一个").at("member")
	case c.Party != "" && !ValidSlug(c.Party): // without the text: somebody may have typed a name
		return refuse(FieldInvalid).because("the id of a party is a slug that says nothing of the person", "当事人编号为小写字母、数字和连字符,且不含个人信息").at("party_id")
	case c.Member != 0 && !d.s.knows(c.Member, false):
		return refuse(MemberUnknown).with("member", c.Member).with("day", d.today).at("member")
	case c.Round != "" && !ValidSlug(c.Round):
		return refuse(FieldInvalid).because("the id of a round is a slug", "一轮的编号为小写字母、数字和连字符").at("round_id")
	case c.Round != "" && d.s.rounds[c.Round] == nil:
		return refuse(RoundUnknown).with("round", c.Round).at("round_id")
	case len(c.Record) != 16 || uuid.UUID(c.Record) == uuid.Nil || len(c.Root) != 32:
		return refuse(FieldInvalid).because("a record has an id of 16 bytes and a root of 32", "记录应有 16 字节的编号和 32 字节的根").at("record")
	case d.s.personal.records[uuid.UUID(c.Record)] != nil:
		return refuse(AlreadyExists).with("id", uuid.UUID(c.Record)).at("record")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_PersonalDataCommitted{PersonalDataCommitted: &eventv1.PersonalDataCommitted{
		Record: c.Record, Member: c.Member, Party: c.Party, Root: c.Root, Round: c.Round}}})
	return nil
}

// An erasure, in order: kind, basis and fields exist; each record exists, once, and something of it is left to erase or restrict;
// nothing stands against it.
func (c *RequestErasure) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	_, kind := eventv1.ErasureKind_name[int32(c.Kind)]
	_, basis := eventv1.ErasureBasis_name[int32(c.Basis)]
	switch n := len(c.Records); {
	case !kind || c.Kind == 0:
		return refuse(FieldInvalid).because("there is no such kind of erasure", "没有这种处置").at("kind")
	case !basis || c.Basis == 0:
		return refuse(FieldInvalid).because("there is no such basis", "没有这种依据").at("basis")
	case n == 0 || n > recordsMax:
		return refuse(TooMany).with("what", "records").with("max", recordsMax).with("count", n).at("record_ids")
	}
	for i, f := range c.Fields {
		if f < 1 || !AllPersonalFields.Has(f) {
			return refuse(FieldInvalid).because("there is no such field", "没有这个信息项").at("fields")
		}
		if slices.Contains(c.Fields[:i], f) {
			return refuse(RepeatedEntry).with("entry", f).at("fields")
		}
	}
	fact := &eventv1.ErasureRequested{Number: uint32(len(d.s.personal.erasures)) + 1, Kind: c.Kind, Basis: c.Basis, Records: c.Records, Fields: c.Fields}
	if err := d.erasable(fact); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_ErasureRequested{ErasureRequested: fact}})
	return nil
}

// erasable refuses an erasure that the records do not allow now.
func (d *decision) erasable(f *eventv1.ErasureRequested) error {
	seen := make(map[uuid.UUID]bool, len(f.Records))
	fields := PersonalFieldsOf(f.Fields)
	for _, id := range f.Records {
		record, err := uuid.FromBytes(id)
		r := d.s.personal.records[record]
		switch {
		case err != nil || r == nil:
			return refuse(RecordUnknown).with("record", record).at("record_ids")
		case seen[record]:
			return refuse(RepeatedEntry).with("entry", record).at("record_ids")
		}
		seen[record] = true
		done := r.Erased
		if f.Kind == eventv1.ErasureKind_ERASURE_KIND_RESTRICT {
			done |= r.Restricted
		}
		if fields&^done == 0 {
			return refuse(AlreadyDone).with("subject", "record "+record.String()).at("record_ids")
		}
		if err := d.retained(r, f.Kind, f.Basis, fields&^r.Erased); err != nil {
			return err
		}
	}
	return nil
}

// retained refuses to erase what stands behind vouchers: while something is under way with the person, and then for as long as
// vouchers are kept. Restricting is always possible, and the law overrides both: data that was never lawful, and an order.
func (d *decision) retained(r *PersonalRecord, kind eventv1.ErasureKind, basis eventv1.ErasureBasis, fields PersonalFields) error {
	if kind == eventv1.ErasureKind_ERASURE_KIND_RESTRICT || fields&supporting == 0 ||
		basis == eventv1.ErasureBasis_ERASURE_BASIS_UNLAWFUL || basis == eventv1.ErasureBasis_ERASURE_BASIS_ORDER {
		return nil
	}
	if matter := d.s.openMatter(r); matter != "" {
		return refuse(PersonalDataNeeded).with("record", r.ID).with("party", r.party()).with("matter", matter).at("record_ids")
	}
	year := d.s.lastYear(r)
	if from := Day((year+supportYears+1)*1_00_00 + 1_01); year > 0 && d.today < from {
		return refuse(RetentionRunning).with("record", r.ID).with("party", r.party()).with("year", year).with("from", from).at("record_ids")
	}
	return nil
}

// erasureOpen finds an erasure that waits, for somebody else than who asked for it.
func (d *decision) erasureOpen(number uint32) (*erasure, error) {
	if err := d.founded(); err != nil {
		return nil, err
	}
	if number == 0 || int(number) > len(d.s.personal.erasures) {
		return nil, refuse(ErasureUnknown).with("erasure", number).at("erasure")
	}
	q := d.s.personal.erasures[number-1]
	switch {
	case q.decided:
		return nil, refuse(AlreadyDone).with("subject", subject("erasure", number)).at("erasure")
	case q.maker == d.m.Actor:
		return nil, refuse(OwnRequest)
	}
	return q, nil
}

// Four eyes: another than who asked approves, once, and what could not be asked for now cannot be approved now.
func (c *ApproveErasure) decide(d *decision) error {
	q, err := d.erasureOpen(c.Number)
	if err == nil {
		err = d.erasable(q.fact)
	}
	if err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_ErasureApproved{ErasureApproved: &eventv1.ErasureApproved{Number: c.Number}}})
	return nil
}

// Another than who asked rejects, once.
func (c *RejectErasure) decide(d *decision) error {
	if _, err := d.erasureOpen(c.Number); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_ErasureRejected{ErasureRejected: &eventv1.ErasureRejected{Number: c.Number}}})
	return nil
}

// examineErasure holds that an erasure could be asked for.
func (d *decision) examineErasure(f *eventv1.ErasureRequested) string {
	if due := len(d.s.personal.erasures) + 1; int64(f.Number) != int64(due) {
		return fmt.Sprintf("erasure %d comes where %d is due", f.Number, due)
	}
	return reasonOf((&RequestErasure{Kind: f.Kind, Basis: f.Basis, Records: f.Records, Fields: f.Fields}).decide(d))
}
