package ledger

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file holds the checks that many commands share: texts, parties, papers, and the sides of accounts.

// sides refuses vouchers that would bring an account to its wrong side at the end of any day, now or later. All vouchers of
// a command are judged together, once. The refusal names the first such day, that day's balance before the command, and
// what is short; of several accounts the one with the earliest day, funds first.
func (d *decision) sides() error {
	changes := map[partyAccount][]change{}
	for _, v := range d.vouchers {
		for _, p := range v.Postings {
			key := partyAccount{account: Account(p.Account)}
			changes[key] = append(changes[key], change{Day(v.OccurredOn), Fen(p.AmountFen)})
			if party := partyOf(p); party != "" {
				key.party = party
				changes[key] = append(changes[key], change{Day(v.OccurredOn), Fen(p.AmountFen)})
			}
		}
	}
	var worst *shortage
	var full error // of the account that comes first, so that the same command is always refused the same way
	var fullAccount Account
	opened := 0
	for key, list := range changes {
		acc := d.s.accounts[key.account]
		if acc == nil {
			acc = new(account)
		}
		t := &acc.Timeline
		if key.party != "" {
			if t = d.s.parties[key]; t == nil {
				t = new(Timeline)
			}
		} else {
			if d.s.accounts[key.account] == nil {
				opened++
			}
			if err := fits(acc, list); err != nil && (full == nil || key.account < fullAccount) {
				full, fullAccount = err, key.account
			}
		}
		slices.SortStableFunc(list, func(a, b change) int { return cmp.Compare(a.day, b.day) })
		if day, available, short, found := t.firstShort(key.account.Sign(), list); found {
			worst = worse(worst, &shortage{key, day, available, short})
		}
	}
	if full != nil {
		return full
	}
	if n := len(d.s.accounts) + opened; opened > 0 && n > accountsMax {
		return refuse(TooMany).with("what", "accounts").with("max", accountsMax).with("count", n)
	}
	return worst.refusal()
}

// fits refuses amounts that would bring an account's sums beyond 64 bits.
func fits(acc *account, list []change) error {
	gross := acc.gross
	for _, c := range list {
		var ok bool
		if gross, ok = gross.Add(c.amount.abs()); !ok {
			return refuse(AmountTooLarge).with("amount", c.amount.abs()).with("max", Fen(math.MaxInt64)-acc.gross)
		}
	}
	return nil
}

type shortage struct {
	partyAccount
	day              Day
	available, short Fen
}

// worse picks the shortage to name: the earliest day, then funds before other accounts, then the order of paths.
func worse(a, b *shortage) *shortage {
	if a == nil {
		return b
	}
	rank := func(s *shortage) int {
		return slices.Index([]string{KindFund, KindPayable, KindDeposit, KindGift, KindProject, KindReceivable, KindMoney}, s.account.Kind())
	}
	if c := cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.account, b.account), cmp.Compare(a.party, b.party)); c <= 0 {
		return a
	}
	return b
}

func (s *shortage) refusal() error {
	if s == nil {
		return nil
	}
	reason := AccountOverdrawn
	if s.account.Kind() == KindFund {
		reason = FundOverdrawn
	}
	return refuse(reason).with("account", string(s.account)).with("day", s.day).with("available", s.available).with("short", s.short)
}

// fundCovers refuses an amount that a fund does not have from a day on, without any voucher: at request.
func (d *decision) fundCovers(fund string, on Day, amount Fen) error {
	return d.accountCovers(FundAccount(fund), on, amount)
}

// accountCovers does the same for any account.
func (d *decision) accountCovers(a Account, on Day, amount Fen) error {
	t := new(Timeline)
	if acc := d.s.accounts[a]; acc != nil {
		t = &acc.Timeline
	}
	return t.covers(partyAccount{account: a}, on, amount)
}

func checkAmount(field string, a Fen) error {
	if a <= 0 {
		return refuse(AmountNotPositive).with("amount", a).at(field)
	}
	if a > AmountMax {
		return refuse(AmountTooLarge).with("amount", a).with("max", AmountMax).at(field)
	}
	return nil
}

func checkSlug(field, id string) error {
	if !ValidSlug(id) {
		return refuse(IDInvalid).with("id", clip(id)).at(field)
	}
	return nil
}

// digitsMax is the longest run of digits a public text may hold: a phone number has 11, an identity number 18, a card 16.
const digitsMax = 10

// checkText admits public text of at most `runes` characters: no control or direction characters, nothing that looks like a
// phone, identity or card number.
func checkText(field, s string, runes int) error {
	n, digits := utf8.RuneCountInString(s), 0
	for _, r := range s {
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return refuse(TextInvalid).because("it has control or direction characters", "含有控制字符或方向字符").at(field)
		}
		if unicode.IsDigit(r) {
			digits++
		}
	}
	switch {
	case digits > digitsMax-1 && personal.MatchString(s) && !years.MatchString(s):
		return refuse(TextInvalid).because("it has a number like a phone, identity or card number", "含有像电话、身份证或银行卡的号码").at(field)
	case n > runes:
		return refuse(TextInvalid).because(fmt.Sprintf("it has %d characters, at most %d are possible", n, runes), fmt.Sprintf("有 %d 个字符,最多 %d 个", n, runes)).at(field)
	}
	return nil
}

// personal finds what is written like a phone, identity or card number, in one run or in the groups people write them in:
// 13812345678, 138 1234 5678, 0833-1234567, 110105 19491231 002X, 6200 0000 0000 0000. Dates do not look like that.
var personal = regexp.MustCompile(`\p{Nd}{11}` +
	`|(?:^|\P{Nd})1[3-9]\p{Nd}[ .\-–—]{0,2}\p{Nd}{4}[ .\-–—]{0,2}\p{Nd}{4}(?:\P{Nd}|$)` +
	`|(?:^|\P{Nd})0\p{Nd}{2,3}[ .\-–—]{1,2}\p{Nd}{7,8}(?:\P{Nd}|$)` +
	`|(?:^|\P{Nd})\p{Nd}{6}[ .\-–—]{1,2}\p{Nd}{8}[ .\-–—]{1,2}\p{Nd}{3}[\p{Nd}Xx]` +
	`|(?:^|\P{Nd})\p{Nd}{4}(?:[ .\-–—]{1,2}\p{Nd}{4}){3}`)

// years finds a list of years, which a card number in groups of four would look like.
var years = regexp.MustCompile(`^\P{Nd}*(?:19|20)\p{Nd}{2}(?:\P{Nd}+(?:19|20)\p{Nd}{2})*\P{Nd}*$`)

// checkParty admits org/<public name>, member/<number> of an enrolled member, party/<opaque id>.
func (d *decision) checkParty(field, party string, needed bool) error {
	if party == "" && !needed {
		return nil
	}
	kind, rest, _ := strings.Cut(party, "/")
	switch kind {
	case "org":
		if rest != "" {
			return checkText(field, rest, 60)
		}
	case "member":
		n, err := strconv.ParseUint(rest, 10, 32)
		if err == nil && rest == strconv.FormatUint(n, 10) {
			if _, ok := d.s.members[uint32(n)]; !ok {
				return refuse(MemberUnknown).with("member", rest).with("day", d.today).at(field)
			}
			return nil
		}
	case "party":
		if ValidSlug(rest) {
			return nil
		}
	}
	return refuse(PartyInvalid).with("party", clip(party)).at(field)
}

// documentKinds are the kinds of papers.
var documentKinds = []string{"invoice", "receipt", "bank_line", "contract", "minutes", "list", "other"}

// documentsMax bounds the papers of one voucher.
const documentsMax = 20

// papers checks the papers of a voucher of the given amount and gives their stored form. A bank line cited before by a
// command of the same content makes this one *Repeated; any paper cited beyond its total is a duplicate.
func (d *decision) papers(documents []Document, amount Fen) ([]*eventv1.Document, error) {
	out, err := storedPapers(documents, amount)
	if err != nil {
		return nil, err
	}
	return out, d.stillCitable(out)
}

// storedPapers checks the form of papers and gives their stored form, without asking whether they are free.
func storedPapers(documents []Document, amount Fen) ([]*eventv1.Document, error) {
	if len(documents) > documentsMax {
		return nil, refuse(TooMany).with("what", "documents").with("max", documentsMax).with("count", len(documents)).at("documents")
	}
	out := make([]*eventv1.Document, 0, len(documents))
	for i, doc := range documents {
		if err := checkPaper(doc); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(documents[:i], func(o Document) bool { return o.Kind == doc.Kind && o.Issuer == doc.Issuer && o.Number == doc.Number }) {
			return nil, refuse(RepeatedEntry).with("entry", doc.Number).at("documents")
		}
		keep, err := retentionOf(doc)
		if err != nil {
			return nil, err
		}
		cited := cmp.Or(doc.Cited, amount)
		out = append(out, &eventv1.Document{Kind: doc.Kind, Issuer: doc.Issuer, Number: doc.Number, TotalFen: int64(cmp.Or(doc.Total, cited)),
			CitedFen: int64(cited), Sha256: doc.SHA256, MediaType: doc.MediaType, Size: doc.Size, Retention: keep})
	}
	return out, nil
}

func (d *decision) cites(key paperKey, total, cited Fen) error {
	before := -d.freed(key)
	if p := d.s.papers[key]; p != nil {
		if before += p.cited; before > 0 {
			total = p.total // a paper that nothing cites any more may say something else: its total was what was wrong
		}
	}
	if cited > total-before {
		return refuse(DocumentDuplicate).with("document", key.number).with("cited", before).with("total", total).with("amount", cited).at("documents")
	}
	return nil
}

// freed is what the reversals decided so far in this command free of a paper, less what its replacements cite again.
func (d *decision) freed(key paperKey) (sum Fen) {
	for _, v := range d.vouchers {
		for _, doc := range v.Documents {
			if (paperKey{doc.Kind, doc.Issuer, doc.Number}) == key {
				if v.Reverses != nil {
					sum += Fen(doc.CitedFen)
				} else {
					sum -= Fen(doc.CitedFen)
				}
			}
		}
	}
	return sum
}

func checkPaper(doc Document) error {
	plain := func(s string, spaces bool) bool {
		for _, c := range []byte(s) {
			if c <= ' ' && !(spaces && c == ' ') || c >= 0x7f {
				return false
			}
		}
		return s != "" && len(s) <= 64 && strings.TrimSpace(s) == s
	}
	switch {
	case !slices.Contains(documentKinds, doc.Kind):
		return refuse(FieldInvalid).because("the kind is one of "+strings.Join(documentKinds, ", "), "类别应为 "+strings.Join(documentKinds, "、")+" 之一").at("documents.kind")
	case !plain(doc.Issuer, false) || !plain(doc.Number, true):
		return refuse(FieldInvalid).because("issuer and number are 1 to 64 plain ASCII characters", "出具方和号码应为 1 至 64 个普通 ASCII 字符").at("documents.number")
	case len(doc.SHA256) != 0 && len(doc.SHA256) != 32:
		return refuse(FieldInvalid).because("a SHA-256 has 32 bytes", "SHA-256 应为 32 个字节").at("documents.sha256")
	case doc.Total < 0 || doc.Cited < 0 || doc.Total > AmountMax || doc.Cited > AmountMax:
		return refuse(AmountNotPositive).with("amount", min(doc.Total, doc.Cited)).at("documents.total")
	}
	return checkText("documents.media_type", doc.MediaType, 100)
}

// moneyAccount checks that a money account exists.
func (d *decision) moneyAccount(field, id string) (Account, error) {
	if _, ok := d.s.money[id]; !ok {
		return "", refuse(MoneyAccountUnknown).with("money_account", clip(id)).at(field)
	}
	return MoneyAccount(id), nil
}

// fund checks that a fund exists.
func (d *decision) fund(field, id string) (*eventv1.Fund, error) {
	f := d.s.funds[id]
	if f == nil {
		return nil, refuse(FundUnknown).with("fund", clip(id)).at(field)
	}
	return f, nil
}

// purpose checks that a fund allows a purpose (V8).
func (d *decision) purpose(fund *eventv1.Fund, purpose string) error {
	if slices.Contains(fund.Purposes, purpose) {
		return nil
	}
	allowed := strings.Join(fund.Purposes, ", ")
	return refuse(PurposeNotAllowed).with("fund", fund.Id).with("purpose", clip(purpose)).with("allowed", cmp.Or(allowed, "—")).at("purpose")
}

func roleNames(roles []eventv1.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = RoleName(r)
	}
	return strings.Join(names, ", ")
}

// RoleName is the plain name of a role, e.g. treasurer; anybody for Anybody.
func RoleName(r eventv1.Role) string {
	if r == Anybody {
		return "anybody"
	}
	return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_"))
}
