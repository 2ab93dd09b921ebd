package web

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// photoForm is not a command: it takes pictures of papers first, and leads to the form that cites them.
var photoForm = &form{
	name: "photo", method: "DocumentsService/Upload", roles: treasurer, title: words{"拍凭证", "Photograph a paper"},
	about: words{"先拍下单据,再选是收是付;照片会带到表单里。", "Take the pictures first, then say whether money came or goes: they travel into the form."},
	fields: []*field{{path: "documents", label: words{"单据", "Papers"}, kind: kindRows, least: 1, add: words{"再拍一张", "One more"},
		fields: []*field{{path: "sha256", label: words{"照片或文件", "Picture or file"}, kind: kindFile}}}},
}

// photoPage shows the form for pictures, takes them, and goes on to the form that the button named.
func (s *site) photoPage(v *visit) (templ.Component, error) {
	if err := s.mayGive(v, photoForm); err != nil {
		return nil, err
	}
	answer, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
	if err != nil {
		return nil, err
	}
	f := &filling{visit: v, form: photoForm, about: answer.Collective, values: map[string]string{}, wrong: map[string]string{}, where: map[string]string{}, lists: map[*field][]choice{}}
	f.values["command_id"] = uuid.NewString()
	if v.request.Method == http.MethodPost {
		if err := f.read(); err != nil {
			return nil, err
		}
		step := f.values[stepName]
		delete(f.values, stepName)
		if step == "more:documents" {
			f.addRow("documents")
		}
		if target := deskForms[step]; target != nil && len(f.wrong) == 0 {
			query := url.Values{}
			for name, value := range f.values {
				if value != "" && name != "command_id" && name != countName("documents") {
					query.Set(name, value)
				}
			}
			http.Redirect(v.writer, v.request, v.href("/d/"+v.collective()+"/form/"+step+"/")+"?"+query.Encode(), http.StatusSeeOther)
			return nil, nil
		}
	}
	status := http.StatusOK
	if len(f.wrong) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return nil, v.render(status, photoView(f))
}
