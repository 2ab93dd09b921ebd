// Package transparency finds every foreign edit of the log.
//
// Each stream of events is one RFC 6962 Merkle log. Store wraps an event store, extends the tree of a stream with every
// append, remembers the signed head of the tree in a file of its own, and checks the stored bytes against it whenever a
// stream is read from its beginning. A byte changed, an event dropped, added in the middle, repeated or moved behind the
// back of mingzhang stops that one stream, names it and the first wrong version, and is never repaired in silence.
//
// # Leaf
//
// Event n of a stream (Version n, from 1) is leaf n-1, so a stream at version n is a tree of size n. The entry of a leaf is
//
//	mingzhang/event@v1\n
//	origin <origin>\n
//	type <type>\n
//	\n
//	<the stored data, verbatim>
//
// and with 0x00, 0x01 one byte each and || for concatenation
//
//	leaf hash = SHA-256(0x00 || entry)
//	node hash = SHA-256(0x01 || left || right)
//	empty log = SHA-256 of nothing
//
// A tree of n > 1 leaves splits at the largest power of two below n (RFC 6962, section 2.1). The type is 1 to 64 bytes of
// [a-z0-9_] and is refused before it is hashed when it is not: a type with a line break in it could trade bytes with the
// data under the same hash. Position is not hashed, for copying a stream to another store changes it; nothing that matters
// may be taken from it.
//
// The origin names the log for ever, and is in the entry so that no event can be moved from one log to another. It is 1 to
// 200 bytes of printable ASCII without spaces and without '+'. An OriginFunc tells it from the first event of the stream.
//
// # Head
//
// A head is a C2SP tlog-checkpoint without extension lines, that is a C2SP signed note of exactly this text:
//
//	<origin>\n
//	<size, decimal, no leading zero>\n
//	<root hash, standard base64>\n
//
// It is signed with Ed25519 under the origin as the name of the key. The seed of the key is
//
//	HKDF-SHA256(secret, no salt, info = "mingzhang/logkey@v1\n<origin>\n<generation>", 32 bytes)
//
// from a root secret of 32 bytes; the first generation is 1. From a rotation (Rotation) on a head has a second signature, by the new key,
// until the old one is retired. A reader of heads parses, encodes again and demands equality, and takes at most 64 KiB.
//
// # Signer
//
// Heads are signed by a Signer: a LocalSigner in this process or a RemoteSigner behind a socket. It remembers the head it signed last of each
// log, durably and before it signs, and signs another only with a consistency proof between the two (RFC 6962, section 2.1.2), whichever
// is the earlier one; its memory only goes forward. The proof from the head signed last comes from the right edge of the tree there and
// the leaves since, so it costs as much as was appended. When a stream is loaded it is compared with that memory.
//
// # Files
//
//	heads/<stream>  the remembered head. Precious: without it an existing log is refused.
//	heads/<stream>.<size>
//	                a head of that size that more than one key has signed, kept when the older ones were retired.
//	nodes/<stream>  the leaf hashes in order, 32 bytes each. Derived: it may be deleted and is made again from the log.
//	nodes/<stream>.edge
//	                the right edge of the tree as it was not long ago: its size, 8 bytes little-endian, and the roots of its
//	                full subtrees. Derived: with the leaves since it gives the root of the head, or it is not used.
//
//	closed          what the last Close left, see Rules. Absent while the store is in use and after a crash.
//
// <stream> is the name of the stream with every byte outside [a-z0-9_-] as %xx; a name longer than 200 bytes in that form
// is %% and its lower-case base32hex without padding. A head file that holds "mingzhang/deleted@v1\n<stream>\n" says that
// the stream was deleted on purpose.
//
// Heads are written beside the commit path, soon after an append, by a new file that is synced and renamed over the old
// one. A crash therefore leaves a log longer than its head, never the other way round: an event is committed before its
// head is. Before the very first event of a stream a head of size 0 is written and synced, so that no crash can leave an
// existing log without a head.
//
// # Proofs
//
// Inclusion proves that one event is in the log of a head, Consistency that the log of a head begins with all that it was at an
// older one (RFC 6962, sections 2.1.1 and 2.1.2). Both are made of the leaf hashes and of one interior hash for each full 1,024 of them,
// which is kept in memory from the first proof on. CheckInclusion and CheckConsistency need neither a store nor a secret. As texts they are
// a C2SP tlog-proof, and the request add-checkpoint of C2SP tlog-witness; readers parse, format again and demand equality, and take
// at most 64 KiB and 63 hashes.
//
// A proof is as good as the head it ends in: what is known of that, a signature or a root that somebody kept, is the reader's own.
//
// # Rules
//
//   - The log is shorter than the head: refused, events are missing.
//   - The log is shorter than what the signer has signed, or its first events have another root: refused, it was put back to an
//     earlier state or rewritten. When the signer is away the comparison waits until it is back and is asked to sign.
//   - The log is longer: what stands behind the head is hashed and the head advances, if Options.Check takes every event of
//     it for one of the product; else refused at the first that it is not.
//   - The log is longer, or there is a log without a head, although the store was closed in order: refused, somebody else
//     wrote to it. The head is left as it is.
//   - The tree of the first <size> events has another root: refused. The leaf hashes name the first wrong version, as long
//     as they themselves fit the head; otherwise only the stream as a whole is known to be wrong (version 0).
//   - The head cannot be read, is signed by another key or is the head of another log: refused, naming the file.
//   - No head beside a log of more than one event: refused. After looking into the reason a person may accept the log as it
//     is: mingzhang verify --adopt-heads (Store.AdoptHead). A log of one event is accepted without a head, for a directory
//     that does not survive the loss of power as promised (some network mounts) may lose the head of a new log.
//     Options.Shared lifts this rule, and what depends on closing in order, for stores in which other processes write too.
//   - A refused stream stays refused until the store is opened again. Other streams are not touched.
//
// Whether it was closed in order says the file closed, one of
//
//	mingzhang/closed@v1\n   every stream was, but those named behind it
//	mingzhang/open@v1\n     none was, but those named behind it
//
// and then the names, one a line, in the form of the file names. Close writes it when the heads are synced, with those streams
// for exceptions that were not closed at the beginning, or were appended to, and whose head on disk is behind the log. The first
// append of a process removes it before it is handed to the inner store, and syncs the removal, so it never says closed of a log
// that we could have made longer; reads leave it. Logs that are longer than their heads at that moment somebody else wrote to:
// their names stay in the file, and neither a restart nor a crash makes them good. Without the file everything is as after a
// crash. A copy of the log and the heads that was made while the store was in use belongs in a directory without it.
//
// # What is not caught
//
// Whoever can write the log, the heads and the memory of the signer can put all of them back to an earlier state, or remove them: an
// older head is as valid as it was when it was signed, and a log that is longer than its head is what a crash leaves: whoever adds events to the
// log and removes the file closed looks like a crash, and so does whoever adds them after a crash, or after the power was cut on
// purpose. The events must then still be such that Options.Check takes them. Only somebody outside who remembers a later head
// can tell. The same holds for what is lost behind the remembered head: Options.HeadInterval, and the time of writing a head,
// after it was stored. ReadAll and Subscribe hand on what is stored without checking it; what
// Subscribe hands on with Options.Shared extends the trees of streams in use, and is checked against them when the stream is read.
package transparency
