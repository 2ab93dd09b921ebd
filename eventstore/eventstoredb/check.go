package eventstoredb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// streamMetadata is what the server keeps about a stream in its metastream, "$$" and the name.
type streamMetadata struct {
	TruncateBefore *int64 `json:"$tb"`
	MaxCount       *int64 `json:"$maxCount"`
	MaxAge         *int64 `json:"$maxAge"`
}

const (
	metaPrefix = "$$"
	metaType   = "$metadata"
)

// hides says what the metadata hides of the stream; empty when nothing.
func (m streamMetadata) hides() string {
	var found []string
	for _, one := range []struct {
		name  string
		value *int64
	}{{"$tb", m.TruncateBefore}, {"$maxCount", m.MaxCount}, {"$maxAge", m.MaxAge}} {
		if one.value != nil {
			found = append(found, fmt.Sprintf("%s %d", one.name, *one.value))
		}
	}
	return strings.Join(found, ", ")
}

// Hidden says what somebody has told the server to hide or remove of a stream ($tb, $maxCount, $maxAge; a soft deletion is a $tb):
// empty when nothing. mingzhang never does.
func (s *Store) Hidden(ctx context.Context, stream string) (string, error) {
	var hidden string
	v, err := s.attempt(ctx, func(ctx context.Context, m *member, _ *patience) (v verdict, leader string, err error) {
		hidden, v, leader, err = readHidden(ctx, m, stream)
		return v, leader, err
	})
	if err != nil {
		return "", fmt.Errorf("metadata of stream %s: %w", stream, s.failure(ctx, v, err))
	}
	return hidden, nil
}

// readHidden asks a member once.
func readHidden(ctx context.Context, m *member, stream string) (hidden string, v verdict, leader string, err error) {
	var found streamMetadata
	last, v, leader, err := readLast(ctx, m, metaPrefix+stream)
	switch {
	case errors.Is(err, eventstore.ErrDeleted):
		return "", final, "", nil
	case errors.Is(err, ErrDenied):
		return "", final, "", nil // without the right to look; what is hidden then shows as a gap
	case err == nil && last != nil:
		_ = json.Unmarshal(last.data, &found) // the server, too, takes what it cannot read for nothing
	}
	return found.hides(), v, leader, err
}

// checkAbsent is called for a stream that shows no events: a *eventstore.CorruptError says that they are only hidden.
func (s *Store) checkAbsent(ctx context.Context, stream string) error {
	hidden, err := s.Hidden(ctx, stream)
	if err == nil && hidden != "" {
		return isHidden(stream, hidden)
	}
	return err
}

func isHidden(stream, how string) error {
	return &eventstore.CorruptError{Stream: stream, Version: 1, Reason: "somebody told the server to hide or remove its events: " + how}
}

// meddled takes the metadata that somebody has just given a stream, as a subscription shows it. From then on nothing more is appended
// to a stream of which something is hidden, until that is taken back: a node that has it in memory would not notice otherwise.
func (s *Store) meddled(stream string, e *recorded) {
	if string(e.kind) != metaType || eventstore.CheckStream(stream) != nil {
		return
	}
	var found streamMetadata
	_ = json.Unmarshal(e.data, &found) // what cannot be read hides nothing
	hidden := found.hides()
	if hidden == "" {
		s.hidden.Delete(stream)
		return
	}
	if _, known := s.seen.m.Load(stream); known {
		s.logger.Error("event store: somebody told the server to hide or remove events", "stream", stream, "how", hidden)
		s.hidden.Store(stream, hidden)
	}
}

// checkMeddled refuses a stream of which a subscription has shown that something is hidden.
func (s *Store) checkMeddled(stream string) error {
	if hidden, ok := s.hidden.Load(stream); ok {
		return isHidden(stream, hidden.(string))
	}
	return nil
}
