package web

import (
	"net/http"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// home lists the collectives of this server, or leads to the board of the only one.
func (s *site) home(v *visit) (templ.Component, error) {
	if v.static {
		return s.publishedHome(v)
	}
	answer, err := s.disclosure.ListCollectives(v.public(), &apiv1.ListCollectivesRequest{PageSize: 1000})
	if err != nil {
		return nil, err
	}
	if len(answer.Collectives) == 1 && answer.NextPageToken == "" {
		http.Redirect(v.writer, v.request, v.href("/b/"+answer.Collectives[0].Id+"/"), http.StatusFound)
		return nil, nil
	}
	return homePage(v, answer.Collectives), nil
}

// publishedHome lists the collectives whose pages are published, whatever else the server has.
func (s *site) publishedHome(v *visit) (templ.Component, error) {
	var list []*apiv1.Collective
	for _, id := range s.published {
		answer, err := s.disclosure.GetCollective(v.public(), &apiv1.GetCollectiveRequest{CollectiveId: id})
		if err != nil {
			return nil, err
		}
		list = append(list, answer.Collective)
	}
	return homePage(v, list), nil
}
