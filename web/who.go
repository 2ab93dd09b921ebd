package web

import (
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// Roles that forms name.
var (
	treasurer  = []apiv1.Role{apiv1.Role_ROLE_TREASURER}
	supervisor = []apiv1.Role{apiv1.Role_ROLE_SUPERVISOR}
	approver   = []apiv1.Role{apiv1.Role_ROLE_APPROVER}
	asker      = []apiv1.Role{apiv1.Role_ROLE_SUPERVISOR, apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_APPROVER, apiv1.Role_ROLE_CASHIER, apiv1.Role_ROLE_AUDITOR}
	payer      = []apiv1.Role{apiv1.Role_ROLE_TREASURER, apiv1.Role_ROLE_CASHIER}
)

var roleWords = map[apiv1.Role]words{
	apiv1.Role_ROLE_TREASURER: {"会计", "treasurer"}, apiv1.Role_ROLE_APPROVER: {"负责人", "approver"}, apiv1.Role_ROLE_SUPERVISOR: {"监督委员会", "supervisor"},
	apiv1.Role_ROLE_CASHIER: {"出纳", "cashier"}, apiv1.Role_ROLE_BOARD: {"公示员", "board"}, apiv1.Role_ROLE_AUDITOR: {"审计", "auditor"}, apiv1.Role_ROLE_ADMIN: {"管理员", "admin"},
}

// who is the visitor, with his roles in the collective of the address. Who is not signed in is an error.
func (s *site) who(v *visit) (*apiv1.WhoAmIResponse, error) {
	return s.session.WhoAmI(v.ctx, &apiv1.WhoAmIRequest{CollectiveId: v.collective()})
}

// rolesOf are the roles of the visitor in the collective of the address. Who is not signed in is an error.
func (s *site) rolesOf(v *visit) ([]apiv1.Role, error) {
	who, err := s.who(v)
	return who.GetRoles(), err
}

// mayGive refuses a form to whoever could not give its command.
func (s *site) mayGive(v *visit, form *form) error {
	if form.apart {
		return nil // the services say who may
	}
	roles, err := s.rolesOf(v)
	if err != nil {
		return err
	}
	zh, en := "", ""
	for _, role := range form.roles {
		if slices.Contains(roles, role) {
			return nil
		}
		if zh != "" {
			zh, en = zh+"或", en+" or the "
		}
		zh, en = zh+roleWords[role].zh, en+roleWords[role].en
	}
	return &problem{http.StatusForbidden, "“" + form.title.zh + "”由" + zh + "办理。", "\"" + form.title.en + "\" is for the " + en + "."}
}

// forbidden says whether a call was refused because the visitor lacks the role for it.
func forbidden(err error) bool {
	return connect.CodeOf(err) == connect.CodePermissionDenied && rpc.RefusalOf(err) != nil
}
