package esdbtest

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// operation is what somebody wants to do to a stream.
type operation int

const (
	opRead operation = iota
	opWrite
	opDelete
	opMetaRead
	opMetaWrite
)

// principal is who calls.
type principal struct {
	name  string
	roles []string // groups, and the name itself
}

// acl is an access list of a stream, or a default one of $settings. A missing list is the default's.
type acl struct {
	Read      roles `json:"$r"`
	Write     roles `json:"$w"`
	Delete    roles `json:"$d"`
	MetaRead  roles `json:"$mr"`
	MetaWrite roles `json:"$mw"`
}

// roles is a string or a list of them.
type roles []string

func (r *roles) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*r = roles{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(r))
}

func (a *acl) of(op operation) roles {
	if a == nil {
		return nil
	}
	return [...]roles{a.Read, a.Write, a.Delete, a.MetaRead, a.MetaWrite}[op]
}

// Without a list of their own, user streams are open to everyone with a login and system streams, $all among them, to
// administrators.
var (
	userDefault   = roles{"$all"}
	systemDefault = roles{"$admins"}
)

// authorize lets a call pass or says why not. An insecure server lets everything pass.
func (s *Server) authorize(c *call, op operation, stream string) error {
	if s.options.Users == nil {
		return nil
	}
	if c.user == nil {
		user, ok := s.authenticate(&c.Call)
		if !ok {
			return unauthenticated()
		}
		c.user = user
	}
	if !s.log.view(0).permits(c.user, op, stream) {
		return accessDenied()
	}
	return nil
}

// authenticate reads the basic login.
func (s *Server) authenticate(c *Call) (*principal, bool) {
	for _, h := range c.Header.Get("authorization") {
		kind, encoded, _ := strings.Cut(h, " ")
		b, err := base64.StdEncoding.DecodeString(encoded)
		if !strings.EqualFold(kind, "basic") || err != nil {
			continue
		}
		name, password, _ := strings.Cut(string(b), ":")
		if u, ok := s.options.Users[name]; ok && u.Password == password {
			return &principal{name: name, roles: append([]string{name}, u.Groups...)}, true
		}
	}
	return nil, false
}

// permits goes by the list of the stream, then by that of $settings, then by the default. What is done to the metadata of a
// stream, "$$" + its name, is a question of that stream's lists.
func (v view) permits(p *principal, op operation, stream string) bool {
	if slices.Contains(p.roles, "$admins") {
		return true
	}
	if owner, ok := strings.CutPrefix(stream, "$$"); ok {
		stream = owner
		if op == opRead {
			op = opMetaRead
		} else {
			op = opMetaWrite
		}
	}
	allowed := v.metadata(stream).ACL.of(op)
	if allowed == nil {
		allowed = v.defaultACL(stream).of(op)
	}
	if allowed == nil && strings.HasPrefix(stream, "$") {
		allowed = systemDefault
	} else if allowed == nil {
		allowed = userDefault
	}
	return slices.ContainsFunc(allowed, func(role string) bool { return role == "$all" || slices.Contains(p.roles, role) })
}

// defaultACL is what the last event of $settings says of streams of this kind.
func (v view) defaultACL(stream string) *acl {
	events := v.stream("$settings").events
	if len(events) == 0 {
		return nil
	}
	var settings struct {
		User   *acl `json:"$userStreamAcl"`
		System *acl `json:"$systemStreamAcl"`
	}
	if json.Unmarshal(events[len(events)-1].data, &settings) != nil {
		return nil
	}
	if strings.HasPrefix(stream, "$") {
		return settings.System
	}
	return settings.User
}
