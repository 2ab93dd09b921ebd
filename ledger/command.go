package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Command asks for a change of one collective. Commands are plain structs, one a method of the API; their JSON form is what
// a command's digest covers, so a field may be added (omitempty) but never renamed or reordered.
type Command interface {
	// Name is the method's name, e.g. RecordIncome.
	Name() string
	// decide checks the command in the order its comment documents and gives its facts.
	decide(d *decision) error
}

// Meta is what every command carries beside its content.
type Meta struct {
	ID       uuid.UUID // made by the client, not zero; scope is the collective
	Actor    string    // operator id
	Expected *uint64   // refuse unless the collective is at this version; nil: no such condition
	Now      time.Time // when it is decided
	// Recalled are the stored events the command asked for (see Recaller), by version.
	Recalled map[uint64]*eventv1.Event
}

// Recaller is a command that needs stored events to be decided: a reversal copies the postings it turns. The service reads
// these versions and hands them over in Meta.Recalled, so that Decide itself never reads.
type Recaller interface {
	Recalls(s *Collective) []uint64
}

// Digest covers a command's content and its actor, not its id: SHA-256 of "mingzhang/command@v1\n", the method, the
// collective, the actor, each followed by a newline, and the command as JSON.
func Digest(c Command, collective, actor string) [32]byte {
	b := append([]byte("mingzhang/command@v1\n"), c.Name()+"\n"+collective+"\n"+actor+"\n"...)
	content, err := json.Marshal(c)
	if err != nil {
		panic("ledger: command does not marshal: " + err.Error()) // plain structs of strings and numbers cannot fail
	}
	return sha256.Sum256(append(b, content...))
}

// Document is a paper as a command cites it. Total and Cited are 0 where the command leaves them to the voucher's amount.
type Document struct {
	Kind, Issuer, Number string
	Total, Cited         Fen    `json:",omitempty"`
	SHA256               []byte `json:",omitempty"`
	MediaType            string `json:",omitempty"`
	Size                 uint64 `json:",omitempty"`
	// Retention is how long it is kept; 0: as long as its kind asks for, and never less.
	Retention eventv1.Retention `json:",omitempty"`
}

// The commands about the collective itself.
type (
	// FoundCollective founds the collective with its charter.
	FoundCollective struct {
		Charter *eventv1.CollectiveFounded
	}
	// OpenFund adds a fund by a resolution of the charter body.
	OpenFund struct {
		Fund       *eventv1.Fund
		Resolution string
	}
	// GrantRole gives a role; one operator never holds two of treasurer, approver, supervisor, cashier, admin.
	GrantRole struct {
		Operator string
		Role     eventv1.Role
	}
	// RevokeRole takes a role away.
	RevokeRole struct {
		Operator string
		Role     eventv1.Role
	}
	// OpenMoneyAccount adds a place where money lies.
	OpenMoneyAccount struct {
		ID   string
		Kind eventv1.MoneyAccountKind
		Text string // public name
	}
	// EnrolMembers adds members by number; Households runs parallel to Members.
	EnrolMembers struct {
		Group               string
		Joined              Day
		Members, Households []uint32
	}
	// DepartMembers ends memberships on a day.
	DepartMembers struct {
		Left    Day
		Members []uint32
	}
)

// The commands about what is decided.
type (
	// RecordResolution records a vote; whether it passed is computed.
	RecordResolution struct {
		Resolution *eventv1.ResolutionRecorded // Passed is ignored and computed
	}
	// ConfirmResolution says that a supervisor found the record true to the minutes.
	ConfirmResolution struct{ ID string }
	// AdoptPolicy adopts an allocation policy. Shares are texts: a decimal, a fraction, or rest once.
	AdoptPolicy struct {
		Effective  Day
		Kinds      []string
		Shares     []ShareText
		Rounding   eventv1.Rounding // 0: largest fraction
		Resolution string
	}
	// AdoptSpendingRule replaces the spending rule.
	AdoptSpendingRule struct {
		Tiers       []*eventv1.Tier
		Resolution  string
		RequestDays uint32 `json:",omitempty"` // after which an open request lapses, at most 3,660; 0: never
	}
	// ClosePeriod closes a month for good.
	ClosePeriod struct{ Month Month }
)

// ShareText is a share as it was written: of a fund, or of a subtotal with a name that its parts divide.
type ShareText struct {
	Fund, Share string
	Name        string      `json:",omitempty"`
	Parts       []ShareText `json:",omitempty"`
}

// The commands that book at once.
type (
	// RecordIncome records income and splits it, or puts it into Fund by Resolution when no policy covers its kind.
	RecordIncome struct {
		Kind             string
		Amount           Fen
		On               Day
		Money            string // money account id
		Payer, Narration string
		Documents        []Document `json:",omitempty"`
		Fund, Resolution string     `json:",omitempty"`
	}
	// ReceiveDeposit receives money that stays somebody else's.
	ReceiveDeposit struct {
		Kind             string
		Amount           Fen
		On               Day
		Money            string
		Payer, Narration string
		Documents        []Document `json:",omitempty"`
	}
	// ReceiveGift receives a gift to one fund, or money of a gift with a purpose of its own.
	ReceiveGift struct {
		Fund             string
		Amount           Fen
		On               Day
		Money            string
		Donor, Narration string
		Documents        []Document `json:",omitempty"`
		Gift             string     `json:",omitempty"` // in place of a fund
	}
	// MoveMoney carries money from one money account to another.
	MoveMoney struct {
		From, To  string
		Amount    Fen
		On        Day
		Narration string
		Documents []Document `json:",omitempty"`
	}
	// ProposeOpening lists the balances the books start with.
	ProposeOpening struct {
		On    Day
		Lines []OpeningLine
	}
	// ConfirmOpening books them after a supervisor's check.
	ConfirmOpening struct{}
)

// OpeningLine is one balance, debit positive. Party says whose it is, which a deposit has to.
type OpeningLine struct {
	Account Account
	Amount  Fen
	Party   string `json:",omitempty"`
}

// The commands about requests.
type (
	// RequestPayment asks for a payment; a tier without approvals settles at once when Money is named.
	RequestPayment struct {
		Fund, Purpose string
		Amount        Fen
		Payee         string
		Narration     string
		Resolution    string
		Documents     []Document `json:",omitempty"`
		Money         string     // settle at once from here; empty: later
		On            Day        // business day for settling at once; 0: today
		Gift          string     `json:",omitempty"` // bears it in place of a fund
		Cost          bool       `json:",omitempty"` // the year's income bears it until the true-up
		Emergency     bool       `json:",omitempty"` // paid ahead of its resolution, under an emergency tier
	}
	// RequestTransfer asks to move money from fund to fund.
	RequestTransfer struct {
		From, To   string
		Amount     Fen
		Narration  string
		Resolution string
	}
	// RequestCorrection asks to turn vouchers back and book right ones, or to book the difference of one amount.
	RequestCorrection struct {
		Reverses     []VoucherRef
		Replacements []Replacement
		DifferenceOf VoucherRef
		RightAmount  Fen // with DifferenceOf
		On           Day // 0: the day it is booked
		Narration    string
		Cover        eventv1.Cover   `json:",omitempty"` // when a fund cannot give back what it got; 0: refused
		Transfers    []CoverTransfer `json:",omitempty"` // booked with it
	}
	// RequestDividend asks to declare a dividend.
	RequestDividend struct {
		Run, Fund  string
		Pool       Fen
		Basis      eventv1.DividendBasis  // 0: per head
		Method     eventv1.DividendMethod // 0: equal
		RecordDate Day
		Resolution string
		Narration  string
		// A supplementary run names the run it supplements, and the payees left out of that: none for all of them.
		Supplements string   `json:",omitempty"`
		Only        []uint32 `json:",omitempty"`
	}
	// ReviewRequest says that a supervisor checked a request. Digest, when not empty, must be the request's.
	ReviewRequest struct {
		Number uint32
		Digest []byte `json:",omitempty"`
	}
	// ApproveRequest approves a request. Digest, when not empty, must be the request's.
	ApproveRequest struct {
		Number uint32
		Digest []byte `json:",omitempty"`
	}
	// RejectRequest ends a request and frees its authority.
	RejectRequest struct {
		Number uint32
		Why    string
	}
	// WithdrawRequest ends a request by its maker.
	WithdrawRequest struct{ Number uint32 }
	// SettlePayment pays an approved payment.
	SettlePayment struct {
		Number uint32
		On     Day
		Money  string
	}
	// BookTransfer books an approved transfer.
	BookTransfer struct {
		Number uint32
		On     Day
	}
	// BookCorrection books an approved reversal or correction.
	BookCorrection struct{ Number uint32 }
	// DeclareDividend approves and declares a requested dividend.
	DeclareDividend struct {
		Number uint32
		On     Day
		Digest []byte `json:",omitempty"`
	}
)

// Replacement is the right voucher in place of a wrong one: Inflow or Payment, not both.
type Replacement struct {
	Corrects VoucherRef
	Inflow   *Inflow         `json:",omitempty"`
	Payment  *RequestPayment `json:",omitempty"` // Money names its money account; On is ignored
}

// CoverTransfer is a transfer between funds that a correction needs, by a resolution of its own.
type CoverTransfer struct {
	From, To   string
	Amount     Fen
	Resolution string
}

// Inflow is money in.
type Inflow struct {
	As               eventv1.InflowKind
	Kind             string // of income or deposit
	Fund             string // of a gift, or of income by resolution
	Amount           Fen
	Money            string
	Payer, Narration string
	Resolution       string
	Documents        []Document `json:",omitempty"`
	Gift             string     `json:",omitempty"` // in place of a fund; never in a replacement
}

// The commands about grants and dividends.
type (
	// OpenGrantRound opens applications against a budget.
	OpenGrantRound struct {
		Round, Title, Fund, Purpose string
		Budget                      Fen
		Resolution                  string
	}
	// AddApplicants adds members with the amount each would get; Amounts runs parallel to Members.
	AddApplicants struct {
		Round   string
		Members []uint32
		Amounts []Fen
	}
	// ReviewGrantRound says that a supervisor checked the applicants.
	ReviewGrantRound struct{ Round string }
	// PublishGrantNotice starts the notice.
	PublishGrantNotice struct {
		Round    string
		From, To Day
	}
	// AwardGrants turns the round into money owed.
	AwardGrants struct {
		Round string
		On    Day
	}
	// PayGrant pays one member.
	PayGrant struct {
		Round  string
		Member uint32
		On     Day
		Money  string
	}
	// CancelGrant gives one unpaid member's part back to the fund.
	CancelGrant struct {
		Round  string
		Member uint32
		On     Day
	}
	// SendDividendFile hands payees to the bank; no Payees: the next of those owed, at most 1,000.
	SendDividendFile struct {
		Run, Money string
		Payees     []uint32
	}
	// RecordDividendResults records what the bank paid of a file.
	RecordDividendResults struct {
		Run    string
		File   uint32
		On     Day
		Failed []uint32
	}
)

// Name is the method's name, for every command below.
func (*FoundCollective) Name() string       { return "FoundCollective" }
func (*OpenFund) Name() string              { return "OpenFund" }
func (*GrantRole) Name() string             { return "GrantRole" }
func (*RevokeRole) Name() string            { return "RevokeRole" }
func (*OpenMoneyAccount) Name() string      { return "OpenMoneyAccount" }
func (*EnrolMembers) Name() string          { return "EnrolMembers" }
func (*DepartMembers) Name() string         { return "DepartMembers" }
func (*RecordResolution) Name() string      { return "RecordResolution" }
func (*ConfirmResolution) Name() string     { return "ConfirmResolution" }
func (*AdoptPolicy) Name() string           { return "AdoptPolicy" }
func (*AdoptSpendingRule) Name() string     { return "AdoptSpendingRule" }
func (*ClosePeriod) Name() string           { return "ClosePeriod" }
func (*RecordIncome) Name() string          { return "RecordIncome" }
func (*ReceiveDeposit) Name() string        { return "ReceiveDeposit" }
func (*ReceiveGift) Name() string           { return "ReceiveGift" }
func (*MoveMoney) Name() string             { return "MoveMoney" }
func (*ProposeOpening) Name() string        { return "ProposeOpening" }
func (*ConfirmOpening) Name() string        { return "ConfirmOpening" }
func (*RequestPayment) Name() string        { return "RequestPayment" }
func (*RequestTransfer) Name() string       { return "RequestTransfer" }
func (*RequestCorrection) Name() string     { return "RequestCorrection" }
func (*RequestDividend) Name() string       { return "RequestDividend" }
func (*ReviewRequest) Name() string         { return "ReviewRequest" }
func (*ApproveRequest) Name() string        { return "ApproveRequest" }
func (*RejectRequest) Name() string         { return "RejectRequest" }
func (*WithdrawRequest) Name() string       { return "WithdrawRequest" }
func (*SettlePayment) Name() string         { return "SettlePayment" }
func (*BookTransfer) Name() string          { return "BookTransfer" }
func (*BookCorrection) Name() string        { return "BookCorrection" }
func (*DeclareDividend) Name() string       { return "DeclareDividend" }
func (*OpenGrantRound) Name() string        { return "OpenGrantRound" }
func (*AddApplicants) Name() string         { return "AddApplicants" }
func (*ReviewGrantRound) Name() string      { return "ReviewGrantRound" }
func (*PublishGrantNotice) Name() string    { return "PublishGrantNotice" }
func (*AwardGrants) Name() string           { return "AwardGrants" }
func (*PayGrant) Name() string              { return "PayGrant" }
func (*CancelGrant) Name() string           { return "CancelGrant" }
func (*SendDividendFile) Name() string      { return "SendDividendFile" }
func (*RecordDividendResults) Name() string { return "RecordDividendResults" }
