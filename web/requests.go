package web

import (
	"strconv"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// requestList is the register of requests, newest last as they were numbered, or those of one state.
func (s *site) requestList(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "requests")
	if err != nil {
		return nil, err
	}
	state := v.query("state")
	answer, err := s.audit.ListRequests(v.ctx, &apiv1.ListRequestsRequest{CollectiveId: f.books.Id, State: state, PageSize: 100, PageToken: v.query("page")})
	if err != nil {
		return nil, err
	}
	return requestListPage(f, state, answer), nil
}

// requestStory is a request with everything its approver has to see.
type requestStory struct {
	*apiv1.Request
	fund       *apiv1.FundLine // that bears it, as it is now; nil where none does
	resolution *apiv1.Resolution
	tasks      []*apiv1.Task // what whoever looks may do with it now
}

func (s *site) requestPage(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "requests")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(v.request.PathValue("number"), 10, 32)
	if err != nil || n == 0 {
		return nil, errNotFound
	}
	answer, err := s.audit.ListRequests(v.ctx, &apiv1.ListRequestsRequest{CollectiveId: f.books.Id, Number: uint32(n)})
	if err != nil {
		return nil, err
	}
	if len(answer.Requests) == 0 {
		return nil, errNotFound
	}
	told := &requestStory{Request: answer.Requests[0]}
	if told.Fund != "" {
		statement, err := s.disclosure.GetFundStatement(v.ctx, &apiv1.GetFundStatementRequest{CollectiveId: f.books.Id})
		if err != nil {
			return nil, err
		}
		for _, line := range statement.Funds {
			if line.Fund == told.Fund {
				told.fund = line
			}
		}
	}
	if told.ResolutionId != "" {
		if told.resolution, err = s.resolution(f, told.ResolutionId); err != nil {
			return nil, err
		}
	}
	if told.tasks, err = s.mineOf(f, number(told.Number), "request_"); err != nil {
		return nil, err
	}
	return requestPage(f, told), nil
}

// resolution finds a resolution by its id; nil where there is none.
func (s *site) resolution(f *folio, id string) (*apiv1.Resolution, error) {
	for token, page := "", 0; page < resolutionPages; page++ {
		answer, err := s.disclosure.ListResolutions(f.ctx, &apiv1.ListResolutionsRequest{CollectiveId: f.books.Id, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, r := range answer.Resolutions {
			if r.Id == id {
				return r, nil
			}
		}
		if token = answer.NextPageToken; token == "" {
			break
		}
	}
	return nil, nil
}

// resolutionPages bounds how many pages of 1,000 are gone through for one resolution.
const resolutionPages = 100

// waiting says what an open request still needs.
func (f *folio) waiting(r *apiv1.Request) string {
	waits, _ := f.waitsFor(r)
	if waits.zh == "" {
		waits = words{"等会计办理", "waits to be carried out"}
	}
	return f.say(waits)
}
