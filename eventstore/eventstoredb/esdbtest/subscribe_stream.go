package esdbtest

import "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

// subscribeStream follows one stream, which need not exist yet.
func (r *reader) subscribeStream(o *streams.ReadReq_Options_StreamOptions) error {
	v := r.view()
	if v.tombstoned(r.name) {
		return streamDeleted(r.name)
	}
	head := v.stream(r.name)
	at := int64(-1) // the last number sent, or named by the client
	switch from := o.GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Start:
	case *streams.ReadReq_Options_StreamOptions_End:
		at = head.last()
	case *streams.ReadReq_Options_StreamOptions_Revision:
		var err error
		if at, err = revisionOf(from.Revision); err != nil {
			return err
		}
		if at < 0 {
			at = head.last()
		}
	default:
		return invalidArgument("'None' is not a valid revision option")
	}
	s, err := r.newSubscription()
	if err != nil {
		return err
	}
	live := at >= head.last()
	for {
		if !live {
			if at, err = s.catchUpStream(at); err != nil {
				return err
			}
		}
		if at, err = s.followStream(at); err != nil {
			return err
		}
		live = false
	}
}

// catchUpStream sends what a reader of the stream would see behind at.
func (s *subscription) catchUpStream(at int64) (int64, error) {
	for {
		v := s.view()
		if v.tombstoned(s.name) {
			return at, streamDeleted(s.name)
		}
		stream, m := v.stream(s.name), v.metadata(s.name)
		from := max(at+1, firstVisible(stream.events, m, s.service.now()))
		for _, r := range stream.events[min(from, int64(len(stream.events))):] {
			if err := s.event(v, r); err != nil {
				return at, err
			}
			at = r.number
		}
		if err := s.call.cause(); err != nil {
			return at, err
		}
		if from > stream.last() {
			return max(at, stream.last()), nil
		}
	}
}

// followStream sends what is written behind at. A tombstone is sent as well and ends it.
func (s *subscription) followStream(at int64) (int64, error) {
	if err := s.caughtUp(); err != nil {
		return at, err
	}
	for {
		v := s.view()
		stream := v.stream(s.name)
		for buffered := 0; at < stream.last(); {
			if buffered++; buffered > s.service.options.LiveBuffer {
				return at, s.overflow()
			}
			if err := s.event(v, stream.events[at+1]); err != nil {
				return at, err
			}
			at++
		}
		if stream.tombstone != nil {
			if err := s.event(v, stream.tombstone); err != nil {
				return at, err
			}
			return at, streamDeleted(s.name)
		}
		if s.pushedBack() {
			return at, s.overflow()
		}
		if err := s.wait(v); err != nil {
			return at, err
		}
	}
}
