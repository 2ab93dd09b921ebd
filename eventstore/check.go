package eventstore

import "fmt"

// CheckAppend says whether an append keeps the limits of the port: nil, or an error that wraps ErrInvalid or ErrTooLarge
// and names the event. Every adapter asks it first, so that all of them refuse the same things.
func CheckAppend(stream string, events []NewEvent) error {
	if err := CheckStream(stream); err != nil {
		return err
	}
	total := 0
	for i, e := range events {
		switch {
		case !typeOK(e.Type):
			return fmt.Errorf("%w: event %d of %d for %s has the type %q", ErrInvalid, i+1, len(events), stream, e.Type)
		case len(e.Data) == 0:
			return fmt.Errorf("%w: event %d of %d for %s has no data", ErrInvalid, i+1, len(events), stream)
		case len(e.Data) > EventBytesMax:
			return fmt.Errorf("%w: event %d of %d for %s has %d bytes, the most is %d",
				ErrTooLarge, i+1, len(events), stream, len(e.Data), EventBytesMax)
		}
		total += e.Size()
	}
	if total > AppendBytesMax {
		return fmt.Errorf("%w: %d events for %s have %d bytes, the most is %d", ErrTooLarge, len(events), stream, total, AppendBytesMax)
	}
	return nil
}

// Size is what an event counts against AppendBytesMax: its data, and its type in two bytes a letter, which is how the strictest
// server counts (EventStoreDB since 24.10.4). All stores count so, for a log must fit into any of them.
func (e NewEvent) Size() int { return len(e.Data) + 2*len(e.Type) }

// CheckStream says whether a stream may have this name: nil, or an error that wraps ErrInvalid.
func CheckStream(name string) error {
	if name == "" || len(name) > StreamNameMax {
		return fmt.Errorf("%w: a stream name has 1 to %d bytes, this one has %d", ErrInvalid, StreamNameMax, len(name))
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return fmt.Errorf("%w: stream name %q has something else than printable ASCII without spaces", ErrInvalid, name)
		}
	}
	return nil
}

func typeOK(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= TypeNameMax
}
