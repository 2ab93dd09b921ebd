package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Fact is one fact of the stream "access" as admins read it: who did what. No secret, digest, hash or public key is in it.
type Fact struct {
	Version    uint64
	RecordedAt time.Time // UTC
	Actor      string
	Type       string // as docs/events.md names it
	Operator   string // whom it is about
	KeyID      string // public part of the key or session; empty where it is about none
	Method     eventv1.SignInMethod
	Name       string // of the passkey, or the issuer of the identity
}

// Facts lists the facts before a version, the newest first: all of them or those by or about one operator. Zero is from the newest. next is
// the version to go on before, 0 when there are no more.
func (s *Service) Facts(ctx context.Context, operator string, before uint64, most int) (facts []Fact, next uint64, err error) {
	owners := map[string]string{}      // of keys and sessions
	passkeys := map[string][2]string{} // operator and name
	var all []Fact                     // a ring of the last that fit, and one more
	for stored, err := range s.store.Read(ctx, ledger.StreamAccess, 0) {
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", ledger.StreamAccess, err)
		}
		if before != 0 && stored.Version >= before {
			break
		}
		e, err := ledger.Decode(stored)
		if err != nil {
			return nil, 0, err
		}
		f := factOf(e, owners, passkeys)
		if operator != "" && f.Operator != operator && f.Actor != operator {
			continue
		}
		if all = append(all, f); len(all) > 2*(most+1) {
			all = append(all[:0], all[len(all)-most-1:]...)
		}
	}
	for i := len(all) - 1; i >= 0 && len(facts) < most; i-- {
		facts = append(facts, all[i])
	}
	if len(all) > most {
		next = facts[len(facts)-1].Version
	}
	return facts, next, nil
}

// factOf tells a fact. What it learns of whose keys and passkeys are whose it keeps for the facts after it.
func factOf(e *eventv1.Event, owners map[string]string, passkeys map[string][2]string) Fact {
	f := Fact{Version: e.Version, RecordedAt: time.UnixMicro(e.RecordedAt).UTC(), Actor: e.Actor, Type: ledger.TypeName(e)}
	owned := func(keyID string) { f.KeyID, f.Operator = keyID, owners[keyID] }
	switch t := e.Fact.(type) {
	case *eventv1.Event_OperatorCreated:
		f.Operator = t.OperatorCreated.Id
	case *eventv1.Event_KeyIssued:
		f.Operator, f.KeyID = t.KeyIssued.Operator, t.KeyIssued.KeyId
		owners[f.KeyID] = f.Operator
	case *eventv1.Event_KeyRevoked:
		owned(t.KeyRevoked.KeyId)
	case *eventv1.Event_SessionStarted:
		f.Operator, f.KeyID, f.Method = t.SessionStarted.Operator, t.SessionStarted.KeyId, t.SessionStarted.Method
		owners[f.KeyID] = f.Operator
	case *eventv1.Event_SessionConfirmed:
		owned(t.SessionConfirmed.KeyId)
		f.Method = t.SessionConfirmed.Method
	case *eventv1.Event_SessionEnded:
		owned(t.SessionEnded.KeyId)
	case *eventv1.Event_InvitationIssued:
		f.Operator = t.InvitationIssued.Operator
	case *eventv1.Event_PasswordSet:
		f.Operator = t.PasswordSet.Operator
	case *eventv1.Event_PasswordRemoved:
		f.Operator = t.PasswordRemoved.Operator
	case *eventv1.Event_PasskeyAdded:
		f.Operator, f.Name = t.PasskeyAdded.Operator, t.PasskeyAdded.Name
		passkeys[string(t.PasskeyAdded.CredentialId)] = [2]string{f.Operator, f.Name}
	case *eventv1.Event_PasskeyRemoved:
		was := passkeys[string(t.PasskeyRemoved.CredentialId)]
		f.Operator, f.Name = was[0], was[1]
	case *eventv1.Event_IdentityLinked:
		f.Operator, f.Name = t.IdentityLinked.Operator, t.IdentityLinked.Issuer
	case *eventv1.Event_IdentityUnlinked:
		f.Operator, f.Name = e.Actor, t.IdentityUnlinked.Issuer // his own
	case *eventv1.Event_OperatorSuspended:
		f.Operator = t.OperatorSuspended.Operator
	case *eventv1.Event_OperatorReinstated:
		f.Operator = t.OperatorReinstated.Operator
	}
	return f
}

// MethodName is how messages and pages name a way to sign in; empty for none.
func MethodName(m eventv1.SignInMethod) string {
	if m == eventv1.SignInMethod_SIGN_IN_METHOD_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(m.String(), "SIGN_IN_METHOD_"))
}
