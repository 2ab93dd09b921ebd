package rpc

import (
	"context"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/access"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// KeysHeader carries the bearer keys, separated by commas and repeatable, of the operators that the lines of an Apply are
// given as, besides the caller's own key in Authorization.
const KeysHeader = "Mingzhang-Keys"

// keysMax is the most keys one call may bring.
const keysMax = 64

// caller is who makes a call; the zero caller is anonymous.
type caller struct {
	operator access.Operator
	session  *access.Session // nil for a bearer key and for who holds the process
	// others are the operators whose keys were sent along; local callers may act as any operator instead.
	others map[string]access.Bearer
	local  bool
}

func (c *caller) anonymous() bool { return c.operator.ID == "" }

type callerKey struct{}

// callerOf is the caller that an interceptor put into the context, anonymous without one.
func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return new(caller)
}

type operatorKey struct{}

// AsOperator makes calls through InProcess calls of that operator, without a key: whoever holds the process holds the store
// anyway. Over HTTP it means nothing. The operator has to exist.
func AsOperator(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, operatorKey{}, id)
}

// byContext authenticates calls through the in-process transport, the only one that hands on its caller's context.
func (s *Server) byContext(ctx context.Context) (*caller, error) {
	if key, ok := ctx.Value(keyOfCall{}).(string); ok {
		b, err := s.config.Access.Authenticate(ctx, key)
		return &caller{operator: b.Operator, session: b.Session}, err
	}
	id, ok := ctx.Value(operatorKey{}).(string)
	if !ok {
		return &caller{local: true}, nil
	}
	operator, err := s.operator(ctx, id)
	return &caller{operator: operator, local: true}, err
}

func (s *Server) operator(ctx context.Context, id string) (access.Operator, error) {
	operator, ok, err := s.config.Access.Operator(ctx, id)
	switch {
	case err == nil && !ok:
		err = refuse(access.OperatorUnknown, "", "operator", clip(id))
	case operator.Suspended:
		err = refuse(access.OperatorSuspended, "", "operator", clip(id))
	}
	return operator, err
}

// byKey authenticates calls over HTTP. No key is an anonymous caller; a key that is not valid is refused even where none
// is needed, so that nobody takes an old key for a working one.
func (s *Server) byKey(ctx context.Context) (*caller, error) {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return new(caller), nil
	}
	values := info.RequestHeader().Values("Authorization")
	if len(values) == 0 {
		return new(caller), nil
	}
	key, ok := bearer(values[0])
	if !ok || len(values) > 1 {
		return nil, refuse(keyNeeded, "")
	}
	b, err := s.config.Access.Authenticate(ctx, key)
	if err != nil {
		return nil, err
	}
	c := &caller{operator: b.Operator, session: b.Session}
	return c, s.otherKeys(ctx, info.RequestHeader().Values(KeysHeader), c)
}

func bearer(header string) (key string, ok bool) {
	scheme, key, ok := strings.Cut(header, " ")
	return strings.TrimSpace(key), ok && strings.EqualFold(scheme, "Bearer")
}

func (s *Server) otherKeys(ctx context.Context, values []string, c *caller) error {
	if len(values) == 0 {
		return nil
	}
	keys := strings.Split(strings.Join(values, ","), ",")
	if len(keys) > keysMax {
		return refuse(keyNeeded, "")
	}
	c.others = make(map[string]access.Bearer, len(keys))
	for _, key := range keys {
		b, err := s.config.Access.Authenticate(ctx, strings.TrimSpace(key))
		if err != nil {
			return err
		}
		c.others[b.ID] = b
	}
	return nil
}

// actingAs is the caller of a line of a batch that is given as an operator.
func (s *Server) actingAs(ctx context.Context, c *caller, as string) (*caller, error) {
	switch other, sent := c.others[as]; {
	case as == "" || as == c.operator.ID:
		return c, nil
	case c.local:
		operator, err := s.operator(ctx, as)
		return &caller{operator: operator, local: true}, err
	case sent:
		return &caller{operator: other.Operator, session: other.Session}, nil
	}
	return nil, refuse(keyNotGiven, "as", "operator", clip(as))
}

// mayCall refuses callers that a method is closed to whatever they ask for, before anything of the request is read.
func (m *method) mayCall(c *caller) error {
	if c.anonymous() && !m.anybody && (m.callers == nil || !m.callers.Public && !m.callers.PublicLog) {
		return refuse(keyNeeded, "")
	}
	return nil
}

// authorise holds a caller and his request, which is valid, against the tables of callers. Calls and lines of a batch pass
// through it alike. Commands on books are judged by the ledger.
func (s *Server) authorise(ctx context.Context, m *method, c *caller, req proto.Message) error {
	if err := m.mayCall(c); err != nil {
		return err
	}
	switch {
	case m.callers == nil || m.callers.Public || m.callers.Operator:
		return nil
	case m.callers.Admin && c.operator.Admin:
		return nil
	case m.callers.Admin:
		return refuse(ledger.RoleMissing, "", "operator", c.operator.ID, "roles", access.ServerAdmin)
	}
	collective := ""
	if r, ok := req.(interface{ GetCollectiveId() string }); ok {
		collective = r.GetCollectiveId()
	}
	return s.mayRead(ctx, m.callers, c, collective)
}

// confirmDue says whether a method wants the caller's session confirmed anew.
func (s *Server) confirmDue(m *method, c *caller) bool {
	return access.Grave[m.name] && c.session != nil && c.session.ConfirmedUntil(s.config.Clock()).IsZero()
}

// confirmed refuses with confirm_needed what is grave to a session that was not confirmed a moment ago. On a copy that is thrown away
// nothing is grave.
func (s *Server) confirmed(m *method, c *caller) error {
	if !s.dry && s.confirmDue(m, c) {
		return refuse(access.ConfirmNeeded, "")
	}
	return nil
}

// mayRead refuses callers that hold none of the roles a read is for, unless the collective's log is public.
func (s *Server) mayRead(ctx context.Context, callers *access.Callers, c *caller, collective string) error {
	facts, err := s.config.Ledger.Facts(ctx, collective)
	if err != nil {
		return err
	}
	if callers.PublicLog && facts.Charter.GetPublicLog() == eventv1.PublicLog_PUBLIC_LOG_FULL {
		return nil
	}
	if c.anonymous() {
		return refuse(keyNeeded, "")
	}
	for _, role := range facts.Roles(c.operator.ID) {
		if slices.Contains(callers.Roles, role) {
			return nil
		}
	}
	return refuse(ledger.RoleMissing, "", "operator", c.operator.ID, "roles", roleNames(callers.Roles))
}

func roleNames(roles []eventv1.Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = ledger.RoleName(role)
	}
	return strings.Join(names, ", ")
}
