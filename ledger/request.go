package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about requests: asked by the treasurer, reviewed by a supervisor and approved as the spending rule says,
// then booked. A request cannot be edited; what changes is asked anew and approved anew.

// request is an open request.
type request struct {
	fact       *eventv1.RequestMade
	maker      string
	approvedBy []string
	reviewed   bool
	reviewer   string
	roster     [32]byte // of a dividend, as it was when asked for
}

// reserves gives the resolution a request holds authority of, and how much. Corrections hold none: they are checked when
// asked and again when booked.
func (r *request) reserves() (resolution string, amount Fen) {
	switch o := r.fact.Order.(type) {
	case *eventv1.RequestMade_Payment:
		return o.Payment.ResolutionId, Fen(o.Payment.AmountFen)
	case *eventv1.RequestMade_Transfer:
		return o.Transfer.ResolutionId, Fen(o.Transfer.AmountFen)
	case *eventv1.RequestMade_Dividend:
		return o.Dividend.ResolutionId, Fen(o.Dividend.PoolFen)
	case *eventv1.RequestMade_DepositReturn:
		return o.DepositReturn.ResolutionId, Fen(o.DepositReturn.DeductedFen)
	}
	return "", 0
}

func (s *Collective) evolveRequest(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_RequestMade:
		r := &request{fact: f.RequestMade, maker: e.Actor}
		s.requests[f.RequestMade.Number] = r
		s.requested = f.RequestMade.Number
		s.reserve(r, 1)
		if o := f.RequestMade.GetDividend(); o != nil {
			r.roster, _ = s.rosterDigest(o)
		}
	case *eventv1.Event_RequestReviewed:
		r := s.requests[f.RequestReviewed.Number]
		r.reviewed, r.reviewer = true, e.Actor
	case *eventv1.Event_RequestApproved:
		r := s.requests[f.RequestApproved.Number]
		r.approvedBy = append(r.approvedBy, e.Actor)
	case *eventv1.Event_RequestRejected:
		s.closeRequest(f.RequestRejected.Number)
	case *eventv1.Event_RequestWithdrawn:
		s.closeRequest(f.RequestWithdrawn.Number)
	case *eventv1.Event_RequestExpired:
		s.closeRequest(f.RequestExpired.Number)
	case *eventv1.Event_DepositReturned:
		s.closeRequest(f.DepositReturned.Number)
	case *eventv1.Event_PaymentSettled:
		s.closeRequest(f.PaymentSettled.Number)
	case *eventv1.Event_TransferMade:
		s.closeRequest(f.TransferMade.Number)
	case *eventv1.Event_CorrectionMade:
		s.closeRequest(f.CorrectionMade.Number)
	case *eventv1.Event_DividendDeclared:
		if r := s.requests[f.DividendDeclared.RequestNumber]; r != nil {
			s.runs[f.DividendDeclared.RunId].order = r.fact.GetDividend()
		}
		s.closeRequest(f.DividendDeclared.RequestNumber)
	}
}

func (s *Collective) closeRequest(number uint32) {
	if r := s.requests[number]; r != nil {
		s.reserve(r, -1)
		delete(s.requests, number)
	}
}

func (s *Collective) reserve(r *request, sign Fen) {
	id, amount := r.reserves()
	if res := s.resolutions[id]; res != nil {
		res.reserved += sign * amount
	}
}

// open finds an open request.
func (d *decision) open(number uint32) (*request, error) {
	if err := d.founded(); err != nil {
		return nil, err
	}
	if r := d.s.requests[number]; r != nil {
		return r, nil
	}
	if number == 0 || number > d.s.requested {
		return nil, refuse(RequestUnknown).with("request", number).at("request_number")
	}
	return nil, refuse(RequestClosed).with("request", number).at("request_number")
}

// ask emits a request with what its tier demands.
func (d *decision) ask(fact *eventv1.RequestMade, needs demands) *request {
	fact.Number = d.s.requested + 1
	fact.Approvals, fact.Review = needs.approvals, needs.review
	if days := d.s.rule.GetRequestDays(); days != 0 {
		fact.ExpiresOn = int32(d.today.Add(int(days)))
	}
	digest := orderDigest(d.s.charter.CollectiveId, fact)
	fact.Digest = digest[:]
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestMade{RequestMade: fact}})
	return &request{fact: fact, maker: d.m.Actor}
}

// demands is what has to be there before something is booked.
type demands struct {
	approvals uint32
	review    bool
}

func (n demands) none() bool { return n == demands{} }

func demandsOf(t *eventv1.Tier) demands { return demands{t.GetApprovals(), t.GetReview()} }

func (n demands) and(o demands) demands {
	return demands{max(n.approvals, o.approvals), n.review || o.review}
}

// A payment request, in order: fund or gift and purpose, balance from today on, tier and resolution, then papers. An emergency
// goes by the emergency tiers alone and names no resolution, for its own follows.
func (c *RequestPayment) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	bearer, err := d.paymentForm(c)
	if err != nil {
		return err
	}
	if !c.Cost { // what the year's income bears is owed by it, not taken out of it
		if err := d.accountCovers(bearer, d.today, c.Amount); err != nil {
			return err
		}
	}
	t, err := d.paymentTier(c)
	if err != nil {
		return err
	}
	order, err := d.paymentOrder(c)
	if err != nil {
		return err
	}
	if t.Emergency {
		order.Emergency, order.RatifyDays, order.RatifyBody = true, t.RatifyDays, t.ResolutionBody
	}
	r := d.ask(&eventv1.RequestMade{Order: &eventv1.RequestMade_Payment{Payment: order}}, demandsOf(t))
	if !demandsOf(t).none() || c.Money == "" {
		return nil
	}
	return d.settle(r, cmp.Or(c.On, d.today), c.Money)
}

// paymentForm checks everything about a payment that needs no balance and no rule: its form, what bears it, its purpose. It
// gives the account that bears it.
func (d *decision) paymentForm(c *RequestPayment) (bearer Account, err error) {
	if err := cmp.Or(checkAmount("amount", c.Amount), checkText("narration", c.Narration, 200), d.checkParty("payee", c.Payee, true)); err != nil {
		return "", err
	}
	switch {
	case c.Cost:
		if c.Fund != "" || c.Gift != "" || c.Emergency {
			return "", refuse(FieldInvalid).because("the year's income bears a cost, not a fund", "成本由当年收入承担,不写基金").at("fund")
		}
		return ReceivableCost, checkSlug("purpose", c.Purpose)
	case c.Emergency && c.Resolution != "":
		return "", refuse(FieldInvalid).because("an emergency is paid ahead of its resolution", "应急支出先行支付,事后再由决议追认").at("resolution_id")
	case c.Gift != "":
		if err := giftOnly(c.Fund, c.Resolution, c.Emergency); err != nil {
			return "", err
		}
		return GiftAccount(c.Gift), d.givenFor(c.Gift, c.Purpose)
	}
	fund, err := d.fund("fund", c.Fund)
	if err != nil {
		return "", err
	}
	return FundAccount(c.Fund), d.purpose(fund, c.Purpose)
}

// paymentTier finds what a payment demands, and checks the resolution it draws on.
func (d *decision) paymentTier(c *RequestPayment) (*eventv1.Tier, error) {
	switch {
	case c.Emergency:
		return d.emergencyTier(c.Fund, c.Purpose, c.Amount)
	case c.Cost:
		t, err := d.tier(eventv1.Operation_OPERATION_COST, "", c.Purpose, c.Amount)
		if err != nil {
			return nil, err
		}
		return t, d.authority(c.Resolution, eventv1.Matter_MATTER_COST, t.ResolutionBody, "", c.Purpose, c.Amount, 0)
	}
	t, err := d.tier(eventv1.Operation_OPERATION_PAYMENT, c.Fund, c.Purpose, c.Amount)
	if err != nil || c.Gift != "" { // the agreement with the donor stands in the place of a resolution
		return t, err
	}
	return t, d.authority(c.Resolution, eventv1.Matter_MATTER_PAYMENT, t.ResolutionBody, c.Fund, c.Purpose, c.Amount, 0)
}

func (d *decision) paymentOrder(c *RequestPayment) (*eventv1.PaymentOrder, error) {
	documents, err := d.papers(c.Documents, c.Amount)
	return &eventv1.PaymentOrder{Fund: c.Fund, Purpose: c.Purpose, AmountFen: int64(c.Amount), Payee: c.Payee, Narration: c.Narration,
		ResolutionId: c.Resolution, Documents: documents, GiftId: c.Gift, Cost: c.Cost}, err
}

// A transfer request: both funds exist and differ, the giving one covers it from today on, its tier and resolution stand.
func (c *RequestTransfer) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkText("narration", c.Narration, 200), d.checkTransfer(c.From, c.To, c.Amount)); err != nil {
		return err
	}
	if err := d.fundCovers(c.From, d.today, c.Amount); err != nil {
		return err
	}
	order := &eventv1.TransferOrder{FromFund: c.From, ToFund: c.To, AmountFen: int64(c.Amount), Narration: c.Narration, ResolutionId: c.Resolution}
	t, err := d.transferAuthority(order, 0)
	if err != nil {
		return err
	}
	d.ask(&eventv1.RequestMade{Order: &eventv1.RequestMade_Transfer{Transfer: order}}, demandsOf(t))
	return nil
}

// A review is made once, by somebody else than the maker, of a request that needs it, and of what was seen.
func (c *ReviewRequest) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	switch {
	case r.maker == d.m.Actor || slices.Contains(r.approvedBy, d.m.Actor):
		return refuse(OwnRequest)
	case !r.fact.Review:
		return refuse(ReviewNotNeeded).with("subject", subject("request", c.Number)).at("request_number")
	case r.reviewed:
		return refuse(AlreadyDone).with("subject", subject("request", c.Number)).at("request_number")
	}
	if err := seen(r, c.Digest); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestReviewed{RequestReviewed: &eventv1.RequestReviewed{Number: c.Number, Digest: r.fact.Digest}}})
	return nil
}

func seen(r *request, digest []byte) error {
	if len(digest) != 0 && !bytes.Equal(digest, r.fact.Digest) {
		return refuse(RequestChanged).with("request", r.fact.Number).at("digest")
	}
	return nil
}

// An approval comes after the review, once from each approver, never from the maker.
func (c *ApproveRequest) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	return d.approve(r, c.Digest)
}

func (d *decision) approve(r *request, digest []byte) error {
	n := r.fact.Number
	switch {
	case r.maker == d.m.Actor || r.reviewer == d.m.Actor:
		return refuse(OwnRequest)
	case r.fact.Review && !r.reviewed:
		return refuse(ReviewNeeded).with("subject", subject("request", n)).at("request_number")
	case slices.Contains(r.approvedBy, d.m.Actor) || len(r.approvedBy) >= int(r.fact.Approvals):
		return refuse(AlreadyDone).with("subject", subject("request", n)).at("request_number")
	}
	if err := seen(r, digest); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestApproved{RequestApproved: &eventv1.RequestApproved{Number: n, Digest: r.fact.Digest}}})
	return nil
}

// A rejection ends an open request and says why.
func (c *RejectRequest) decide(d *decision) error {
	if _, err := d.open(c.Number); err != nil {
		return err
	}
	if err := checkText("reason", c.Why, 200); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestRejected{RequestRejected: &eventv1.RequestRejected{Number: c.Number, Reason: c.Why}}})
	return nil
}

// Only its maker withdraws a request.
func (c *WithdrawRequest) decide(d *decision) error {
	r, err := d.open(c.Number)
	if err != nil {
		return err
	}
	if r.maker != d.m.Actor {
		return refuse(RequestOfOther).with("request", c.Number).with("maker", r.maker).at("request_number")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestWithdrawn{RequestWithdrawn: &eventv1.RequestWithdrawn{Number: c.Number}}})
	return nil
}

// ready refuses to book what is not reviewed and approved.
func (r *request) ready(given int) error {
	name := subject("request", r.fact.Number)
	if r.fact.Review && !r.reviewed {
		return refuse(ReviewNeeded).with("subject", name).at("request_number")
	}
	if given < int(r.fact.Approvals) {
		return refuse(ApprovalNeeded).with("subject", name).with("needed", r.fact.Approvals).with("given", given).at("request_number")
	}
	return nil
}

func (r *request) otherKind() error {
	kind := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", r.fact.Order), "*eventv1.RequestMade_"))
	if r.fact.GetDepositReturn() != nil {
		kind = "deposit return"
	}
	return refuse(RequestOtherKind).with("request", r.fact.Number).with("kind", kind).at("request_number")
}

// Settling pays an approved payment or gives a deposit back: day, then balance at every later day, then the resolution's term,
// then approvals.
func (c *SettlePayment) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	return d.settle(r, c.On, c.Money)
}

func (d *decision) settle(r *request, on Day, money string) error {
	deposit := r.fact.GetDepositReturn()
	if r.fact.GetPayment() == nil && deposit == nil {
		return r.otherKind()
	}
	if slices.Contains(r.approvedBy, d.m.Actor) || r.reviewed && r.reviewer == d.m.Actor {
		return refuse(OwnRequest)
	}
	if err := d.voucherDay("occurred_on", on); err != nil {
		return err
	}
	if deposit != nil {
		return d.returnDeposit(r, deposit, on, money)
	}
	o := r.fact.GetPayment()
	if o.GiftId != "" { // its donor may have agreed to another purpose meanwhile
		if err := d.givenFor(o.GiftId, o.Purpose); err != nil {
			return err
		}
	}
	from, err := d.moneyAccount("money_account", money)
	if err != nil {
		return err
	}
	v := paymentVoucher(o, from)
	if o.Emergency {
		v.Flags = []*eventv1.Flag{{Kind: eventv1.FlagKind_FLAG_KIND_EMERGENCY, AmountFen: o.AmountFen, RatifyBy: int32(on.Add(int(o.RatifyDays))), Body: o.RatifyBody}}
	}
	v.RequestNumber = r.fact.Number
	if err := d.stillCitable(v.Documents); err != nil {
		return err
	}
	d.book(Payment, on, v)
	if err := cmp.Or(d.sides(), d.inTerm(o.ResolutionId, on), r.ready(len(r.approvedBy))); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_PaymentSettled{PaymentSettled: &eventv1.PaymentSettled{Number: r.fact.Number, MoneyAccount: money}}})
	return nil
}

// stillCitable refuses papers that another voucher cited since the request was made.
func (d *decision) stillCitable(documents []*eventv1.Document) error {
	for _, doc := range documents {
		if err := d.cites(paperKey{doc.Kind, doc.Issuer, doc.Number}, Fen(doc.TotalFen), Fen(doc.CitedFen)); err != nil {
			return err
		}
	}
	return nil
}

// booking is what a payment or a transfer comes to: money out of one account, into another.
type booking struct {
	bearer, other              Account // debited, credited
	amount, drawn              Fen     // drawn: of the resolution
	resolution, purpose, party string
}

func paymentBooking(o *eventv1.PaymentOrder, from Account) booking {
	b := booking{other: from, amount: Fen(o.AmountFen), resolution: o.ResolutionId, purpose: o.Purpose, party: o.Payee}
	switch {
	case o.GiftId != "":
		b.bearer = GiftAccount(o.GiftId)
	case o.Cost:
		b.bearer = ReceivableCost
	default:
		b.bearer = FundAccount(o.Fund)
	}
	if o.ResolutionId != "" {
		b.drawn = b.amount
	}
	return b
}

func (b booking) voucher() *eventv1.Voucher {
	return &eventv1.Voucher{Party: b.party, Purpose: b.purpose, ResolutionId: b.resolution, DrawnFen: int64(b.drawn),
		Postings: []*eventv1.Posting{line(b.bearer, b.amount), line(b.other, -b.amount)}}
}

func paymentVoucher(o *eventv1.PaymentOrder, from Account) *eventv1.Voucher {
	v := paymentBooking(o, from).voucher()
	v.Narration, v.Documents = o.Narration, o.Documents
	return v
}

// Booking an approved transfer: day, balance, approvals.
func (c *BookTransfer) decide(d *decision) error {
	r, err := d.acting(c.Number)
	if err != nil {
		return err
	}
	order, ok := r.fact.Order.(*eventv1.RequestMade_Transfer)
	if !ok {
		return r.otherKind()
	}
	if err := d.voucherDay("occurred_on", c.On); err != nil {
		return err
	}
	d.book(Transfer, c.On, transferVoucher(order.Transfer, c.Number))
	if err := cmp.Or(d.sides(), d.inTerm(order.Transfer.ResolutionId, c.On), r.ready(len(r.approvedBy))); err != nil {
		return err
	}
	d.emitPosted(&eventv1.Event{Fact: &eventv1.Event_TransferMade{TransferMade: &eventv1.TransferMade{Number: c.Number}}})
	return nil
}

// orderDigest is the SHA-256 that approvals bind to, of a text: the line "mingzhang/approval@v1", the collective, the request's number,
// its kind, then one line a field in the order written here, each "name value\n"; documents by digest, or by kind, issuer and number.
func orderDigest(collective string, r *eventv1.RequestMade) [sha256.Size]byte {
	l := orderTexts.Get().(*orderLines)
	defer orderTexts.Put(l)
	*l = append((*l)[:0], "mingzhang/approval@v1\n"...)
	l.put("collective", collective)
	l.put("request", strconv.FormatUint(uint64(r.Number), 10))
	switch o := r.Order.(type) {
	case *eventv1.RequestMade_Payment:
		l.put("kind", "payment")
		putPayment(l, o.Payment)
	case *eventv1.RequestMade_Transfer:
		l.put("kind", "transfer")
		l.put("from", o.Transfer.FromFund)
		l.put("to", o.Transfer.ToFund)
		l.put("amount", Fen(o.Transfer.AmountFen).String())
		l.put("resolution", o.Transfer.ResolutionId)
	case *eventv1.RequestMade_Dividend:
		l.put("kind", "dividend")
		l.put("run", o.Dividend.RunId)
		l.put("fund", o.Dividend.Fund)
		l.put("pool", Fen(o.Dividend.PoolFen).String())
		l.put("basis", plain(o.Dividend.Basis.String(), "DIVIDEND_BASIS_"))
		l.put("method", plain(o.Dividend.Method.String(), "DIVIDEND_METHOD_"))
		l.put("record_date", Day(o.Dividend.RecordDate).String())
		l.put("payees", strconv.FormatUint(uint64(o.Dividend.Payees), 10))
		l.put("rate", Fen(o.Dividend.RateFen).String())
		l.put("resolution", o.Dividend.ResolutionId)
		putSupplement(l, o.Dividend)
	case *eventv1.RequestMade_Correction:
		l.put("kind", "correction")
		putCorrection(l, o.Correction)
	case *eventv1.RequestMade_DepositReturn:
		l.put("kind", "deposit return")
		l.put("deposit", o.DepositReturn.Kind)
		l.put("party", o.DepositReturn.Party)
		l.put("amount", Fen(o.DepositReturn.AmountFen).String())
		l.put("deducted", Fen(o.DepositReturn.DeductedFen).String())
		l.put("fund", o.DepositReturn.Fund)
		l.put("resolution", o.DepositReturn.ResolutionId)
		putDocuments(l, o.DepositReturn.Documents)
	}
	return sha256.Sum256(*l)
}

// orderLines is the text of orderDigest in the making.
type orderLines []byte

// orderTexts are used again: an audit computes the digest of every request of a log.
var orderTexts = sync.Pool{New: func() any { return new(orderLines) }}

func (l *orderLines) put(name, value string) {
	*l = append(append(append(append(*l, name...), ' '), value...), '\n')
}

func putPayment(l *orderLines, o *eventv1.PaymentOrder) {
	l.put("fund", o.Fund)
	if o.Cost {
		l.put("cost", "true")
	}
	l.put("purpose", o.Purpose)
	l.put("amount", Fen(o.AmountFen).String())
	l.put("payee", o.Payee)
	l.put("resolution", o.ResolutionId)
	putDocuments(l, o.Documents)
	if o.GiftId != "" {
		l.put("gift", o.GiftId)
	}
	if o.Emergency {
		l.put("emergency", fmt.Sprint(o.RatifyDays, " ", o.RatifyBody))
	}
}

func putDocuments(l *orderLines, documents []*eventv1.Document) {
	for _, doc := range documents {
		if len(doc.Sha256) > 0 {
			l.put("document", hex.EncodeToString(doc.Sha256))
		} else {
			l.put("document", doc.Kind+" "+doc.Issuer+" "+doc.Number)
		}
	}
}

func putCorrection(l *orderLines, o *eventv1.CorrectionOrder) {
	for _, r := range o.Reverses {
		l.put("reverses", RefOf(r).String())
	}
	for _, r := range o.Replacements {
		l.put("corrects", RefOf(r.Corrects).String())
		if in := r.GetInflow(); in != nil {
			l.put("inflow", plain(in.Inflow.String(), "INFLOW_KIND_")+" "+in.Kind+" "+in.Fund)
			l.put("amount", Fen(in.AmountFen).String())
			l.put("payer", in.Payer)
			l.put("money", in.MoneyAccount)
			l.put("resolution", in.ResolutionId)
			putDocuments(l, in.Documents)
		} else {
			putPayment(l, r.GetPayment())
			l.put("money", r.MoneyAccount)
		}
	}
	if o.DifferenceOf != nil {
		l.put("difference_of", RefOf(o.DifferenceOf).String())
		l.put("difference", Fen(o.DifferenceFen).String())
	}
	l.put("occurred_on", Day(o.OccurredOn).String())
	if o.Cover != 0 {
		l.put("cover", plain(o.Cover.String(), "COVER_"))
	}
	for _, t := range o.Transfers {
		l.put("from", t.FromFund)
		l.put("to", t.ToFund)
		l.put("amount", Fen(t.AmountFen).String())
		l.put("resolution", t.ResolutionId)
	}
}
