// Package people keeps personal data (个人信息) apart from the books: what it is committed to by, how it is masked, where it is
// kept, and how it goes for good.
//
// # Commitments
//
// A record has eight slots in a fixed order: person, name, mask, id_no, phone, bank_account, address, reason. A slot that is
// given is committed to by
//
//	C = SHA-256(0x00 ‖ "mingzhang/commit@v1\n" ‖ salt ‖ len32 scope ‖ len32 field ‖ len32 value)
//
// where len32 x is the length of x in 4 bytes, big endian, and then x; scope is <origin of the log>/<record as a UUID>; field is the
// name of the slot; and the salt is 32 random bytes of its own. One salt for a record, or salts from one key, would let who knows
// one field guess the others after that one is gone. A slot that is not given has 32 random bytes in place of C, a decoy:
// nobody can tell which fields a person gave. The root over the eight as leaf hashes of an RFC 6962 tree, whose nodes are SHA-256(0x01 ‖ left ‖ right),
// is all that the log has. Values are normalised once, before they are committed to (Normalise); whoever verifies never does.
//
// An Opening of one field is its salt, its value and three hashes.
//
// # The vault
//
// A record stands in a stream of its own, person-<uuid>, as one event PersonalDataKept, in an eventstore.Store whose deleted
// streams are gone: a file beside the log (sqlite, which overwrites what it deletes), or the cluster that has the log too. The name says
// nothing of the person. An erasure of some fields writes what is left to the next stream of the record, person-<uuid>-<n>, and
// deletes the one before; n is the number of approved erasures of the record, so that the log alone says which stream is the one
// that counts. An erasure of all fields deletes all streams.
//
// Keeping writes the vault first and the log after it. What each step of anything leaves when the process dies there:
//
//   - after the vault, before the log: an orphan. Nothing refers to it, nobody is shown it; a day later it is swept.
//   - after the approval in the log: data that should be gone. Before anything of a collective is shown, the vault is brought in line
//     with the log, and that carries out whatever was approved. The same happens to a vault from an old backup.
//   - after the next stream was written, before the one before it was deleted: both. The next look deletes the one before.
//
// What the log says is kept and the vault does not have is lost evidence (Missing), never an erasure.
package people
