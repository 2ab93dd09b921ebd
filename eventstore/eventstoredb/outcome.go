package eventstoredb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// Why the cluster did not do what was asked. Each comes wrapped in a sentence that says what was attempted.
var (
	// ErrUnknown says that an append may or may not have been stored, or may still be: the connection broke or the server did
	// not answer in time, and asking again did not tell.
	ErrUnknown = errors.New("the outcome of the append is not known")
	// ErrUnreachable says that no leader answered in time. Nothing was stored.
	ErrUnreachable = errors.New("the event store cannot be reached")
	// ErrDenied says that the login is wrong or may not do this. Nothing was stored.
	ErrDenied = errors.New("the event store denies it to this login")
	// ErrRewound says that the store ends before a position that it has given: it was put back to an older state.
	ErrRewound = errors.New("the event store ends before what it gave earlier: an older copy took its place")
)

// errBehind says that a member shows less than was seen before.
var errBehind = errors.New("this member is behind what was seen before")

// verdict is what an answer of the server means for the call.
type verdict int

const (
	final   verdict = iota // as it is, for good
	moved                  // this member is not the leader; nothing was done
	again                  // nothing was done; another try may succeed
	unclear                // it may have been done: another try has to be the same to the byte
)

// What the server writes into trailers (EventStoreDB 24.6, Constants.cs).
const (
	trailerException  = "exception"
	trailerLeaderHost = "leader-endpoint-host"
	trailerLeaderPort = "leader-endpoint-port"
	trailerAppendMax  = "maximum-append-size"
	textNoLeader      = "No leader info available" // of the status Unknown: not the leader, without trailers, because nobody is

	exceptionNotLeader     = "not-leader"
	exceptionDeleted       = "stream-deleted"
	exceptionAppendTooBig  = "maximum-append-size-exceeded"
	exceptionEventTooBig   = "maximum-append-event-size-exceeded"
	exceptionAccessDenied  = "access-denied"
	exceptionNotAuthorised = "not-authenticated"
)

// judge says what the end of a call means, and puts a known cause into the error. leader is where the leader is, if told.
func judge(err error, trailer metadata.MD) (v verdict, leader string, out error) {
	first := func(key string) string {
		if values := trailer.Get(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	switch first(trailerException) {
	case exceptionNotLeader:
		if host, port := first(trailerLeaderHost), first(trailerLeaderPort); host != "" && port != "" {
			leader = net.JoinHostPort(host, port)
		}
		return moved, leader, err
	case exceptionDeleted:
		return final, "", eventstore.ErrDeleted
	case exceptionAppendTooBig, exceptionEventTooBig:
		return final, "", fmt.Errorf("%w: the server takes %s bytes", eventstore.ErrTooLarge, first(trailerAppendMax))
	case exceptionAccessDenied, exceptionNotAuthorised:
		return final, "", fmt.Errorf("%w (%v)", ErrDenied, err)
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return final, "", fmt.Errorf("%w (%v)", ErrDenied, err)
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Canceled, codes.Internal, codes.ResourceExhausted:
		return unclear, "", err
	case codes.Unknown:
		if strings.Contains(status.Convert(err).Message(), textNoLeader) {
			return moved, "", err
		}
		if _, isStatus := status.FromError(err); !isStatus || errors.Is(err, io.EOF) {
			return unclear, "", err
		}
	}
	return final, "", err
}

// because keeps a failure's text without its identity: a status that says Canceled must not pass for the caller's context, nor a
// conflict after an unclear try for one that stored nothing. That the login was refused may be known.
func because(kind, err error) error {
	switch {
	case err == nil || errors.Is(err, kind):
		return kind
	case errors.Is(err, ErrDenied):
		return fmt.Errorf("%w: %w", kind, err)
	}
	return fmt.Errorf("%w: %v", kind, err)
}
