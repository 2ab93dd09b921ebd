package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Sizes of a record's tree.
const (
	Slots     = 8  // commitments of a record
	SaltBytes = 32 // of each
	depth     = 3  // hashes from a leaf to the root
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// ErrOpening says that something does not open what it was held to: another value, salt, field, record or log.
var ErrOpening = errors.New("it does not open the commitment")

// slots are the names of the fields in their order; the first is of PERSONAL_FIELD_PERSON.
var slots = [Slots]string{"person", "name", "mask", "id_no", "phone", "bank_account", "address", "reason"}

// FieldName is the name of a slot, e.g. id_no; empty for none.
func FieldName(f eventv1.PersonalField) string {
	if f < 1 || f > Slots {
		return ""
	}
	return slots[f-1]
}

// FieldOf finds a slot by its name.
func FieldOf(name string) (f eventv1.PersonalField, ok bool) {
	for i, s := range slots {
		if s == name {
			return eventv1.PersonalField(i + 1), true
		}
	}
	return 0, false
}

// Values are what is known of a person, by field.
type Values map[eventv1.PersonalField]string

// Scope is what every commitment of a record is bound to.
func Scope(origin string, record uuid.UUID) string { return origin + "/" + record.String() }

// Commit makes one commitment.
func Commit(salt [SaltBytes]byte, scope, field, value string) Hash {
	b := append(make([]byte, 0, 256), 0)
	b = append(b, "mingzhang/commit@v1\n"...)
	b = append(b, salt[:]...)
	for _, s := range []string{scope, field, value} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return sha256.Sum256(b)
}

// New makes a record of values that were normalised: commitments with new salts, and decoys where there is no value.
func New(origin, collective string, values Values) *eventv1.PersonalDataKept {
	return Make(uuid.New(), origin, collective, values)
}

// Make is New for a record whose id was chosen before.
func Make(id uuid.UUID, origin, collective string, values Values) *eventv1.PersonalDataKept {
	kept := &eventv1.PersonalDataKept{Record: id[:], CollectiveId: collective}
	for i := range slots {
		slot := &eventv1.PersonalSlot{Commitment: random()}
		if value, given := values[eventv1.PersonalField(i+1)]; given {
			slot.Salt, slot.Value = random(), value
			commitment := Commit([SaltBytes]byte(slot.Salt), Scope(origin, id), slots[i], value)
			slot.Commitment = commitment[:]
		}
		kept.Slots = append(kept.Slots, slot)
	}
	return kept
}

func random() []byte {
	b := make([]byte, SaltBytes)
	rand.Read(b) // never fails
	return b
}

// Root is the root over a record's commitments. The record is one that New made or Check has looked at.
func Root(kept *eventv1.PersonalDataKept) Hash {
	return tree(kept)[0][0]
}

// tree gives the levels of the tree, the root first.
func tree(kept *eventv1.PersonalDataKept) [depth + 1][]Hash {
	var levels [depth + 1][]Hash
	for _, s := range kept.Slots {
		levels[depth] = append(levels[depth], Hash(s.Commitment))
	}
	for d := depth - 1; d >= 0; d-- {
		below := levels[d+1]
		for i := 0; i < len(below); i += 2 {
			levels[d] = append(levels[d], node(below[i], below[i+1]))
		}
	}
	return levels
}

func node(left, right Hash) Hash {
	b := append(make([]byte, 0, 1+2*sha256.Size), 1)
	return sha256.Sum256(append(append(b, left[:]...), right[:]...))
}

// Check holds a record to what the log has of it: its form, the root over its commitments, and that every value in it opens its
// own. Its errors wrap ErrOpening and have no value in them.
func Check(kept *eventv1.PersonalDataKept, origin string, record uuid.UUID, root Hash) error {
	if string(kept.Record) != string(record[:]) || len(kept.Slots) != Slots {
		return fmt.Errorf("record %v: %w: it is another record", record, ErrOpening)
	}
	for i, s := range kept.Slots {
		if len(s.Commitment) != sha256.Size || len(s.Salt) != 0 && len(s.Salt) != SaltBytes || len(s.Salt) == 0 && s.Value != "" {
			return fmt.Errorf("record %v: %w: the slot %s has the wrong form", record, ErrOpening, slots[i])
		}
		if len(s.Salt) > 0 && Commit([SaltBytes]byte(s.Salt), Scope(origin, record), slots[i], s.Value) != Hash(s.Commitment) {
			return fmt.Errorf("record %v: the slot %s: %w", record, slots[i], ErrOpening)
		}
	}
	if Root(kept) != root {
		return fmt.Errorf("record %v: %w: the root is another than the log's", record, ErrOpening)
	}
	return nil
}

// Given says whether a field has a value: it was given and not erased.
func Given(kept *eventv1.PersonalDataKept, f eventv1.PersonalField) bool {
	return kept != nil && len(kept.Slots[f-1].Salt) > 0
}

// without is a record after fields were erased: of those only the commitments are left.
func without(kept *eventv1.PersonalDataKept, erased func(eventv1.PersonalField) bool) *eventv1.PersonalDataKept {
	left := &eventv1.PersonalDataKept{Record: kept.Record, CollectiveId: kept.CollectiveId}
	for i, s := range kept.Slots {
		if erased(eventv1.PersonalField(i + 1)) {
			s = &eventv1.PersonalSlot{Commitment: s.Commitment}
		}
		left.Slots = append(left.Slots, s)
	}
	return left
}
