package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// committeePages are what those who check the books read and decide on. Each asks the services with the key of whoever looks, so that a
// page shows what its reader's role may see, and says what it may not.
func (s *site) committeePages() map[string]page {
	return map[string]page{
		"GET /d/{collective}/committee/{$}":                        s.waiting,
		"GET /d/{collective}/anomalies/{$}":                        s.anomalies,
		"GET /d/{collective}/anomalies/{period}/{$}":               s.anomalies,
		"GET /d/{collective}/inquiries/{$}":                        s.inquiryList,
		"GET /d/{collective}/inquiries/{number}/{$}":               s.inquiryStory,
		"POST /d/{collective}/inquiries/{number}/{$}":              s.inquiryStory,
		"GET /d/{collective}/vouchers/{$}":                         s.voucherList,
		"GET /d/{collective}/vouchers/{number}/{$}":                s.voucher,
		"GET /d/{collective}/requests/{$}":                         s.requestList,
		"GET /d/{collective}/requests/{number}/{$}":                s.requestPage,
		"GET /d/{collective}/balances/{$}":                         s.balances,
		"GET /d/{collective}/explain/{account...}":                 s.explainAccount,
		"GET /d/{collective}/compare/{$}":                          s.compare,
		"GET /d/{collective}/log/{$}":                              s.activity,
		"GET /d/{collective}/log/{version}/{$}":                    s.logEvent,
		"GET /d/{collective}/log/{version}/proof.txt":              s.logProof,
		"GET /d/{collective}/months/{$}":                           s.months,
		"GET /d/{collective}/months/{month}/{$}":                   s.monthPage,
		"GET /d/{collective}/months/{month}/sample/{$}":            s.sample,
		"GET /d/{collective}/registers/{$}":                        s.registers,
		"GET /d/{collective}/registers/resolutions/{$}":            s.resolutionList,
		"GET /d/{collective}/registers/resolutions/{id}/{$}":       s.resolutionPage,
		"GET /d/{collective}/registers/grants/{$}":                 s.grantList,
		"GET /d/{collective}/registers/grants/{id}/{$}":            s.grantPage,
		"GET /d/{collective}/registers/dividends/{$}":              s.dividendList,
		"GET /d/{collective}/registers/dividends/{id}/{$}":         s.dividendPage,
		"GET /d/{collective}/registers/dividends/{id}/{payee}/{$}": s.dividendPayee,
		"GET /d/{collective}/registers/holds/{$}":                  s.holdList,
		"GET /d/{collective}/registers/gifts/{$}":                  s.giftList,
		"GET /d/{collective}/registers/rules/{$}":                  s.ruleBook,
		"GET /d/{collective}/registers/roles/{$}":                  s.roleList,
	}
}

// folio is one page of the desk: the visit, whose books they are, and which section it stands in.
type folio struct {
	*visit
	books *apiv1.Collective
	here  string
	zone  *time.Location
}

// folio reads whose books the page is about. Who is not signed in is told to, also where the page asks public reads alone; everything else is
// judged by the calls of the page.
func (s *site) folio(v *visit, here string) (*folio, error) {
	if v.key == "" {
		_, err := s.audit.ListRequests(v.ctx, &apiv1.ListRequestsRequest{CollectiveId: v.collective(), PageSize: 1})
		return nil, err
	}
	answer, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(answer.Collective.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return &folio{visit: v, books: answer.Collective, here: here, zone: zone}, nil
}

// withheld gives the refusal of a read that the caller's role is not for, so that a page can show all else and say so. Any other error is
// one of the page.
func withheld(err error) (*apiv1.Refusal, error) {
	if err != nil && connect.CodeOf(err) == connect.CodePermissionDenied {
		if refusal := rpc.RefusalOf(err); refusal != nil {
			return refusal, nil
		}
	}
	return nil, err
}

// to is the address of a page of this collective's desk; parts are escaped.
func (f *folio) to(parts ...string) string {
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return f.href("/d/" + f.books.Id + "/" + strings.Join(parts, "/") + "/")
}

// search is an address with a query of what is not empty.
func search(address string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return address
	}
	return address + "?" + q.Encode()
}

// query is what the address asks for by name.
func (v *visit) query(name string) string { return strings.TrimSpace(v.request.URL.Query().Get(name)) }

// pageAfter is the address of this page from a page token on, with the rest of its query.
func (v *visit) pageAfter(token string) string {
	q := v.request.URL.Query()
	q.Set("page", token)
	return v.href(v.path) + "?" + q.Encode()
}

// word picks the one of the visit's language; words that nobody has listed stand as they are.
func (v *visit) word(list map[string]words, key string) string {
	w, ok := list[key]
	if !ok {
		return key
	}
	return v.say(w)
}

// clock writes a time of the API to the minute, as the collective's clocks show it.
func (f *folio) clock(rfc3339 string) string { return minuteIn(f.zone, rfc3339) }

func minuteIn(zone *time.Location, rfc3339 string) string {
	t, err := time.Parse(time.RFC3339, rfc3339)
	if err != nil {
		return rfc3339
	}
	return t.In(zone).Format("2006-01-02 15:04")
}

// timeIn writes a time of the API as a collective's clocks show it.
func timeIn(about *apiv1.Collective, rfc3339 string) string {
	zone, err := time.LoadLocation(about.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return minuteIn(zone, rfc3339)
}

// dayOf is the day of a time of the API in the collective's zone, YYYY-MM-DD.
func (f *folio) dayOf(rfc3339 string) string {
	day, _, _ := strings.Cut(f.clock(rfc3339), " ")
	return day
}

// fund is the name of a fund of the charter.
func (f *folio) fund(id string) string {
	return f.fundName(f.books, id)
}

// account is what people call an account, by its path.
func (f *folio) account(path string) string { return f.accountOf(f.books, path) }

// reference is where a thing that something rests on is shown; empty where it has no page.
func (f *folio) reference(kind, id string) string {
	switch kind {
	case "account":
		return f.explanation(id)
	case "fund":
		return f.explanation("fund/" + id)
	case "voucher":
		return f.to("vouchers", id)
	case "event":
		return f.to("log", id)
	case "request":
		return f.to("requests", id)
	case "resolution":
		return f.to("registers", "resolutions", id)
	case "policy":
		return f.to("registers", "rules") + "#policy-" + id
	case "spending_rule":
		return f.to("registers", "rules") + "#spending"
	case "grant_round":
		return f.to("registers", "grants", id)
	case "dividend_run":
		return f.to("registers", "dividends", id)
	case "operator":
		return search(f.to("log"), "actor", id)
	case "command":
		return search(f.to("log"), "command", id)
	case "month":
		return f.to("months", id)
	case "inquiry":
		return f.to("inquiries", id)
	}
	return ""
}

// referenceWords name what a reference is.
var referenceWords = map[string]words{
	"account": {"科目", "account"}, "fund": {"基金", "fund"}, "voucher": {"凭证", "voucher"}, "event": {"记录", "event"}, "request": {"申请", "request"},
	"resolution": {"决议", "resolution"}, "policy": {"分配办法", "policy"}, "spending_rule": {"支出办法", "spending rule"}, "grant_round": {"救助奖学", "grant round"},
	"dividend_run": {"分红", "dividend"}, "operator": {"操作员", "operator"}, "command": {"同一命令", "same command"}, "month": {"月份", "month"},
	"document": {"原始凭证", "document"}, "refusal": {"拒绝", "refusal"}, "role": {"岗位", "role"}, "inquiry": {"质询", "inquiry"},
}

// referenceName is what a reference is called: its kind and its id, a command by the beginning of it.
func (f *folio) referenceName(r *apiv1.ExplainReference) string {
	id := r.Id
	if r.Kind == "command" {
		id, _, _ = strings.Cut(id, "-")
	}
	return f.word(referenceWords, r.Kind) + " " + id
}

// explanation is the page that explains a balance.
func (f *folio) explanation(account string) string {
	return f.href("/d/" + f.books.Id + "/explain/" + account + "/")
}

// positive takes the sign away.
func positive(amount string) string { return strings.TrimPrefix(amount, "-") }

// negative says whether an amount is below zero.
func negative(amount string) bool { return strings.HasPrefix(amount, "-") }

func number[N ~uint32 | ~uint64 | ~int](n N) string { return strconv.FormatUint(uint64(n), 10) }

// sections are the parts of the desk, in the order of its menu.
func (f *folio) sections() []section {
	return []section{
		{"desk", f.text("工作台", "Desk"), f.href("/d/" + f.books.Id + "/")},
		{"tasks", f.text("待办", "Needs me"), f.to("committee")},
		{"months", f.text("月份", "Months"), f.to("months")},
		{"anomalies", f.text("疑点", "Worth a look"), f.to("anomalies")},
		{"inquiries", f.text("质询", "Inquiries"), f.to("inquiries")},
		{"requests", f.text("申请", "Requests"), f.to("requests")},
		{"vouchers", f.text("凭证", "Vouchers"), f.to("vouchers")},
		{"balances", f.text("余额", "Balances"), f.to("balances")},
		{"compare", f.text("两个时点", "Two moments"), f.to("compare")},
		{"log", f.text("操作日志", "Log"), f.to("log")},
		{"registers", f.text("登记簿", "Registers"), f.to("registers")},
	}
}

type section struct{ id, name, href string }

// body is the name of an organ that votes.
func (f *folio) body(id string) string {
	for _, b := range f.books.Bodies {
		if b.Id == id {
			return b.Name
		}
	}
	return id
}

// figureOf is a figure of a step by its name; empty where it has none.
func figureOf(step *apiv1.ExplainStep, name string) string {
	for _, f := range step.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// party writes whom a posting is about, as people say it: org/<name> is a name, member/17 a member, party/<id> a person by a code.
func (f *folio) party(party string) string {
	kind, id, ok := strings.Cut(party, "/")
	switch {
	case !ok:
		return party
	case kind == "org":
		return id
	case kind == "member":
		return f.text("成员 ", "member ") + id
	case kind == "household":
		return f.text("户 ", "household ") + id
	case kind == "party":
		return f.text("个人 ", "person ") + id
	}
	return party
}
