package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// committeePaths are the pages of the desk over the demo's books, one of each kind.
var committeePaths = []string{
	"committee/", "months/", "months/2021-09/", "months/2021-09/sample/", "months/2022-12/", "anomalies/", "anomalies/2021/", "anomalies/2021-q3/", "anomalies/2021-09/",
	"requests/", "requests/1/", "vouchers/", "vouchers/P2021-1/", "balances/", "explain/fund/dividend/", "explain/money/bank/", "compare/", "log/", "log/1/",
	"registers/", "registers/resolutions/", "registers/grants/", "registers/dividends/", "registers/holds/", "registers/gifts/", "registers/rules/", "registers/roles/",
}

func TestCommitteePagesOpen(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...)
	p := n.person("supervisor")
	for _, path := range committeePaths {
		for _, language := range []string{"", "/en"} {
			answer, body := p.get(language + "/d/liminba/" + path)
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s%s: %d %s", language, path, answer.StatusCode, textOf(body))
			}
			if strings.Count(body, "<h1") != 1 {
				t.Errorf("%s%s has not one heading of the page", language, path)
			}
		}
	}
}
