// Package snapshot keeps copies of values that were folded from a log, so that a log need not be folded from its beginning.
//
// It is a cache and nothing else: deleting its directory costs the time of the next load, and whatever is not beyond doubt is
// thrown away and made again from the log. Whoever adds a field to a folded type writes no code for it: the copy is made of
// the type's structure, unexported fields included (Codec). A field of a kind that cannot be copied is an error of NewCodec,
// which a test of each folded type asks for.
//
// # File
//
// One file for each kind of value and collective, <kind>/<collective>, readable by its owner alone:
//
//	mingzhang/snapshot@v1\n
//	4 bytes   length of the header
//	header    schema digest, build, kind, collective, version, anchor, length of the payload
//	payload   what Codec wrote
//	32 bytes  HMAC-SHA256 over all of the above, the payload by the SHA-256 of each MiB of it
//
// Numbers are little-endian. The schema digest covers names and types of all fields, and the machine's memory layout. The
// build names the executable: another one may fold otherwise, though its types are the same. The anchor ties the value to
// the one log it was folded from: Log gives it and tells whether it still holds, so that the copy of another store, of
// another collective, or of a log that was written anew is not taken, however equal its length. The key of the HMAC comes
// from the secret of the data directory, so that who can write files but has not the secret cannot put numbers into the books.
//
// A file is written under another name, synced and renamed: a crash leaves the old one, or the new one whole.
package snapshot
