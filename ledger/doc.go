// Package ledger is the books of one collective (集体): what may happen to its money, and what then is true.
//
// A command is decided against the state by Decide, which gives events or a refusal; events are folded into the state by
// Evolve. Both are pure: same input, same output, no clock, no store. The Service around them reads the log, decides, and
// appends.
//
// # Money
//
// Money is whole fen (Fen). What moves it is a voucher (凭证): numbered without a gap in its class (收 receipt, 付 payment,
// 转 transfer) and year, on a business day, with two or more postings that sum to zero. Postings are decided once and stored
// in the event beside the fact they belong to; a reader sums them and needs no rule of this package. All vouchers of one
// command stand in one event, so no version of the log shows half of a command.
//
// # What always holds
//
// After every event: money + receivable = fund + payable + deposit + project + gift. At the end of every business day, no
// account is on its wrong side; a command that would bring one there, on any day from its own on, is refused with the first
// such day. Both are checked before anything is stored.
//
// # Who and when
//
// Each command is open to the roles of Matrix. An outlay is asked for, reviewed and approved as the spending rule (支出办法)
// says, and only then booked; a resolution (决议) gives an authority that requests reserve and vouchers draw. Income is split
// by the allocation policy (分配办法) in force on its day. Months close in order and for good; nothing is ever edited, a
// mistake is turned back by a voucher naming the first.
//
// A command carries an id made by its client. The same id with the same content gives the first answer again, for ever.
package ledger
