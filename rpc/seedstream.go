package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
)

// SeedStreams keeps seeds in streams person-<uuid> of a store, one a record, each of one PersonalDataKept: the slot of the person says
// what the seed is of, the slot of the reason holds it in base64, the others are decoys. Whoever deletes the stream erases the seed.
type SeedStreams struct{ Store eventstore.Store }

// Keep implements SeedKeeper.
func (k SeedStreams) Keep(ctx context.Context, collective string, seed Seed) error {
	kept := people.Make(seed.Record, seed.Origin, collective, people.Values{
		eventv1.PersonalField_PERSONAL_FIELD_PERSON: seed.Round,
		eventv1.PersonalField_PERSONAL_FIELD_REASON: base64.StdEncoding.EncodeToString(seed.Value[:]),
	})
	e := &eventv1.Event{Version: 1, RecordedAt: time.Now().UnixMicro(), Fact: &eventv1.Event_PersonalDataKept{PersonalDataKept: kept}}
	stored, err := ledger.Encode(e)
	if err != nil {
		return err
	}
	stream := people.StreamPrefix + uuid.UUID(seed.Record).String()
	if _, err := k.Store.Append(ctx, stream, 0, []eventstore.NewEvent{stored}); err != nil {
		return fmt.Errorf("keep the seed of %s: %w", seed.Round, err)
	}
	return nil
}

// Seed implements SeedKeeper.
func (k SeedStreams) Seed(ctx context.Context, record [16]byte) (Seed, error) {
	stream := people.StreamPrefix + uuid.UUID(record).String()
	for stored, err := range k.Store.Read(ctx, stream, 0) {
		if errors.Is(err, eventstore.ErrDeleted) {
			return Seed{}, ErrNoSeed
		}
		if err != nil {
			return Seed{}, fmt.Errorf("read the seed %s: %w", stream, err)
		}
		e, err := ledger.Decode(stored)
		if err != nil {
			return Seed{}, err
		}
		return seedOf(stored, record, e.GetPersonalDataKept())
	}
	return Seed{}, ErrNoSeed
}

// seedOf reads a kept record; an erased slot has no value.
func seedOf(stored eventstore.Event, record [16]byte, kept *eventv1.PersonalDataKept) (Seed, error) {
	damaged := &eventstore.CorruptError{Stream: stored.Stream, Version: stored.Version, Reason: "it is no record of a seed"}
	if len(kept.GetSlots()) != people.Slots || string(kept.Record) != string(record[:]) {
		return Seed{}, damaged
	}
	text := kept.Slots[eventv1.PersonalField_PERSONAL_FIELD_REASON-1].Value
	if text == "" {
		return Seed{}, ErrNoSeed
	}
	value, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(value) != sha256.Size {
		return Seed{}, damaged
	}
	return Seed{Record: record, Round: kept.Slots[eventv1.PersonalField_PERSONAL_FIELD_PERSON-1].Value, Value: [sha256.Size]byte(value)}, nil
}
