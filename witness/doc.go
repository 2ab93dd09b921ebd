// Package witness is the part of those who watch a log from outside: they remember the last head they have signed, take another
// only with a proof that the log merely grew, and say so with a signature of their own.
//
// A cosignature (见证签名) is c2sp.org/tlog-cosignature v1: Ed25519 over
//
//	cosignature/v1\n
//	time <seconds since 1970-01-01 UTC, decimal>\n
//	<text of the head: origin, size, root>
//
// in a signature line of the head's note, under a key of algorithm 0x04, as the time, 8 bytes big-endian, and 64 bytes of signature.
//
// A policy (见证章程) is the text c2sp.org/tlog-policy: who the witnesses are, and whose signatures together are enough. Whoever has
// signed counts once, however often the line stands there.
package witness
