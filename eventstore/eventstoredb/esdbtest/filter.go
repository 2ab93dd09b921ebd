package esdbtest

import (
	"regexp"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// pageSize is how many events the server reads at once, and the window of a filter that names none.
const pageSize = 32

// filter picks events of $all by stream or by type. Its zero value picks all that are not hidden.
type filter struct {
	byType   bool
	prefixes []string
	regex    *regexp.Regexp
	window   int64 // events considered in one page
	interval int64 // events considered from one checkpoint to the next
	set      bool  // there is a filter, so there are checkpoints
}

// newFilter reads the options. The server takes .NET expressions; what RE2 cannot read is refused here.
func newFilter(o *streams.ReadReq_Options_FilterOptions) (filter, error) {
	f := filter{set: true, window: pageSize}
	expression := o.GetStreamIdentifier()
	switch o.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_EventType:
		f.byType = true
		expression = o.GetEventType()
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
	default:
		return f, invalidArgument("'None' is not a valid filter")
	}
	f.prefixes = expression.GetPrefix()
	if source := expression.GetRegex(); source != "" {
		var err error
		if f.regex, err = regexp.Compile(source); err != nil {
			return f, handlerError(err.Error())
		}
	}
	switch w := o.GetWindow().(type) {
	case *streams.ReadReq_Options_FilterOptions_Max:
		f.window = int64(w.Max)
	case *streams.ReadReq_Options_FilterOptions_Count:
	default:
		return f, invalidArgument("'None' is not a valid window")
	}
	f.interval = f.window * int64(o.GetCheckpointIntervalMultiplier())
	return f, nil
}

func (f *filter) matches(r *record) bool {
	if r.hidden() {
		return false
	}
	if !f.set {
		return true
	}
	value := r.stream
	if f.byType {
		value = r.kind
	}
	if f.regex != nil {
		return f.regex.MatchString(value)
	}
	for _, p := range f.prefixes {
		if strings.HasPrefix(value, p) {
			return true
		}
	}
	return len(f.prefixes) == 0
}
