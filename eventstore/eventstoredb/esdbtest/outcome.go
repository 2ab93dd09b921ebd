package esdbtest

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// fault is a status with the trailers that tell a client which of the server's exceptions it was.
type fault struct {
	status   *status.Status
	trailers metadata.MD
}

func (f *fault) Error() string              { return f.status.Err().Error() }
func (f *fault) GRPCStatus() *status.Status { return f.status }

func newFault(code codes.Code, message string, trailers ...string) error {
	return &fault{status.New(code, message), metadata.Pairs(trailers...)}
}

// trailersOf are the trailers to send with err.
func trailersOf(err error) metadata.MD {
	var f *fault
	if errors.As(err, &f) {
		return f.trailers
	}
	return nil
}

// handlerError is what a client sees of an exception that nobody in the server expected.
func handlerError(message string) error {
	return newFault(codes.Unknown, "Exception was thrown by handler. "+message)
}

func invalidArgument(message string) error { return newFault(codes.InvalidArgument, message) }

func notReady() error { return newFault(codes.Unavailable, "Server Is Not Ready") }

func streamDeleted(name string) error {
	return newFault(codes.FailedPrecondition, fmt.Sprintf("Event stream '%s' is deleted.", name), "exception", "stream-deleted", "stream-name", name)
}

func tooBig(limit int) error {
	return newFault(codes.InvalidArgument, fmt.Sprintf("Maximum Append Size of %d Exceeded.", limit),
		"exception", "maximum-append-size-exceeded", "maximum-append-size", strconv.Itoa(limit))
}

func missingMetadata(property string) error {
	return newFault(codes.InvalidArgument, fmt.Sprintf("Required Metadata Property '%s' is missing", property),
		"exception", "missing-required-metadata-property", "required-metadata-properties", "type,content-type")
}

func accessDenied() error {
	return newFault(codes.PermissionDenied, "Access Denied", "exception", "access-denied")
}

func unauthenticated() error {
	return newFault(codes.Unauthenticated, "Bad gRPC response. HTTP status code: 401")
}

// notLeader names the leader by host:port.
func notLeader(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return newFault(codes.Unknown, "No leader info available in response")
	}
	return newFault(codes.NotFound, "Leader info available",
		"exception", "not-leader", "leader-endpoint-host", host, "leader-endpoint-port", port)
}

// received is an error of a receive that ended a call: the client's own doing, told as it is.
func received(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// appendAnswer is the answer of Append: a wrong version is an answer like success, a deleted stream is an error.
func (o outcome) appendAnswer() (*streams.AppendResp, error) {
	switch o.verdict {
	case gone:
		return nil, streamDeleted(o.stream)
	case wrongVersion:
		return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: o.wrongExpectedVersion()}}, nil
	}
	success := &streams.AppendResp_Success{
		PositionOption: &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{
			CommitPosition: uint64(o.at.commit), PreparePosition: uint64(o.at.prepare)}},
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(o.last)},
	}
	if o.last < 0 {
		success.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: success}}, nil
}

// wrongExpectedVersion fills both generations of fields: those of 20.6.0, which old clients read, and those after.
func (o outcome) wrongExpectedVersion() *streams.AppendResp_WrongExpectedVersion {
	empty := &shared.Empty{}
	w := &streams.AppendResp_WrongExpectedVersion{
		CurrentRevisionOption:         &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(o.last)},
		CurrentRevisionOption_20_6_0:  &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(o.last)},
		ExpectedRevisionOption:        &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(o.expected)},
		ExpectedRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(o.expected)},
	}
	if o.last < 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: empty}
	}
	switch o.expected {
	case anyVersion:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: empty}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: empty}
	case streamExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: empty}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: empty}
	case noStream: // the old fields have no such case: MaxUint64
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: empty}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: math.MaxUint64}
	}
	return w
}

// failure is the error of Delete and Tombstone, nil for success.
func (o outcome) failure(operation string) error {
	switch o.verdict {
	case gone:
		return streamDeleted(o.stream)
	case wrongVersion:
		expected, actual := strconv.FormatInt(o.expected, 10), strconv.FormatInt(o.last, 10)
		return newFault(codes.FailedPrecondition,
			fmt.Sprintf("%s failed due to WrongExpectedVersion. Stream: %s, Expected version: %s, Actual version: %s", operation, o.stream, expected, actual),
			"exception", "wrong-expected-version", "stream-name", o.stream, "expected-version", expected, "actual-version", actual)
	}
	return nil
}
