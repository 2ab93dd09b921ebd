package main

import (
	"context"
	"time"
)

// This file is about a node: a process with a data directory of its own whose log is in a cluster, where others store too.

const (
	// nodeAuditPause is auditPause for a node: every round reads the whole store from the cluster.
	nodeAuditPause = 24 * time.Hour
	// behindMax is how long a node may be without touch, or behind, before it asks for no more calls.
	behindMax = 10 * time.Second
)

// following is how far a node is with what others store, as /healthz shows it. Reasons stay in the log of the process.
type following struct {
	Current    bool   `json:"current"`              // it has everything, as of a few seconds ago
	AgeSeconds int    `json:"ageSeconds"`           // since it was last known to
	Behind     int    `json:"behind,omitempty"`     // events stored and not yet taken, up to 1,000
	More       bool   `json:"more,omitempty"`       // there are more than that
	Lost       bool   `json:"lost,omitempty"`       // the store cannot be asked or followed
	ClockApart bool   `json:"clockApart,omitempty"` // commands are refused: the clock is too far from the store's
	Why        string `json:"why,omitempty"`        // why no calls should be sent here
}

func (d *directory) following(ctx context.Context) *following {
	if d.follower == nil {
		return nil
	}
	lag, age := d.follower.Lag(), d.booksAge()
	return &following{
		Current: lag.Err == nil && lag.Events == 0 && age < behindMax, AgeSeconds: int(age / time.Second), Behind: lag.Events, More: lag.More,
		Lost: lag.Err != nil, ClockApart: d.ledger.ClockApart(ctx), Why: d.behind(ctx),
	}
}

// booksAge is how long ago the books were last known to have everything that was stored; 0 where nobody else stores.
func (d *directory) booksAge() time.Duration {
	if d.follower == nil {
		return 0
	}
	current := d.follower.Lag().Current
	if current.IsZero() {
		current = d.began
	}
	return time.Since(current)
}

// behind is why a node should get no calls; empty when it may.
func (d *directory) behind(ctx context.Context) string {
	switch {
	case d.follower == nil:
		return ""
	case d.ledger.ClockApart(ctx):
		return "the clock is too far from the store's"
	case d.booksAge() > behindMax:
		return "behind the store"
	}
	return ""
}

// serving is what gRPC's health service answers: the log is sound, and a node is neither behind nor without touch.
func (d *directory) serving() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return d.sound() && d.behind(ctx) == ""
}

// auditPause is the time between two rounds of the self check.
func (d *directory) auditPause() time.Duration {
	if d.cluster != nil {
		return nodeAuditPause
	}
	return auditPause
}
