package projections

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// WriteBeancount is WriteHledger for Beancount 2.3 (bean-check without an error): a transaction with payee and narration for
// every voucher, what else it says as metadata, and an open directive for every account on the collective's first day, with our
// path as metadata. BeancountAccount has the names.
func WriteBeancount(w io.Writer, b *Book, m Moment, tags ...Tag) error {
	m = b.Pin(m)
	out := bufio.NewWriter(w)
	writeHead(out, "; ", b, m)
	out.WriteByte('\n')
	if c := b.Collective(0, m); c.Charter != nil {
		first := ledger.Day(c.Charter.FirstDay)
		fmt.Fprintf(out, "option \"title\" %s\noption \"operating_currency\" \"CNY\"\n\n%v commodity CNY\n", quoted(c.Charter.Name), first)
		for _, a := range b.moved(m) {
			fmt.Fprintf(out, "%v open %s CNY\n  path: %s\n", first, BeancountAccount(a), quoted(string(a)))
		}
	}
	return b.eachVoucher(m, out.Flush, func(v *Voucher) { writeBeanTransaction(out, v, tags) })
}

func writeBeanTransaction(out *bufio.Writer, v *Voucher, tags []Tag) {
	fmt.Fprintf(out, "\n%v * ", v.OccurredOn)
	if v.Party != "" {
		fmt.Fprintf(out, "%s ", quoted(v.Party))
	}
	fmt.Fprintf(out, "%s\n  voucher: %s\n", quoted(v.Narration), quoted(v.Ref.String()))
	for _, tag := range voucherTags(v, tags)[1:] { // the party is the payee
		if tag.value != "" {
			fmt.Fprintf(out, "  %s: %s\n", tag.name, quoted(tag.value))
		}
	}
	for _, p := range v.Postings {
		fmt.Fprintf(out, "  %-40s %s CNY\n", BeancountAccount(p.Account), p.Amount)
		if p.Party != "" {
			fmt.Fprintf(out, "    party: %s\n", quoted(p.Party))
		}
	}
}

// beanRoots are the first two parts of an account's name in Beancount, which knows five roots.
var beanRoots = map[string]string{
	ledger.KindMoney: "Assets:Money", ledger.KindReceivable: "Assets:Receivable", ledger.KindFund: "Equity:Fund",
	ledger.KindPayable: "Liabilities:Payable", ledger.KindDeposit: "Liabilities:Deposit",
	ledger.KindProject: "Liabilities:Project", ledger.KindGift: "Liabilities:Gift",
}

// BeancountAccount is an account's name in Beancount: money/bank is Assets:Money:Bank, fund/reserve Equity:Fund:Reserve,
// payable/grant Liabilities:Payable:Grant. The first letter of an id is made a capital one and '_', which Beancount does not
// take, becomes U; ids have no capitals, so no two accounts get one name.
func BeancountAccount(a ledger.Account) string {
	id := a.ID()
	return beanRoots[a.Kind()] + ":" + strings.ToUpper(id[:1]) + strings.ReplaceAll(id[1:], "_", "U")
}

// quoted is public text as a string of Beancount, on one line.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(oneLine(text)) + `"`
}
