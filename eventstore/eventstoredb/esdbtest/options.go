package esdbtest

import (
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
)

// Options say what kind of server to be. The zero value is an insecure single node of 24.6 in memory on a free loopback port.
type Options struct {
	// Log is the database to serve; several servers may share one. Nil: a new one, in Dir if that is set.
	Log *Log
	// Dir holds the file of the log and, with TLS, the certificates. Empty: memory alone, and certificates in a temporary
	// directory that Close removes.
	Dir string
	// Sync makes every append wait for the disk, shared among the writers that wait at once. It needs Dir.
	Sync bool
	// Listen is host:port; empty is a free port of 127.0.0.1 below the range that the system gives to outgoing connections,
	// so that nobody takes it while the server is stopped.
	Listen string
	// Now is the clock of the server: creation times, $maxAge, gossip. Nil is the real one. It must be safe for concurrent use.
	Now func() time.Time

	// Version is what the server says it is, three numbers; empty is 24.6.0.
	Version string
	// NoServerFeatures leaves the service of features out, as servers before 21 did.
	NoServerFeatures bool
	// NoBatchAppend leaves batchappend out of the supported methods; clients of other languages then use Append.
	NoBatchAppend bool
	// Members answers gossip instead of what the server knows of itself.
	Members func() []*gossip.MemberInfo

	// MaxAppendSize is the largest append in bytes; 0 is 1 MiB.
	MaxAppendSize int
	// StrictSize counts data, metadata and twice the length of the type as 24.10.4 and later do; false counts data alone.
	StrictSize bool
	// WriteTimeout bounds the deadline of one batch append; 0 is the server's 2 s.
	WriteTimeout time.Duration
	// RememberIDs is how many event ids the server remembers for idempotence of appends at any version; 0 is 65,536. They
	// are lost at every start, as the real server's are.
	RememberIDs int

	// TLS serves with a certificate of an authority made at the first start.
	TLS bool
	// Users makes the server secure: every call but gossip and features needs one of these logins. Nil lets everything through.
	Users map[string]User

	// StrictKeepalive ends connections of clients that ping more often than every five minutes or without a call under way,
	// which is what grpc-go does by default and the real server does not.
	StrictKeepalive bool

	// GoingLive is what a filtered subscription to $all says when its catching up ends.
	GoingLive CheckpointQuirk
	// SlowConsumer is what happens to a subscription whose live buffer overflows.
	SlowConsumer SlowPolicy
	// LiveBuffer is how many events of a live subscription wait for its consumer; 0 is the server's 32.
	LiveBuffer int
	// FellBehind sends fell_behind before a subscription returns to catching up. No release of 24 does; later ones may.
	FellBehind bool
	// NoCaughtUp never sends caught_up, as servers before 23.10.
	NoCaughtUp bool
}

// CheckpointQuirk is the checkpoint that a filtered subscription to $all sends when it goes live: each range of releases has
// its own, two of them dangerous to a client that believes it.
type CheckpointQuirk int

const (
	// LastDelivered is 24.2 to 24.10.4: the last position delivered, and (MaxUint64, MaxUint64), the end of the log, when
	// nothing matched from the start and no interval was reached. Whoever resumes there loses events.
	LastDelivered CheckpointQuirk = iota
	// NoCheckpoint is up to 23.10: none.
	NoCheckpoint
	// PageStart is 25.0: where the last page started, (offset, 0). Its commit can be that of an event not yet sent.
	PageStart
)

// SlowPolicy is what a server does when a consumer is too slow for its live buffer.
type SlowPolicy int

const (
	// ReturnToCatchUp is 24.2 and later: nothing is said, the rest is read from the log, and caught_up comes once more.
	ReturnToCatchUp SlowPolicy = iota
	// DropSlow is up to 23.10: the subscription ends with Aborted, "Consumer too slow".
	DropSlow
)

// User is a login of a secure server.
type User struct {
	Password string
	Groups   []string // "$admins" may do everything
}

// Admin is the login that a new server is given by its makers, for Options.Users: admin, with the password changeit.
func Admin() map[string]User {
	return map[string]User{"admin": {Password: "changeit", Groups: []string{"$admins"}}}
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "24.6.0"
	}
	if o.MaxAppendSize == 0 {
		o.MaxAppendSize = 1 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 2 * time.Second
	}
	if o.RememberIDs == 0 {
		o.RememberIDs = 1 << 16
	}
	if o.LiveBuffer == 0 {
		o.LiveBuffer = 32
	}
}
