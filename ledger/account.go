package ledger

import "strings"

// Account (会计科目) is a typed path, not a national code: money/bank, fund/reserve, payable/grant, deposit/lease.
// The national chart is a dated projection of these, never stored.
type Account string

// Kinds of accounts, the first part of the path.
const (
	KindMoney      = "money"      // where money lies
	KindReceivable = "receivable" // what others owe
	KindFund       = "fund"       // money set aside
	KindPayable    = "payable"    // what is owed to members
	KindDeposit    = "deposit"    // other people's money kept for a while
	KindProject    = "project"    // pooled money of one undertaking
	KindGift       = "gift"       // gifts with a purpose of their own
)

// The accounts the rules themselves name.
const (
	PayableGrant    Account = "payable/grant"
	PayableDividend Account = "payable/dividend"
	// ReceivablePending (挂账) is what funds have to make good out of their next splits, each fund a party of its own.
	ReceivablePending Account = "receivable/pending"
	// ReceivableCost is what the year's income bears until its true-up.
	ReceivableCost Account = "receivable/cost-recovery"
)

// MoneyAccount is the account of a money account's id.
func MoneyAccount(id string) Account { return Account(KindMoney + "/" + id) }

// FundAccount is the account of a fund's id.
func FundAccount(id string) Account { return Account(KindFund + "/" + id) }

// DepositAccount is the account of a kind of deposit.
func DepositAccount(kind string) Account { return Account(KindDeposit + "/" + kind) }

// ReceivableAccount is the account of what is owed to the collective of a kind.
func ReceivableAccount(kind string) Account { return Account(KindReceivable + "/" + kind) }

// GiftAccount is the account of a gift with a purpose of its own.
func GiftAccount(id string) Account { return Account(KindGift + "/" + id) }

// Kind is the first part of the path.
func (a Account) Kind() string {
	kind, _, _ := strings.Cut(string(a), "/")
	return kind
}

// ID is the path without its kind.
func (a Account) ID() string {
	_, id, _ := strings.Cut(string(a), "/")
	return id
}

// Sign is +1 for accounts whose own side is debit (money, receivable) and -1 for all others, so that Sign times a posted
// amount is what people call the balance. An account never crosses to its wrong side at the end of any day.
func (a Account) Sign() Fen {
	if k := a.Kind(); k == KindMoney || k == KindReceivable {
		return 1
	}
	return -1
}

// Valid reports whether the path has a known kind and a well-formed id.
func (a Account) Valid() bool {
	switch a.Kind() {
	case KindMoney, KindReceivable, KindFund, KindPayable, KindDeposit, KindProject, KindGift:
		return ValidSlug(a.ID())
	}
	return false
}

// ValidSlug reports whether s is an id: 2 to 40 of [a-z0-9_-], beginning and ending with a letter or digit.
func ValidSlug(s string) bool {
	return len(s) >= 2 && len(s) <= 40 && slugRunes(s, true)
}

// ValidCollectiveID reports whether s is a collective's id: 3 to 40 of [a-z0-9-], beginning and ending with a letter or digit.
func ValidCollectiveID(s string) bool {
	return len(s) >= 3 && len(s) <= 40 && slugRunes(s, false)
}

func slugRunes(s string, underscore bool) bool {
	for i := range len(s) {
		c := s[i]
		inner := i > 0 && i < len(s)-1
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case inner && (c == '-' || underscore && c == '_'):
		default:
			return false
		}
	}
	return true
}
