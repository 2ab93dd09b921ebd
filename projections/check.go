package projections

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// check says in one sentence why an event cannot follow the events before it; empty when it can. It changes nothing, so
// that an event is folded whole or not at all.
func (b *Book) check(e *eventv1.Event) string {
	for i, v := range e.Vouchers {
		if reason := b.checkVoucher(v, e.Vouchers[:i]); reason != "" {
			return fmt.Sprintf("voucher %v %s", ledger.RefOf(v.Ref), reason)
		}
	}
	founding := e.GetCollectiveFounded()
	if (founding != nil) != (e.Version == 1) {
		return "a collective is founded by its first event and by no other"
	}
	if founding != nil && founding.CollectiveId != b.id {
		return "it founds " + founding.CollectiveId
	}
	if _, err := time.LoadLocation(founding.GetTimeZone()); founding != nil && err != nil {
		return "it founds a collective in a time zone that is not known here"
	}
	if e.Actor == "" && !ledger.Anonymous(e) {
		return "nobody gave its command"
	}
	return b.checkFact(e)
}

func (b *Book) checkVoucher(v *eventv1.Voucher, before []*eventv1.Voucher) string {
	if reason := b.checkNumber(v, before); reason != "" {
		return reason
	}
	var sum ledger.Fen
	fits := true
	for _, p := range v.Postings {
		var ok bool
		sum, ok = sum.Add(ledger.Fen(p.AmountFen))
		fits = fits && ok
	}
	if sum != 0 || !fits || len(v.Postings) < 2 {
		return "does not balance"
	}
	if v.Reverses != nil {
		if b.journal.find(ledger.RefOf(v.Reverses)) == 0 {
			return "reverses an unknown voucher"
		}
		if reason := b.checkTurned(v); reason != "" {
			return reason
		}
	}
	if v.Corrects != nil && b.journal.find(ledger.RefOf(v.Corrects)) == 0 {
		return "corrects an unknown voucher"
	}
	if v.ResolutionId != "" && b.resolutions.byID[v.ResolutionId] == nil {
		return "draws on the unknown resolution " + v.ResolutionId
	}
	if int(v.RequestNumber) > len(b.requests.items) {
		return fmt.Sprintf("settles the unknown request %d", v.RequestNumber)
	}
	return b.checkFlags(v)
}

// checkNumber holds that numbers of a class and year come without a gap, in the order of the log.
func (b *Book) checkNumber(v *eventv1.Voucher, before []*eventv1.Voucher) string {
	ref := ledger.RefOf(v.Ref)
	if ref.Class < ledger.Receipt || ref.Class > ledger.Transfer {
		return "has no class"
	}
	next := uint32(len(b.journal.numbered(ref.Class, ref.Year))) + 1
	for _, u := range before {
		if u.Ref.GetClass() == ref.Class && int(u.Ref.GetYear()) == ref.Year {
			next++
		}
	}
	if ref.Number != next {
		return fmt.Sprintf("comes where number %d is due", next)
	}
	return ""
}

// checkTurned holds that a reversal of a grant's or dividend's voucher names something to turn back.
func (b *Book) checkTurned(v *eventv1.Voucher) string {
	if v.GrantRoundId != "" {
		r := b.rounds.byID[v.GrantRoundId]
		if r == nil {
			return "turns back a voucher of the unknown grant round " + v.GrantRoundId
		}
		if number, ok := memberOf(v.Party); ok && r.byMember[number] == nil {
			return fmt.Sprintf("turns back a voucher of member %d, who is not in round %s", number, v.GrantRoundId)
		}
	}
	if v.DividendRunId != "" {
		r := b.runs.byID[v.DividendRunId]
		back := v.DividendFile == 0 && v.Ref.GetClass() == ledger.Receipt
		if r == nil || v.DividendFile != 0 && r.file(v.DividendFile) == nil || back && r.payback(b.journal.find(ledger.RefOf(v.Reverses))) == nil {
			return "turns back a voucher of an unknown dividend run or file"
		}
	}
	return ""
}

// memberOf reads the number of "member/<number>".
func memberOf(party string) (uint32, bool) {
	text, ok := strings.CutPrefix(party, "member/")
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), ok && err == nil
}

// checkFact holds that a fact about an item comes after the item.
func (b *Book) checkFact(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_TrueUpBooked:
		if len(e.Vouchers) == 0 {
			return "it trues a year up without a voucher"
		}
	case *eventv1.Event_ResolutionConfirmed:
		if b.resolutions.byID[f.ResolutionConfirmed.Id] == nil {
			return "it confirms the unknown resolution " + f.ResolutionConfirmed.Id
		}
	case *eventv1.Event_RequestMade:
		if int(f.RequestMade.Number) != len(b.requests.items)+1 {
			return fmt.Sprintf("request %d comes where %d is due", f.RequestMade.Number, len(b.requests.items)+1)
		}
	case *eventv1.Event_RequestReviewed:
		return b.checkRequest(f.RequestReviewed.Number)
	case *eventv1.Event_RequestApproved:
		return b.checkRequest(f.RequestApproved.Number)
	case *eventv1.Event_RequestRejected:
		return b.checkRequest(f.RequestRejected.Number)
	case *eventv1.Event_RequestWithdrawn:
		return b.checkRequest(f.RequestWithdrawn.Number)
	case *eventv1.Event_PaymentSettled:
		return b.checkRequest(f.PaymentSettled.Number)
	case *eventv1.Event_TransferMade:
		return b.checkRequest(f.TransferMade.Number)
	case *eventv1.Event_CorrectionMade:
		if f.CorrectionMade.Number != 0 {
			return b.checkRequest(f.CorrectionMade.Number)
		}
	case *eventv1.Event_RequestExpired:
		return b.checkRequest(f.RequestExpired.Number)
	case *eventv1.Event_DepositReturned:
		return b.checkRequest(f.DepositReturned.Number)
	case *eventv1.Event_FlagRatified:
		if b.openFlag(f.FlagRatified) == nil || b.resolutions.byID[f.FlagRatified.ResolutionId] == nil {
			return fmt.Sprintf("it ratifies %v, which has no such open flag, or by an unknown resolution", ledger.RefOf(f.FlagRatified.Voucher))
		}
	case *eventv1.Event_GiftAgreed, *eventv1.Event_GiftReceived, *eventv1.Event_GiftPurposeChanged:
		return b.checkGift(e)
	case *eventv1.Event_MembersEnrolled:
		if len(f.MembersEnrolled.Members) != len(f.MembersEnrolled.Households) {
			return "it enrols members without households"
		}
	case *eventv1.Event_MembersDeparted, *eventv1.Event_MembersReadmitted, *eventv1.Event_SharesSet:
		return b.charter.checkMembers(e)
	case *eventv1.Event_PayeeHeld, *eventv1.Event_PayeeReleased:
		return b.checkHold(e)
	case *eventv1.Event_DividendReturned:
		return b.checkReturned(f.DividendReturned, len(e.Vouchers) > 0)
	case *eventv1.Event_PersonalDataCommitted, *eventv1.Event_ErasureRequested, *eventv1.Event_ErasureApproved, *eventv1.Event_ErasureRejected:
		return b.checkPeople(e)
	default:
		return b.checkPayout(e)
	}
	return ""
}

func (b *Book) checkRequest(number uint32) string {
	if number == 0 || int(number) > len(b.requests.items) {
		return fmt.Sprintf("it names the unknown request %d", number)
	}
	return ""
}

// checkPayout does the same for grants and dividends.
func (b *Book) checkPayout(e *eventv1.Event) string {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GrantApplicantsAdded:
		if len(f.GrantApplicantsAdded.Members) != len(f.GrantApplicantsAdded.AmountsFen) {
			return "it adds applicants without amounts"
		}
		return b.checkRound(f.GrantApplicantsAdded.RoundId)
	case *eventv1.Event_GrantRoundReviewed:
		return b.checkRound(f.GrantRoundReviewed.RoundId)
	case *eventv1.Event_GrantNoticePublished:
		return b.checkRound(f.GrantNoticePublished.RoundId)
	case *eventv1.Event_GrantsAwarded:
		return b.checkRound(f.GrantsAwarded.RoundId)
	case *eventv1.Event_GrantPaid:
		return b.checkLine(f.GrantPaid.RoundId, f.GrantPaid.Member, e)
	case *eventv1.Event_GrantCancelled:
		return b.checkLine(f.GrantCancelled.RoundId, f.GrantCancelled.Member, e)
	case *eventv1.Event_EntitlementsListed:
		return b.checkEntitlements(f.EntitlementsListed)
	case *eventv1.Event_DividendDeclared:
		if r := b.runs.byID[f.DividendDeclared.RunId]; r == nil || r.fact != nil || len(r.payees) != int(f.DividendDeclared.Payees) {
			return "it declares dividend " + f.DividendDeclared.RunId + " without its roster"
		}
		return b.checkRequest(f.DividendDeclared.RequestNumber)
	case *eventv1.Event_DividendFileSent:
		r := b.runs.byID[f.DividendFileSent.RunId]
		if r == nil || r.fact == nil || int(f.DividendFileSent.File) != len(r.files)+1 {
			return fmt.Sprintf("it sends file %d of dividend %s out of turn", f.DividendFileSent.File, f.DividendFileSent.RunId)
		}
		return r.checkPayees(f.DividendFileSent.Payees)
	case *eventv1.Event_DividendFileSettled:
		r := b.runs.byID[f.DividendFileSettled.RunId]
		if r == nil || r.file(f.DividendFileSettled.File) == nil || r.file(f.DividendFileSettled.File).settled != nil {
			return fmt.Sprintf("it settles file %d of dividend %s, which is not under way", f.DividendFileSettled.File, f.DividendFileSettled.RunId)
		}
	default:
		return cmp.Or(b.checkRoundStep(e), b.checkPublished(e), b.checkInquiry(e))
	}
	return ""
}

func (b *Book) checkRound(id string) string {
	if b.rounds.byID[id] == nil {
		return "it names the unknown grant round " + id
	}
	return ""
}

func (b *Book) checkLine(id string, member uint32, e *eventv1.Event) string {
	if r := b.rounds.byID[id]; r == nil || r.byMember[member] == nil || len(e.Vouchers) == 0 {
		return fmt.Sprintf("it names member %d of round %s, who is unknown or unpaid", member, id)
	}
	return ""
}

// checkEntitlements holds that a roster comes in order of its lines and ascending, as a page of it is found by search.
func (b *Book) checkEntitlements(f *eventv1.EntitlementsListed) string {
	if len(f.Payees) != len(f.AmountsFen) {
		return "it lists payees without amounts"
	}
	var before []uint32
	if r := b.runs.byID[f.RunId]; r != nil && r.fact == nil {
		before = r.payees
	}
	if int(f.FirstLine) != len(before)+1 {
		return fmt.Sprintf("line %d of dividend %s comes where %d is due", f.FirstLine, f.RunId, len(before)+1)
	}
	var last uint32
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	if !ascending(last, f.Payees) {
		return "the roster of dividend " + f.RunId + " is out of order"
	}
	return ""
}

// checkPayees holds that a file's payees are of the roster.
func (r *run) checkPayees(payees []uint32) string {
	for _, p := range payees {
		if _, ok := slices.BinarySearch(r.payees, p); !ok {
			return fmt.Sprintf("it pays %d, who has no share in the dividend", p)
		}
	}
	return ""
}

// ascending says whether numbers rise, each above the one before and the first above last.
func ascending(last uint32, numbers []uint32) bool {
	for _, n := range numbers {
		if n <= last {
			return false
		}
		last = n
	}
	return true
}
