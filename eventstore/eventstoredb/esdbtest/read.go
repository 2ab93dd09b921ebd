package esdbtest

import (
	"math"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
)

// Read is every way to read: a stream or $all, either way or as a subscription.
func (s *service) Read(req *streams.ReadReq, stream streams.Streams_ReadServer) error {
	options := req.GetOptions()
	name := "$all"
	if options.GetStream() != nil {
		name = string(options.GetStream().GetStreamIdentifier().GetStreamName())
	}
	_, subscribe := options.GetCountOption().(*streams.ReadReq_Options_Subscription)
	method := "Read"
	if subscribe {
		method = "Subscribe"
	}
	call, err := s.open(stream.Context(), method, name)
	if err != nil {
		return err
	}
	defer call.done()
	r, err := s.newReader(call, options, stream)
	if err != nil {
		return err
	}
	if name == "" {
		return handlerError("Value cannot be null. (Parameter 'streamIdentifier')")
	}
	if err := s.authorize(call, opRead, name); err != nil {
		return err
	}
	if err := call.readable(); err != nil {
		return err
	}
	r.name = name
	switch {
	case subscribe && options.GetStream() != nil:
		return r.subscribeStream(options.GetStream())
	case subscribe:
		return r.subscribeAll(options.GetAll())
	case options.GetStream() != nil:
		return r.readStream(options.GetStream())
	}
	return r.readAll(options.GetAll())
}

// reader is one call of Read under way.
type reader struct {
	service   *service
	call      *call
	stream    streams.Streams_ReadServer
	name      string
	backwards bool
	count     uint64
	ids       idForm
	links     bool
	compat    uint32
	filter    filter
	sent      int // events
}

// newReader checks the options and their combinations.
func (s *service) newReader(c *call, o *streams.ReadReq_Options, stream streams.Streams_ReadServer) (*reader, error) {
	r := &reader{service: s, call: c, stream: stream, links: o.GetResolveLinks(), compat: o.GetControlOption().GetCompatibility()}
	r.backwards = o.GetReadDirection() == streams.ReadReq_Options_Backwards
	switch o.GetUuidOption().GetContent().(type) {
	case *streams.ReadReq_Options_UUIDOption_Structured:
	case *streams.ReadReq_Options_UUIDOption_String_:
		r.ids = stringID
	default:
		return nil, invalidArgument("'None' is not a valid uuid option")
	}
	if o.GetStreamOption() == nil {
		return nil, invalidArgument("'None' is not a valid stream option")
	}
	subscribe := false
	switch c := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Count:
		r.count = c.Count
	case *streams.ReadReq_Options_Subscription:
		subscribe = true
	default:
		return nil, invalidArgument("'None' is not a valid count option")
	}
	switch f := o.GetFilterOption().(type) {
	case *streams.ReadReq_Options_Filter:
		if o.GetStream() != nil {
			return nil, invalidArgument("The combination of (Stream, Filter) is invalid.")
		}
		var err error
		if r.filter, err = newFilter(f.Filter); err != nil {
			return nil, err
		}
		if subscribe && r.filter.interval == 0 {
			return nil, handlerError("Specified argument was out of the range of valid values. (Parameter 'checkpointIntervalMultiplier')")
		}
	case *streams.ReadReq_Options_NoFilter:
	default:
		return nil, invalidArgument("'None' is not a valid filter option")
	}
	if subscribe && r.backwards {
		return nil, invalidArgument("The combination of (Backwards, Subscription) is invalid.")
	}
	return r, nil
}

func (r *reader) view() view { return r.service.log.view(r.service.lag()) }

// readStream sends a range of a stream, or that there is none.
func (r *reader) readStream(o *streams.ReadReq_Options_StreamOptions) error {
	if r.count == 0 {
		return handlerError("Specified argument was out of the range of valid values. (Parameter 'maxCount')")
	}
	v := r.view()
	if v.tombstoned(r.name) {
		return streamDeleted(r.name)
	}
	s, m := v.stream(r.name), v.metadata(r.name)
	if len(s.events) == 0 || m.deleted() {
		return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.name)}}}})
	}
	first := firstVisible(s.events, m, r.service.now())
	from, err := r.startOf(o, s.last())
	if err != nil {
		return err
	}
	before := r.sent
	if r.backwards {
		from = min(from, s.last())
		for i := from; i >= first && uint64(from-i) < r.count; i-- {
			if err := r.event(v, s.events[i]); err != nil {
				return err
			}
		}
	} else {
		from = max(from, first)
		for i := from; i <= s.last() && uint64(i-from) < r.count; i++ {
			if err := r.event(v, s.events[i]); err != nil {
				return err
			}
		}
	}
	return r.positions(s.last(), first, from, r.sent == before)
}

// positions tells newer clients, who ask for it, where the stream begins and ends. Clients that did not ask fail on it.
func (r *reader) positions(last, first, from int64, empty bool) error {
	if r.compat < 1 {
		return nil
	}
	if empty && from != first {
		if err := r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_FirstStreamPosition{FirstStreamPosition: uint64(first)}}); err != nil {
			return err
		}
	}
	return r.stream.Send(&streams.ReadResp{Content: &streams.ReadResp_LastStreamPosition{LastStreamPosition: uint64(last)}})
}

func (r *reader) startOf(o *streams.ReadReq_Options_StreamOptions, last int64) (int64, error) {
	switch from := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Start:
		return 0, nil
	case *streams.ReadReq_Options_StreamOptions_Revision:
		n, err := revisionOf(from.Revision)
		if err != nil || n >= 0 {
			return n, err
		}
	case *streams.ReadReq_Options_StreamOptions_End:
	default:
		return 0, invalidArgument("'None' is not a valid revision option")
	}
	if !r.backwards {
		return 0, handlerError("Specified argument was out of the range of valid values. (Parameter 'fromEventNumber')")
	}
	return last, nil
}

// readAll sends a range of the log: forwards from a position on, backwards from before it.
func (r *reader) readAll(o *streams.ReadReq_Options_AllOptions) error {
	if r.count == 0 { // the server reads pages of nothing for ever; here until the caller has enough
		<-r.stream.Context().Done()
		return received(r.stream.Context().Err())
	}
	v := r.view()
	from, err := allPositionOf(o.GetAllOption())
	if err != nil {
		return err
	}
	if from != nowhere && !v.boundary(from) {
		return newFault(codes.Unknown, "Unexpected ReadAllResult: InvalidPosition")
	}
	sent := uint64(0)
	if r.backwards {
		i := len(v.all)
		if from != nowhere {
			i = v.after(from)
			for i > 0 && !v.all[i-1].position().less(from) {
				i--
			}
		}
		for i--; i >= 0 && sent < r.count; i-- {
			if r.filter.matches(v.all[i]) {
				sent++
				if err := r.event(v, v.all[i]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if from == nowhere {
		return nil
	}
	i := v.after(from)
	if i > 0 && v.all[i-1].position() == from {
		i--
	}
	for ; i < len(v.all) && sent < r.count; i++ {
		if r.filter.matches(v.all[i]) {
			sent++
			if err := r.event(v, v.all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// allPositionOf is nowhere for the end.
func allPositionOf(option any) (position, error) {
	switch o := option.(type) {
	case *streams.ReadReq_Options_AllOptions_Start:
		return position{0, 0}, nil
	case *streams.ReadReq_Options_AllOptions_End:
		return nowhere, nil
	case *streams.ReadReq_Options_AllOptions_Position:
		commit, prepare := o.Position.GetCommitPosition(), o.Position.GetPreparePosition()
		if commit == math.MaxUint64 && prepare == math.MaxUint64 {
			return nowhere, nil
		}
		if commit < prepare || commit > math.MaxInt64 {
			return nowhere, handlerError("Specified argument was out of the range of valid values. (Parameter 'commitPosition')")
		}
		return position{int64(commit), int64(prepare)}, nil
	}
	return nowhere, invalidArgument("'None' is not a valid position option")
}

// event sends one record, with the one it links to if that is asked for.
func (r *reader) event(v view, rec *record) error {
	copies, err := r.call.event(r.sent + 1)
	if err != nil {
		return err
	}
	if r.sent%pageSize == 0 { // somebody may have ended the call: a new leader, a stop
		if err := r.call.cause(); err != nil {
			return err
		}
	}
	r.sent++
	var message any = rec.answer(r.ids)
	if r.links && rec.kind == linkKind {
		message = r.resolved(v, rec)
	}
	for range copies {
		if err := r.stream.SendMsg(message); err != nil {
			return err
		}
	}
	return nil
}

// resolved is a link with its event, or the link alone if there is nothing behind it.
func (r *reader) resolved(v view, link *record) *streams.ReadResp {
	e := &streams.ReadResp_ReadEvent{
		Link:     link.message(r.ids),
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: uint64(link.offset)},
	}
	number, name, _ := strings.Cut(string(link.data), "@")
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if s := v.stream(name); n >= 0 && n <= s.last() && n >= firstVisible(s.events, v.metadata(name), r.service.now()) {
			e.Event = s.events[n].message(r.ids)
		}
	}
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: e}}
}
