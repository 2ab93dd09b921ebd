package projections

import (
	"time"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// roleHeld is a span in which an operator holds a role.
type roleHeld struct {
	operator       string
	role           eventv1.Role
	since, revoked uint64 // versions; revoked 0: still held
}

// foldRoles takes what grants and revokes roles. Who founds a collective is its first administrator.
func (b *Book) foldRoles(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_CollectiveFounded:
		b.roles = append(b.roles, roleHeld{operator: e.Actor, role: eventv1.Role_ROLE_ADMIN, since: e.Version})
	case *eventv1.Event_RoleGranted:
		b.roles = append(b.roles, roleHeld{operator: f.RoleGranted.Operator, role: f.RoleGranted.Role, since: e.Version})
	case *eventv1.Event_RoleRevoked:
		for i := range b.roles {
			r := &b.roles[i]
			if r.operator == f.RoleRevoked.Operator && r.role == f.RoleRevoked.Role && r.revoked == 0 {
				r.revoked = e.Version
			}
		}
	}
}

// RoleHeld (岗位) is a role of an operator in the collective, from when to when, and by whom.
type RoleHeld struct {
	Operator  string
	Role      eventv1.Role
	Since     time.Time // UTC
	GrantedBy string
	Version   uint64    // of the event that granted it
	Until     time.Time // zero while it is held
	RevokedBy string
}

// recordedBy says whether an event counts that has no business day of its own.
func (b *Book) recordedBy(version uint64, w view) bool {
	return version <= w.version && (w.asOf == 0 || b.recordedOn(version) <= w.asOf)
}

// recordedOn is the day on which an event was recorded, in the collective's zone.
func (b *Book) recordedOn(version uint64) ledger.Day {
	return ledger.DayOf(instant(*b.recorded.at(int(version - 1))), b.zone)
}

// Roles lists who holds which role at the moment, in order of granting; with past also who held one before.
func (b *Book) Roles(past bool, m Moment) []RoleHeld {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	var list []RoleHeld
	for _, r := range b.roles {
		if !b.recordedBy(r.since, w) {
			break // versions and days of recording rise
		}
		gone := r.revoked != 0 && b.recordedBy(r.revoked, w)
		if gone && !past {
			continue
		}
		h := RoleHeld{Operator: r.operator, Role: r.role, Since: instant(*b.recorded.at(int(r.since - 1))), GrantedBy: b.actor(r.since), Version: r.since}
		if gone {
			h.Until, h.RevokedBy = instant(*b.recorded.at(int(r.revoked - 1))), b.actor(r.revoked)
		}
		list = append(list, h)
	}
	return list
}

// RecordedOn is the day on which an event was recorded, in the collective's zone; 0 when there is none.
func (b *Book) RecordedOn(version uint64) ledger.Day {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if version == 0 || version > b.version {
		return 0
	}
	return b.recordedOn(version)
}
