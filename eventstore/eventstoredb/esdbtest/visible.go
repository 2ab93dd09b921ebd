package esdbtest

import (
	"encoding/json"
	"sort"
	"strings"
	"time"
)

const (
	metadataKind  = "$metadata"
	tombstoneKind = "$streamDeleted"
	linkKind      = "$>"
)

// streamMetadata is what the last $metadata event of "$$" + stream says. What cannot be parsed says nothing, as on the server.
type streamMetadata struct {
	MaxCount *int64 `json:"$maxCount"`
	MaxAge   *int64 `json:"$maxAge"` // seconds
	Before   *int64 `json:"$tb"`     // first event that is still to be seen; deletedNumber: none, the stream is deleted
	ACL      *acl   `json:"$acl"`
}

func (m *streamMetadata) deleted() bool { return m.Before != nil && *m.Before == deletedNumber }

// metadata is that of the named stream. Streams of metadata show their last event alone.
func (v view) metadata(name string) *streamMetadata {
	if strings.HasPrefix(name, "$$") {
		one := int64(1)
		return &streamMetadata{MaxCount: &one}
	}
	return metadataOf(v.stream("$$" + name).events)
}

var noMetadata = &streamMetadata{}

// metadataOf parses the last of the events once.
func metadataOf(events []*record) *streamMetadata {
	if len(events) == 0 {
		return noMetadata
	}
	r := events[len(events)-1]
	if m := r.metadata.Load(); m != nil {
		return m
	}
	m := &streamMetadata{}
	if err := json.Unmarshal(r.data, m); err != nil {
		m = noMetadata
	}
	r.metadata.Store(m)
	return m
}

// metadataWith is the JSON of the last of the events with another $tb.
func metadataWith(events []*record, before int64) []byte {
	fields := make(map[string]any)
	if len(events) > 0 {
		old := make(map[string]json.RawMessage)
		if json.Unmarshal(events[len(events)-1].data, &old) == nil {
			for k, v := range old {
				fields[k] = v
			}
		}
	}
	fields["$tb"] = before
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // the fields were parsed a moment ago
	}
	return b
}

// firstVisible is the number of the first event that a reader of the stream sees; len(events) if none.
func firstVisible(events []*record, m *streamMetadata, now time.Time) int64 {
	first, n := int64(0), int64(len(events))
	if m.MaxCount != nil && *m.MaxCount > 0 {
		first = max(first, n-*m.MaxCount)
	}
	if m.Before != nil {
		first = max(first, *m.Before)
	}
	if m.MaxAge != nil && *m.MaxAge > 0 {
		oldest := ticks(now.Add(-time.Duration(*m.MaxAge) * time.Second))
		first = max(first, int64(sort.Search(len(events), func(i int) bool { return events[i].created >= oldest })))
	}
	return min(first, n)
}
