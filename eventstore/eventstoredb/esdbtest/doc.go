// Package esdbtest is a fake EventStoreDB server for tests and measurements: a gRPC server in the process of the test, made of
// nothing but the client's public protocol files, that answers as a server of release 24.6 does. It is test code. It is never
// linked into the product; internal/importtest holds that.
//
// Why a fake and not a server: tests here need no network, no container and no licence, and a fake can fail in ways that a
// healthy server shows once a year. So it is faithful where a client could notice and spiteful where it is told to be.
//
// # What it keeps
//
// A Log is the database: records in one order, each with its offset in an imagined transaction log. Offsets start far from zero
// behind a few system events, grow by the size of each record and have gaps, so that no test can take a position for an index.
// An event's position is (offset, offset); places between two records, which checkpoints name, are (offset, 0): commit and
// prepare differ there, and a client that keeps only one of the two loses or repeats an event.
//
// A Log lives in memory and outlives the servers on it: Stop and Start keep it. With Options.Dir it lives in a file as well and
// outlives the process; what was acknowledged survives kill -9, and a torn last record is dropped at the next start.
//
// # What it decides
//
// Appends go by the server's own table (append.go), with its idempotence by event id; deletes and tombstones by the same table
// (delete.go). How an outcome travels differs for each call and is gathered in outcome.go. Reads, subscriptions, checkpoints
// and the known faults of released versions are in read.go, subscribe.go and options.go; who may do what in access.go.
//
// # How to make it fail
//
// Server.FailNext("Append", 1, esdbtest.CommitThenDrop()) stores the next append and then cuts the connection. The actions are
// in actions.go; a Hook of one's own sees every call. Whole connections are cut, swallowed or refused by ResetConnections,
// BlackHole and Refuse. StartCluster runs three members on one log and elects leaders.
//
// # What it does not have
//
// Persistent subscriptions, projections, scavenges, users kept in streams, chunk borders of the log, and replication: members
// of a cluster share one Log, and a lagging member is one that looks at a shorter piece of it.
package esdbtest
