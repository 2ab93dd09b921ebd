package esdbtest

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/emptypb"
)

// batch is one call of BatchAppend: many appends on one stream of requests, told apart by their correlation ids. Each is
// answered once, and a failed one ends nothing.
type batch struct {
	service *service
	stream  streams.Streams_BatchAppendServer
	caller  *call // whose login counts for all of them
	answers sync.WaitGroup

	mu      sync.Mutex // guards what follows, and sending
	pending map[uuid.UUID]*batched
	failed  error // sending failed, or an answer was to end the call
	closed  bool  // the call is over; a time-out that comes now is late
}

// batched is an append whose last request has not come.
type batched struct {
	correlation *shared.UUID
	id          *shared.StreamIdentifier
	expected    int64
	events      []proposal
	size        int
	expiry      *time.Timer
}

func (p *batched) name() string { return string(p.id.GetStreamName()) }

// BatchAppend receives until the client has said all, and answers as it goes.
func (s *service) BatchAppend(stream streams.Streams_BatchAppendServer) error {
	header, _ := metadata.FromIncomingContext(stream.Context())
	b := &batch{service: s, stream: stream, caller: &call{Call: Call{Header: header}}, pending: make(map[uuid.UUID]*batched)}
	err := b.receive()
	b.mu.Lock()
	for _, p := range b.pending {
		p.expiry.Stop()
	}
	clear(b.pending)
	b.mu.Unlock()
	b.answers.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if err != nil {
		return err
	}
	return b.failed
}

func (b *batch) receive() error {
	for {
		req, err := b.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return received(err)
		}
		if err := b.request(req); err != nil {
			return err
		}
		if err := b.failure(); err != nil {
			return nil // BatchAppend adds it
		}
	}
}

func (b *batch) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// request takes one request: options open an append, events grow it, is_final writes it. What has no options is ignored.
func (b *batch) request(req *streams.BatchAppendReq) error {
	correlation, ok := decodeID(req.GetCorrelationId())
	if !ok {
		return handlerError("Value cannot be null. (Parameter 'correlationId')")
	}
	if o := req.GetOptions(); o != nil {
		if refused, err := b.begin(correlation, req.GetCorrelationId(), o); err != nil || refused {
			return err
		}
	}
	b.mu.Lock()
	p := b.pending[correlation]
	b.mu.Unlock()
	if p == nil {
		return nil
	}
	for _, m := range req.GetProposedMessages() {
		e, err := newProposal(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata())
		if err != nil {
			if b.take(correlation) {
				b.refuse(p, codes.InvalidArgument, "Bad Request", &shared.BadRequest{Message: status.Convert(err).Message()})
			}
			return nil
		}
		p.size += b.service.sizeOf(e)
		p.events = append(p.events, e)
	}
	if limit := b.service.options.MaxAppendSize; p.size > limit {
		if b.take(correlation) {
			b.refuse(p, codes.InvalidArgument, "Maximum Append Size Exceeded", &shared.MaximumAppendSizeExceeded{MaxAppendSize: uint32(limit)})
		}
		return nil
	}
	if req.GetIsFinal() && b.take(correlation) {
		return b.write(p)
	}
	return nil
}

// begin opens an append. Its time runs from here: what is not complete in time is answered with a time-out.
func (b *batch) begin(correlation uuid.UUID, echo *shared.UUID, o *streams.BatchAppendReq_Options) (refused bool, err error) {
	p := &batched{correlation: echo, id: o.GetStreamIdentifier()}
	if err := b.service.authorize(b.caller, opWrite, p.name()); err != nil {
		if status.Code(err) != codes.PermissionDenied {
			return true, err
		}
		b.refuse(p, codes.PermissionDenied, "Access Denied", &shared.AccessDenied{})
		return true, nil
	}
	if p.name() == "" {
		b.refuse(p, codes.InvalidArgument, "Bad Request", &shared.BadRequest{Message: "Required field StreamIdentifier not set."})
		return true, nil
	}
	if p.expected, err = expectedOf(o.GetExpectedStreamPosition()); err != nil {
		b.refuse(p, codes.InvalidArgument, "Bad Request", &shared.BadRequest{Message: status.Convert(err).Message()})
		return true, nil
	}
	timeout := b.service.options.WriteTimeout
	switch d := o.GetDeadlineOption().(type) {
	case *streams.BatchAppendReq_Options_Deadline:
		timeout = min(timeout, d.Deadline.AsDuration())
	case *streams.BatchAppendReq_Options_Deadline_21_10_0:
		timeout = min(timeout, d.Deadline_21_10_0.AsTime().Sub(b.service.now()))
	}
	if timeout <= 0 {
		b.refuse(p, codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
		return true, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending[correlation] != nil {
		return false, nil // options are taken once
	}
	b.pending[correlation] = p
	p.expiry = time.AfterFunc(timeout, func() {
		if b.take(correlation) {
			b.refuse(p, codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
		}
	})
	return false, nil
}

// take ends the waiting of an append, once.
func (b *batch) take(correlation uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pending[correlation]
	if p == nil {
		return false
	}
	p.expiry.Stop()
	delete(b.pending, correlation)
	return true
}

// write appends what is complete. Only a server that does not lead ends the whole call.
func (b *batch) write(p *batched) error {
	s := b.service
	call, err := s.open(b.stream.Context(), "BatchAppend", p.name())
	if err == nil {
		if err = call.writable(); err != nil {
			call.done()
		}
	}
	if err != nil {
		return b.fault(p, err)
	}
	o, err := s.log.append(p.name(), p.expected, p.events, s.now())
	if err != nil {
		call.done()
		return handlerError(err.Error())
	}
	if call.action == nil || call.action.After == nil {
		call.done()
		b.answer(p, o)
		return nil
	}
	b.answers.Add(1) // the answer may take its time; the next append must not wait for it
	go func() {
		defer b.answers.Done()
		defer call.done()
		if err := call.after(); err == nil {
			b.answer(p, o)
		} else if err := b.fault(p, err); err != nil {
			b.mu.Lock()
			b.failed = err
			b.mu.Unlock()
		}
	}()
	return nil
}

// fault answers with what a fault of the server looks like here, or ends the call with it.
func (b *batch) fault(p *batched, err error) error {
	st := status.Convert(err)
	switch st.Code() {
	case codes.Unavailable: // a status without a code, by the source
		b.refuse(p, codes.OK, st.Message(), &emptypb.Empty{})
	case codes.Aborted:
		b.refuse(p, codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
	default:
		return err
	}
	return nil
}

func (b *batch) answer(p *batched, o outcome) {
	switch o.verdict {
	case gone:
		b.refuse(p, codes.NotFound, "Stream Deleted", &shared.StreamDeleted{StreamIdentifier: p.id})
		return
	case wrongVersion:
		b.refuse(p, codes.AlreadyExists, "WrongExpectedVersion", o.wrongVersionDetail())
		return
	}
	success := &streams.BatchAppendResp_Success{
		CurrentRevisionOption: &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(o.last)},
		PositionOption: &streams.BatchAppendResp_Success_Position{Position: &shared.AllStreamPosition{
			CommitPosition: uint64(o.at.commit), PreparePosition: uint64(o.at.prepare)}},
	}
	if o.last < 0 {
		success.CurrentRevisionOption = &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	}
	b.send(p, &streams.BatchAppendResp{Result: &streams.BatchAppendResp_Success_{Success: success}})
}

// refuse answers with an error; exactly one detail says which.
func (b *batch) refuse(p *batched, code codes.Code, message string, detail protoadapt.MessageV1) {
	st, err := status.New(codes.Unknown, message).WithDetails(detail)
	if err != nil {
		panic(err) // our own message
	}
	proto := st.Proto()
	proto.Code = int32(code)
	b.send(p, &streams.BatchAppendResp{Result: &streams.BatchAppendResp_Error{Error: proto}})
}

func (b *batch) send(p *batched, resp *streams.BatchAppendResp) {
	resp.CorrelationId, resp.StreamIdentifier = p.correlation, p.id
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if err := b.stream.Send(resp); err != nil && b.failed == nil {
		b.failed = err
	}
}

// wrongVersionDetail is the shared message, with Google's empty where the other one has its own.
func (o outcome) wrongVersionDetail() *shared.WrongExpectedVersion {
	empty := &emptypb.Empty{}
	w := &shared.WrongExpectedVersion{
		CurrentStreamRevisionOption:  &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(o.last)},
		ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: uint64(o.expected)},
	}
	if o.last < 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty}
	}
	switch o.expected {
	case anyVersion:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: empty}
	case streamExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: empty}
	case noStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: empty}
	}
	return w
}
