package ledger_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

const (
	erase         = eventv1.ErasureKind_ERASURE_KIND_ERASE
	restrict      = eventv1.ErasureKind_ERASURE_KIND_RESTRICT
	purposeMet    = eventv1.ErasureBasis_ERASURE_BASIS_PURPOSE_MET
	periodEnded   = eventv1.ErasureBasis_ERASURE_BASIS_PERIOD_ENDED
	unlawful      = eventv1.ErasureBasis_ERASURE_BASIS_UNLAWFUL
	ordered       = eventv1.ErasureBasis_ERASURE_BASIS_ORDER
	fieldName     = eventv1.PersonalField_PERSONAL_FIELD_NAME
	fieldIDNo     = eventv1.PersonalField_PERSONAL_FIELD_ID_NO
	fieldPhone    = eventv1.PersonalField_PERSONAL_FIELD_PHONE
	fieldAddress  = eventv1.PersonalField_PERSONAL_FIELD_ADDRESS
	fieldBank     = eventv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT
	peopleDay     = "2021-02-01"
	peopleLongDay = "2051-12-31"
)

func init() {
	refusals[ledger.RecordUnknown] = func(t *testing.T) error {
		return on(lt.Liminba(t), peopleDay, lt.Treasurer, erasing(erase, ordered, 9))
	}
	refusals[ledger.ErasureUnknown] = func(t *testing.T) error {
		return on(lt.Liminba(t), peopleDay, lt.Approver, &ledger.ApproveErasure{Number: 1})
	}
	refusals[ledger.RetentionRunning] = func(t *testing.T) error {
		return on(paidGrant(t), "2021-02-03", lt.Treasurer, erasing(erase, purposeMet, 1))
	}
	refusals[ledger.PersonalDataNeeded] = func(t *testing.T) error {
		b := awarded(t)
		b.Do(peopleDay, lt.Treasurer, committing(1, 1))
		return on(b, peopleDay, lt.Treasurer, erasing(erase, purposeMet, 1))
	}
}

// recordID is the id of the nth record of a test.
func recordID(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

// committing commits to the nth record, of a member.
func committing(n byte, member uint32) *ledger.CommitPersonalData {
	return &ledger.CommitPersonalData{Member: member, Record: recordID(n), Root: bytes.Repeat([]byte{n}, 32)}
}

func erasing(kind eventv1.ErasureKind, basis eventv1.ErasureBasis, record byte, fields ...eventv1.PersonalField) *ledger.RequestErasure {
	return &ledger.RequestErasure{Kind: kind, Basis: basis, Records: [][]byte{recordID(record)}, Fields: fields}
}

// paidGrant has member 1 paid on 2021-02-02 and nothing more under way, and a record of the member.
func paidGrant(t *testing.T) *lt.Books {
	b := awarded(t)
	b.Do("2021-02-02", lt.Treasurer, payGrant(1, "2021-02-02"))
	b.Do("2021-02-02", lt.Treasurer, committing(1, 1))
	return b
}

func record(t *testing.T, b *lt.Books, n byte) ledger.PersonalRecord {
	t.Helper()
	r, ok := b.State.PersonalRecord(uuid.UUID(recordID(n)))
	if !ok {
		t.Fatalf("no record %d", n)
	}
	return r
}

// TestCommitPersonalData: whose record it is is known, and the record is new. The digest of the command has nothing of the record.
func TestCommitPersonalData(t *testing.T) {
	b := noticed(t)
	c := committing(1, 1)
	first := b.Do(peopleDay, lt.Treasurer, c)
	if r := record(t, b, 1); r.Member != 1 || r.Erased != 0 || r.Root != [32]byte(c.Root) || b.State.PersonalChanged() != b.State.Version() {
		t.Errorf("the record is %+v", r)
	}
	other := *c
	other.Record, other.Root = recordID(2), bytes.Repeat([]byte{2}, 32)
	if ledger.Digest(c, lt.LiminbaID, lt.Treasurer) != ledger.Digest(&other, lt.LiminbaID, lt.Treasurer) {
		t.Error("the digest of the command depends on the record")
	}
	if got := first[0].GetPersonalDataCommitted(); !bytes.Equal(got.Root, c.Root) || got.Party != "" || got.Round != "" {
		t.Errorf("the fact is %v", got)
	}
	b.Do(peopleDay, lt.Treasurer, &ledger.CommitPersonalData{Party: "p-1", Round: "gifts", Record: recordID(3), Root: c.Root})
	for name, wrong := range map[string]struct {
		change func(*ledger.CommitPersonalData)
		reason ledger.Reason
	}{
		"nobody":         {func(c *ledger.CommitPersonalData) { c.Member = 0 }, ledger.FieldInvalid},
		"both":           {func(c *ledger.CommitPersonalData) { c.Party = "p-1" }, ledger.FieldInvalid},
		"unknown member": {func(c *ledger.CommitPersonalData) { c.Member = 4_000_000 }, ledger.MemberUnknown},
		"a name":         {func(c *ledger.CommitPersonalData) { c.Member, c.Party = 0, "张小三" }, ledger.FieldInvalid},
		"unknown round":  {func(c *ledger.CommitPersonalData) { c.Round = "none" }, ledger.RoundUnknown},
		"no id":          {func(c *ledger.CommitPersonalData) { c.Record = make([]byte, 16) }, ledger.FieldInvalid},
		"short root":     {func(c *ledger.CommitPersonalData) { c.Root = c.Root[:31] }, ledger.FieldInvalid},
		"known record":   {func(c *ledger.CommitPersonalData) { c.Record = recordID(1) }, ledger.AlreadyExists},
	} {
		t.Run(name, func(t *testing.T) {
			c := committing(2, 1)
			wrong.change(c)
			b.Refuse(peopleDay, lt.Treasurer, c, wrong.reason)
		})
	}
}

// TestErasure: asked for by one and approved by another, once; of the fields that are named; counted for each record.
func TestErasure(t *testing.T) {
	b := lt.Demo(t, "2021-01-04")
	b.Do(peopleDay, lt.Treasurer, committing(1, 9))
	b.Do(peopleDay, lt.Treasurer, committing(2, 9))
	b.Do(peopleDay, lt.Supervisor, &ledger.RequestErasure{Kind: erase, Basis: periodEnded, Records: [][]byte{recordID(1), recordID(2)}, Fields: []eventv1.PersonalField{fieldIDNo, fieldPhone}})
	b.Refuse(peopleDay, lt.Supervisor, &ledger.ApproveErasure{Number: 1}, ledger.OwnRequest)
	b.Refuse(peopleDay, lt.Supervisor, &ledger.RejectErasure{Number: 1}, ledger.OwnRequest)
	if r := record(t, b, 1); r.Erased != 0 {
		t.Errorf("erased before it was approved: %+v", r)
	}
	b.Do(peopleDay, lt.Approver, &ledger.ApproveErasure{Number: 1})
	b.Refuse(peopleDay, lt.Approver, &ledger.ApproveErasure{Number: 1}, ledger.AlreadyDone)
	b.Refuse(peopleDay, lt.Approver, &ledger.RejectErasure{Number: 1}, ledger.AlreadyDone)
	for n := byte(1); n <= 2; n++ {
		if r := record(t, b, n); !r.Erased.Has(fieldIDNo) || !r.Erased.Has(fieldPhone) || r.Erased.Has(fieldName) || r.Erasures != 1 {
			t.Errorf("record %d: %+v", n, r)
		}
	}
	b.Refuse(peopleDay, lt.Treasurer, erasing(erase, ordered, 1, fieldIDNo), ledger.AlreadyDone)

	// Restricted, then everything erased; what waits is judged again when it is approved.
	for _, c := range []*ledger.RequestErasure{erasing(restrict, purposeMet, 1), erasing(erase, purposeMet, 1), erasing(erase, purposeMet, 1, fieldName)} {
		b.Do(peopleDay, lt.Treasurer, c)
	}
	b.Do(peopleDay, lt.Supervisor, &ledger.ApproveErasure{Number: 2})
	b.Do(peopleDay, lt.Supervisor, &ledger.ApproveErasure{Number: 3})
	if r := record(t, b, 1); r.Erased != ledger.AllPersonalFields || !r.Restricted.Has(fieldName) || r.Erasures != 2 {
		t.Errorf("record 1: %+v", r)
	}
	b.Refuse(peopleDay, lt.Supervisor, &ledger.ApproveErasure{Number: 4}, ledger.AlreadyDone)
	b.Do(peopleDay, lt.Supervisor, &ledger.RejectErasure{Number: 4})
	b.Refuse(peopleDay, lt.Treasurer, erasing(restrict, purposeMet, 1), ledger.AlreadyDone)
	if r := record(t, b, 2); r.Erasures != 1 {
		t.Errorf("record 2: %+v", r)
	}
	refold(t, b)

	for name, c := range map[string]*ledger.RequestErasure{
		"kind":         erasing(0, ordered, 2),
		"unknown kind": erasing(7, ordered, 2),
		"basis":        erasing(erase, 0, 2),
		"field":        erasing(erase, ordered, 2, 9),
	} {
		t.Run(name, func(t *testing.T) { b.Refuse(peopleDay, lt.Treasurer, c, ledger.FieldInvalid) })
	}
	b.Refuse(peopleDay, lt.Treasurer, &ledger.RequestErasure{Kind: erase, Basis: ordered}, ledger.TooMany)
	b.Refuse(peopleDay, lt.Treasurer, &ledger.RequestErasure{Kind: erase, Basis: ordered, Records: make([][]byte, 1001)}, ledger.TooMany)
	b.Refuse(peopleDay, lt.Treasurer, &ledger.RequestErasure{Kind: erase, Basis: ordered, Records: [][]byte{recordID(2), recordID(2)}}, ledger.RepeatedEntry)
	b.Refuse(peopleDay, lt.Treasurer, erasing(erase, ordered, 2, fieldName, fieldName), ledger.RepeatedEntry)
	b.Refuse(peopleDay, lt.Treasurer, &ledger.RequestErasure{Kind: erase, Basis: ordered, Records: [][]byte{{1}}}, ledger.RecordUnknown)
}

// TestPersonalRetention: what stands behind vouchers stays for thirty years after the year of the last one; an identity number, a phone, an
// address need not; restricting is always possible; the law goes before.
func TestPersonalRetention(t *testing.T) {
	const day = "2021-02-03"
	b := paidGrant(t)
	b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, 1), ledger.RetentionRunning, "from=2052-01-01", "year=2021", "party=member/1")
	b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, 1, fieldBank), ledger.RetentionRunning)
	b.Refuse(day, lt.Treasurer, erasing(erase, eventv1.ErasureBasis_ERASURE_BASIS_CONSENT_WITHDRAWN, 1, fieldPhone, fieldName), ledger.RetentionRunning)
	for _, c := range []*ledger.RequestErasure{
		erasing(erase, purposeMet, 1, fieldIDNo, fieldPhone, fieldAddress), erasing(restrict, purposeMet, 1), erasing(erase, unlawful, 1), erasing(erase, ordered, 1),
	} {
		b.Do(day, lt.Treasurer, c)
	}
	b.Refuse(peopleLongDay, lt.Treasurer, erasing(erase, periodEnded, 1), ledger.RetentionRunning)
	b.Do("2052-01-01", lt.Treasurer, erasing(erase, periodEnded, 1))

	// A later voucher of the member makes it longer, also for a request that waits.
	b = paidGrant(t)
	b.Do(day, lt.Treasurer, committing(2, 2))
	b.Do(day, lt.Approver, &ledger.CancelGrant{Round: "gifts", Member: 2, On: lt.Day(day)})
	b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, 2), ledger.RetentionRunning, "from=2052-01-01", "party=member/2")
}

// TestPersonalRetentionOfDividends: the lines of bank files count, by member and by household, and what is owed or on its way is under way.
func TestPersonalRetentionOfDividends(t *testing.T) {
	for _, basis := range []eventv1.DividendBasis{eventv1.DividendBasis_DIVIDEND_BASIS_HEAD, eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD} {
		t.Run(basis.String(), func(t *testing.T) {
			const day = "2021-01-04"
			b := lt.Demo(t, "2020-12-20")
			b.Do(day, lt.Treasurer, committing(1, 1))
			b.Do(day, lt.Treasurer, erasing(erase, purposeMet, 1))
			b.Resolve(day, "pay", eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "60,000.00")
			b.Do(day, lt.Treasurer, &ledger.RequestDividend{Run: "div", Fund: "dividend", Pool: 60_000_00, RecordDate: lt.Day(day), Resolution: "pay", Basis: basis})
			b.Do(day, lt.Supervisor, &ledger.ReviewRequest{Number: b.Last()})
			b.Do(day, lt.Approver, &ledger.DeclareDividend{Number: b.Last(), On: lt.Day(day)})
			b.Refuse(day, lt.Approver, &ledger.ApproveErasure{Number: 1}, ledger.PersonalDataNeeded, "matter=dividend div")
			b.Do(day, lt.Treasurer, &ledger.SendDividendFile{Run: "div", Money: "bank", Payees: []uint32{1}})
			b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, 1), ledger.PersonalDataNeeded, "matter=dividend div")
			b.Do(day, lt.Treasurer, &ledger.RecordDividendResults{Run: "div", File: 1, On: lt.Day(day)})
			b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, 1), ledger.RetentionRunning, "from=2052-01-01")
		})
	}
}

// TestOpenMatters: while anything is under way with a person, what stands behind it stays.
func TestOpenMatters(t *testing.T) {
	refuse := func(t *testing.T, b *lt.Books, day, matter string, c *ledger.CommitPersonalData) {
		t.Helper()
		b.Do(day, lt.Treasurer, c)
		b.Refuse(day, lt.Treasurer, erasing(erase, purposeMet, c.Record[0]), ledger.PersonalDataNeeded, "matter="+matter)
		b.Do(day, lt.Treasurer, erasing(erase, purposeMet, c.Record[0], fieldPhone))
	}
	t.Run("application", func(t *testing.T) { refuse(t, noticed(t), "2021-01-12", "round gifts", committing(1, 1)) })
	t.Run("reason of an application", func(t *testing.T) {
		c := committing(1, 9)
		c.Round = "gifts"
		refuse(t, noticed(t), "2021-01-12", "round gifts", c)
	})
	t.Run("award", func(t *testing.T) { refuse(t, awarded(t), "2021-01-22", "round gifts", committing(1, 1)) })
	t.Run("payment asked for", func(t *testing.T) {
		b := lt.Demo(t, "2022-03-01")
		b.Do("2022-03-01", lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("12,000.00"), Payee: "party/supplier", Resolution: "roof-2022"})
		c := committing(1, 0)
		c.Party = "supplier"
		refuse(t, b, "2022-03-01", "request 4", c)
	})
	t.Run("deposit", func(t *testing.T) {
		c := committing(1, 0)
		c.Party = "lessee"
		refuse(t, kept(t), "2020-12-20", "deposit/lease", c)
	})
}

// peopleFacts adds the facts about personal data to the frozen ones.
func peopleFacts(b *lt.Books) {
	const day = "2020-05-12"
	b.Do(day, lt.Treasurer, &ledger.CommitPersonalData{Member: 1, Round: "relief-1", Record: recordID(1), Root: lt.Minutes("record 1")})
	b.Do(day, lt.Treasurer, &ledger.CommitPersonalData{Party: "lessee-2", Record: recordID(2), Root: lt.Minutes("record 2")})
	b.Do(day, lt.Treasurer, &ledger.RequestErasure{Kind: erase, Basis: ordered, Records: [][]byte{recordID(1), recordID(2)}, Fields: []eventv1.PersonalField{fieldIDNo, fieldPhone}})
	b.Do(day, lt.Supervisor, &ledger.ApproveErasure{Number: 1})
	b.Do(day, lt.Treasurer, erasing(restrict, purposeMet, 1))
	b.Do(day, lt.Approver, &ledger.RejectErasure{Number: 2})
}

// keptFact is what a record opens to, in a stream of its own: one slot with a value, the rest decoys.
func keptFact() *eventv1.PersonalDataKept {
	kept := &eventv1.PersonalDataKept{Record: recordID(1), CollectiveId: lt.LiminbaID}
	for i := range byte(8) {
		kept.Slots = append(kept.Slots, &eventv1.PersonalSlot{Commitment: bytes.Repeat([]byte{i + 1}, 32)})
	}
	kept.Slots[1].Salt, kept.Slots[1].Value = bytes.Repeat([]byte{9}, 32), "张小三"
	return kept
}
