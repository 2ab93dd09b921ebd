package eventstoredb

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
)

// EventID is the id of an event; the package comment says of what it is made.
func EventID(stream string, version uint64, data []byte) uuid.UUID {
	h := sha256.New()
	var head [160]byte // a stream name has 128 bytes at the most, a version 20 digits
	b := append(head[:0], stream...)
	b = append(b, '\n')
	b = strconv.AppendUint(b, version, 10)
	h.Write(append(b, '\n'))
	h.Write(data)
	var sum [sha256.Size]byte
	return uuid.UUID(h.Sum(sum[:0])[:16])
}

// wireID is an id as the server takes it.
func wireID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

func streamID(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}
