package web

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// receiptPages are the pages that a treasurer prints and the files for the bank.
func (s *site) receiptPages() map[string]page {
	return map[string]page{
		"GET /d/{collective}/receipt/{number}/{$}":  s.receiptPage,
		"GET /d/{collective}/runs/{run}/{$}":        s.runPage,
		"GET /d/{collective}/runs/{run}/{file}":     s.bankFile,
		"GET /d/{collective}/slips/{run}/{$}":       s.slipsPage,
		"GET /d/{collective}/slips/{run}/{payee}":   s.slipProof,
		"GET /d/{collective}/slips/{run}/page/{of}": s.slipsPage,
	}
}

// receiptPage is a voucher to print or show: A5, in capitals, with a code that leads to its line on the board.
func (s *site) receiptPage(v *visit) (templ.Component, error) {
	about, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	got, err := s.audit.GetVoucher(v.ctx, &apiv1.GetVoucherRequest{CollectiveId: v.collective(), Number: v.request.PathValue("number")})
	if err != nil {
		return nil, err
	}
	var code *qrCode
	if origin := s.config.Origin; origin != "" {
		if code, err = newQR(origin + v.href(lineAddress(v.collective(), got.Voucher.Number))); err != nil {
			return nil, err
		}
	}
	return receiptView(v, about.Collective, got.Voucher, code), nil
}

// lineAddress is the page of a voucher on the public board.
func lineAddress(collective, number string) string {
	return "/b/" + collective + "/lines/" + number + "/"
}

// payments is what the vouchers of a class are called on paper.
func (v *visit) paperName(voucher *apiv1.Voucher) string {
	switch {
	case voucher.Reverses != "":
		return v.text("冲销凭证", "Reversal")
	case strings.HasPrefix(voucher.Number, "收"):
		return v.text("收款收据", "Receipt")
	case strings.HasPrefix(voucher.Number, "付"):
		return v.text("付款凭单", "Payment slip")
	}
	return v.text("转账凭证", "Transfer slip")
}

// run is one dividend by its id; errNotFound where there is none.
func (s *site) run(v *visit) (*apiv1.DividendRun, error) {
	all, err := s.dividends(v)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Id == v.request.PathValue("run") {
			return r, nil
		}
	}
	return nil, errNotFound
}

// runPage is a dividend under way: its files for the bank, what came of each, and the slips to print.
func (s *site) runPage(v *visit) (templ.Component, error) {
	about, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	r, err := s.run(v)
	if err != nil {
		return nil, err
	}
	return runView(v, about.Collective, r), nil
}

// entitlements reads those of a run, all of them or a page of 1,000.
func (s *site) entitlements(v *visit, run string, each func(*apiv1.Entitlement) error) error {
	request := &apiv1.ListEntitlementsRequest{CollectiveId: v.collective(), RunId: run, PageSize: 1000}
	for range entitlementPagesMax {
		answer, err := s.audit.ListEntitlements(v.ctx, request)
		if err != nil {
			return err
		}
		for _, e := range answer.Entitlements {
			if err := each(e); err != nil {
				return err
			}
		}
		if request.PageToken = answer.NextPageToken; request.PageToken == "" {
			return nil
		}
	}
	return fmt.Errorf("the run %s has more than %d payees", run, entitlementPagesMax*1000)
}

// entitlementPagesMax is how many pages of payees one run has: members are numbered up to 4,000,000.
const entitlementPagesMax = 4000

// bankFile is a payout file as a table for the bank: number and amount of each payee. Accounts are personal data and not in it: whoever
// makes the bank's own file joins them by the number. Every cell is a number, so that no spreadsheet takes one for a formula.
func (s *site) bankFile(v *visit) (templ.Component, error) {
	name, ok := strings.CutSuffix(v.request.PathValue("file"), ".csv")
	number, err := strconv.ParseUint(name, 10, 32)
	if !ok || err != nil || number == 0 {
		return nil, errNotFound
	}
	r, err := s.run(v)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	err = s.entitlements(v, r.Id, func(e *apiv1.Entitlement) error {
		if e.File == uint32(number) {
			rows = append(rows, []string{itoa(int(e.Payee)), e.Amount})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errNotFound
	}
	h := v.writer.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%d.csv"`, v.collective(), r.Id, number))
	_, _ = io.WriteString(v.writer, "\ufeff") // spreadsheets take UTF-8 for something else without it
	w := csv.NewWriter(v.writer)
	w.UseCRLF = true
	_ = w.Write([]string{v.text("成员号", "payee"), v.text("金额", "amount")})
	_ = w.WriteAll(rows) // who left needs no answer
	return nil, nil
}

// slipsOnPage is how many slips one page shows: 4 on a sheet, 50 sheets.
const slipsOnPage = 200

// slipsPage is the slips of a run to print and cut, four on a sheet, in order of the roster.
func (s *site) slipsPage(v *visit) (templ.Component, error) {
	about, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	r, err := s.run(v)
	if err != nil {
		return nil, err
	}
	at := 1
	if of := v.request.PathValue("of"); of != "" {
		if at, err = strconv.Atoi(of); err != nil || at < 1 {
			return nil, errNotFound
		}
	}
	var slips []*apiv1.Entitlement
	place := 0
	err = s.entitlements(v, r.Id, func(e *apiv1.Entitlement) error {
		if place++; place > (at-1)*slipsOnPage && place <= at*slipsOnPage {
			slips = append(slips, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(slips) == 0 {
		return nil, errNotFound
	}
	return slipsView(v, about.Collective, r, slips, at, (place+slipsOnPage-1)/slipsOnPage), nil
}

// slipProof is the proof of one payee's line as a file to hand over, once the run's lines are disclosed.
func (s *site) slipProof(v *visit) (templ.Component, error) {
	name, ok := strings.CutSuffix(v.request.PathValue("payee"), ".proof.txt")
	payee, err := strconv.ParseUint(name, 10, 32)
	if !ok || err != nil {
		return nil, errNotFound
	}
	answer, err := s.audit.ProveLine(v.ctx, &apiv1.ProveLineRequest{CollectiveId: v.collective(), Kind: apiv1.RoundKind_ROUND_KIND_DIVIDEND, RoundId: v.request.PathValue("run"), Payee: uint32(payee)})
	if err != nil {
		return nil, err
	}
	h := v.writer.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%d.proof.txt"`, v.collective(), v.request.PathValue("run"), payee))
	v.writer.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(v.writer, answer.Proof)
	return nil, nil
}

var fileStates = map[string]words{"sent": {"已交银行", "at the bank"}, "settled": {"已登记", "recorded"}, "reversed": {"已冲销", "turned back"}}

var entitlementStates = map[string]words{
	"owed": {"待发", "owed"}, "sent": {"已交银行", "at the bank"}, "paid": {"已发", "paid"}, "held": {"暂缓", "held"}, "returned": {"银行退回,待再发", "sent back by the bank"}, "cancelled": {"已取消", "cancelled"},
}

// payeeName is who a line of a run is for.
func (v *visit) payeeName(r *apiv1.DividendRun, payee uint32) string {
	if r.Basis == apiv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD {
		return v.text("第 ", "Household ") + itoa(int(payee)) + v.text(" 户", "")
	}
	return v.text("成员 ", "Member ") + itoa(int(payee)) + v.text(" 号", "")
}

// partyName writes a party for people: an organisation by its name, a member by number.
func (v *visit) partyName(party string) string {
	sort, name, _ := strings.Cut(party, "/")
	switch sort {
	case "org":
		return name
	case "member":
		return v.text("成员 ", "member ") + name + v.text(" 号", "")
	}
	return v.text("个人代号 ", "person ") + name
}
