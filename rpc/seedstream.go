package rpc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// SeedStreams keeps seeds in streams person-<uuid> of a store, one a record, each of one PersonalDataKept: the slot of the person says
// what the seed is of, the slot of the reason holds it in base64, the others are decoys. Whoever deletes the stream erases the seed.
type SeedStreams struct{ Store eventstore.Store }

const personStream = "person-"

// slots is the number of fields of a record of personal data.
const slots = int(eventv1.PersonalField_PERSONAL_FIELD_REASON)

// Keep implements SeedKeeper.
func (k SeedStreams) Keep(ctx context.Context, collective string, seed Seed) error {
	kept := &eventv1.PersonalDataKept{Record: seed.Record[:], CollectiveId: collective, Slots: make([]*eventv1.PersonalSlot, slots)}
	values := map[eventv1.PersonalField]string{
		eventv1.PersonalField_PERSONAL_FIELD_PERSON: seed.Round,
		eventv1.PersonalField_PERSONAL_FIELD_REASON: base64.StdEncoding.EncodeToString(seed.Value[:]),
	}
	for i := range kept.Slots {
		field := eventv1.PersonalField(i + 1)
		kept.Slots[i] = slotOf(seed.Origin+"/"+uuid.UUID(seed.Record).String(), field, values[field])
	}
	e := &eventv1.Event{Version: 1, RecordedAt: time.Now().UnixMicro(), Fact: &eventv1.Event_PersonalDataKept{PersonalDataKept: kept}}
	stored, err := ledger.Encode(e)
	if err != nil {
		return err
	}
	stream := personStream + uuid.UUID(seed.Record).String()
	if _, err := k.Store.Append(ctx, stream, 0, []eventstore.NewEvent{stored}); err != nil {
		return fmt.Errorf("keep the seed of %s: %w", seed.Round, err)
	}
	return nil
}

// slotOf commits to a value under a salt of its own, as records of personal data do: SHA-256 of 0x00, "mingzhang/commit@v1\n", the salt, then
// scope, name of the field and value, each behind its length in 4 bytes. Without a value it is a decoy.
func slotOf(scope string, field eventv1.PersonalField, value string) *eventv1.PersonalSlot {
	slot := &eventv1.PersonalSlot{Commitment: make([]byte, sha256.Size)}
	if value == "" {
		_, _ = rand.Read(slot.Commitment)
		return slot
	}
	slot.Salt, slot.Value = make([]byte, sha256.Size), value
	_, _ = rand.Read(slot.Salt)
	b := append([]byte("\x00mingzhang/commit@v1\n"), slot.Salt...)
	name := strings.ToLower(strings.TrimPrefix(field.String(), "PERSONAL_FIELD_"))
	for _, text := range []string{scope, name, value} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	digest := sha256.Sum256(b)
	slot.Commitment = digest[:]
	return slot
}

// Seed implements SeedKeeper.
func (k SeedStreams) Seed(ctx context.Context, record [16]byte) (Seed, error) {
	stream := personStream + uuid.UUID(record).String()
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
	if len(kept.GetSlots()) != slots || string(kept.Record) != string(record[:]) {
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
