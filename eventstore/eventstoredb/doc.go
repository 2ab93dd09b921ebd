// Package eventstoredb keeps the log in an EventStoreDB or KurrentDB cluster, for a county that has outgrown one machine: any
// number of nodes work on one store, each of them any collective.
//
// # What is stored
//
// A stream of the port is a stream of the cluster under the same name. Event n of a stream (Version n, from 1) has revision
// n-1, the fact's name as its type, and the bytes of the port as its data, content type application/octet-stream; it has no
// metadata of its own. Its id is
//
//	the first 16 bytes of SHA-256(<stream> 0x0a <version, decimal> 0x0a <data>)
//
// as a UUID. So whoever appends the same bytes at the same place, again or from a copy of the log, gives the same id, and the
// server takes it for the same append and stores nothing twice; and an event that anybody else wrote into one of our streams
// shows by its id. Position is the commit position of the record.
//
// Streams of others, and those of the server ($…), are not seen: ReadAll and Subscribe pass over what has no id of ours. In a
// stream of ours the same is damage, and so is a gap, and what $tb, $maxCount or $maxAge hide: Read stops there with a
// *eventstore.CorruptError.
//
// # One member at a time: the leader
//
// Everything is asked of the leader, with requires-leader, reads too: a follower may be behind what was acknowledged a moment
// ago, and books folded from it would be decided on. A connection string that prefers another member is therefore refused by
// Open. The leader is found by asking all seeds at once (gossip), or by what a member that is not the leader answers. One plain
// host without discovery is taken as it is; if it names a leader, that one is asked from then on.
//
// The stubs that the client module generates are used on a connection of our own; why not its high-level client is written in
// docs/decisions/0007. Of the client only the reading of connection strings is used.
//
// # When the server cannot be reached
//
// A call tries again until its context ends, and no longer than Options.Patience; when a whole Patience has passed in vain, calls
// that follow give up after a second until one succeeds. The connection is made again at least every quarter of a second. A member
// that says nothing for four seconds is left: the leader is looked for again, and the call made again.
//
// An append whose outcome is not known (the connection broke, the server answered Aborted or not at all) is sent again with the
// same event ids at the same expected revision: the server stores it, or finds that it has it. It ends with ErrUnknown when
// time is up; then the events may or may not be there, or may still arrive. What is certain not to be stored ends with what the
// port says for it.
//
// A read goes on behind the last event that it gave. A subscription goes on from the last pair of positions (commit, prepare)
// that it was given, to the letter, and never back. Both, and Version, remember the newest version of each stream that this
// store was shown or has written: a member that shows less is behind, and is asked again until time is up.
package eventstoredb
