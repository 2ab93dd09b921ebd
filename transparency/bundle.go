package transparency

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

var errBundleForm = errors.New("it is not the entries of its size, each behind its length")

// appendBundled puts an entry into a bundle.
func appendBundled(bundle, entry []byte) ([]byte, error) {
	if len(entry) > entryBytesMax {
		return nil, fmt.Errorf("an entry has %d bytes, more than %d", len(entry), entryBytesMax)
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...), nil
}

// splitBundle gives the entries of a bundle: exactly so many, and not a byte more. They share its memory.
func splitBundle(bundle []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for range width {
		if len(bundle) < 2 {
			return nil, errBundleForm
		}
		n := int(binary.BigEndian.Uint16(bundle))
		if bundle = bundle[2:]; len(bundle) < n {
			return nil, errBundleForm
		}
		entries = append(entries, bundle[:n:n])
		bundle = bundle[n:]
	}
	if len(bundle) > 0 {
		return nil, errBundleForm
	}
	return entries, nil
}

// ParseEntry takes the entry of a leaf apart, as Entry made it for the log origin. The data shares its memory. What is not
// exactly of that form, or of a size that no event has, is refused.
func ParseEntry(origin string, entry []byte) (eventType string, data []byte, err error) {
	return parseEntry(origin, entryStart(origin), entry)
}

// parseEntry is ParseEntry with what begins every entry of the log.
func parseEntry(origin, start string, entry []byte) (eventType string, data []byte, err error) {
	if len(entry) < len(start) || string(entry[:len(start)]) != start {
		return "", nil, fmt.Errorf("the entry is not of the log %s", origin)
	}
	name, data, ok := bytes.Cut(entry[len(start):], []byte("\n\n"))
	if !ok || !typeOK(string(name)) {
		return "", nil, errors.New("the entry has no type of an event")
	}
	eventType = string(name)
	if err := eventstore.CheckAppend("entry", []eventstore.NewEvent{{Type: eventType, Data: data}}); err != nil {
		return "", nil, fmt.Errorf("no store takes the event of the entry: %w", err)
	}
	return eventType, data, nil
}
