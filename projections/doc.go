// Package projections is the read side: the books (账簿) of a collective, folded from its events and kept in memory.
//
// A Book holds everything that can be asked about one collective. Fold takes event n+1 only after event n, looks at nothing
// but the event and the book, and either takes an event whole or refuses it and changes nothing. Equal events give an equal
// Digest, whatever the pieces in which they came.
//
//   - The journal (日记账) and all balances come from the vouchers an event carries, never from its fact: a reader sums
//     postings and needs no business rule.
//   - The registers (resolutions, requests, grant rounds, dividends, policies, members) come from the facts. Of a voucher
//     they take only what it says about itself: authority drawn, the request it settles, the round or run it turns back.
//
// Nothing is overwritten: journal, postings and account entries are columns that only grow, in the order of the log, and a
// register keeps each change of an item with the version that made it. So every read can be asked at a Moment: as known at a
// version is a prefix, as of a business day (业务日期) is a selection by day. A change made by a voucher (a payment settles a
// request, an award reversed) counts exactly when that voucher counts; a vote from the day it was taken on, a policy from the
// day it is effective; any other change from the day it was recorded on, in the collective's zone.
//
// One sign convention inside: debit positive, so that all postings sum to zero and
//
//	Σ money + Σ receivable = Σ fund + Σ payable + Σ deposit + Σ project + Σ gift
//
// holds after every event. Balances are given out positive on the account's own side, trial balances debit positive. A
// voucher marked negative (a reversal, a difference that lowers an amount) counts negative in the turnover column of its
// original: its debits are negative credits, its credits negative debits.
//
// All methods of a Book may be called at once. A read holds a shared lock for one bounded answer, at most a page; Digest only
// while it copies headers, WriteHledger a page at a time. So a writer never waits for a whole report, and no reader sees half
// an event. What a Book gives out are copies, except where a comment says that a message is part of an event.
//
// A Library keeps one Book a collective. It reads a stream when its book is first asked for and follows it through Observe.
// Books stay in memory as long as those used last fit into LibraryOptions.MemoryMax; one that was given up is read again, from
// its copy (package internal/snapshot) and the events since where there is one. A copy changes nothing but the time of the
// next load, and Check holds both it and the book in use against a book folded from the first event.
package projections
