package web

import (
	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// verifyPage shows what the books are pinned to, and checks it in the visitor's browser.
func (s *site) verifyPage(b *board) (templ.Component, error) {
	answer, err := s.disclosure.ListEditions(b.public(), &apiv1.ListEditionsRequest{CollectiveId: b.about.Id, PageSize: recordsMax})
	if err != nil {
		return nil, err
	}
	var newest *apiv1.Edition
	if n := len(answer.Editions); n > 0 {
		newest = answer.Editions[n-1]
	}
	return verifyPage(b, newest), nil
}

// logURL is where the log lies, as a command on another machine takes it.
func (b *board) logURL() string {
	origin := b.site.config.Origin
	if origin == "" {
		origin = "http://" + b.request.Host
	}
	return origin + "/log/" + b.about.Id
}
