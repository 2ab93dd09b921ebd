package ledger

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// What tests of the outside need of the inside.
var (
	SplitLargest = splitLargest
	ParseShares  = parseShares
	DecodeAhead  = decodeAhead
	CheckText    = checkText
	Clone        = (*Collective).clone
)

const (
	AccountsMax = accountsMax
	PayeesMax   = payeesMax
	FileMax     = fileMax
)

// Dump is the whole state as text, the same for equal states.
func (s *Collective) Dump() string {
	var b strings.Builder
	put := func(name string, value any) { fmt.Fprintf(&b, "%s: %v\n", name, value) }
	put("head", []any{s.version, s.recorded, s.zone, s.closed, s.ruleVersion, s.requested, s.lastTaker()})
	put("accepted", s.accepted)
	put("charter", text(s.charter))
	put("money", s.money)
	put("members", s.members)
	put("rule", text(s.rule))
	put("opening", text(s.opening))
	put("shares", s.shares)
	put("settled", s.settled)
	put("statements", s.statements)
	put("reversals", s.reversals)
	put("splitDay", s.splitDay)
	for _, h := range s.holds {
		put("hold", fmt.Sprint(text(h.fact), h.released))
	}
	for _, t := range s.takers {
		put("taker", t.payee)
	}
	put("differences", s.differences)
	put("returned", s.returned)
	each(put, "flags", s.flags, func(v []*flag) any {
		var all []flag
		for _, f := range v {
			all = append(all, *f)
		}
		return all
	})
	each(put, "gift", s.gifts, func(v *gift) any { return *v })
	for _, p := range s.policies {
		put("policy", text(p))
	}
	each(put, "body", s.bodies, func(v *eventv1.Body) any { return text(v) })
	each(put, "fund", s.funds, func(v *eventv1.Fund) any { return text(v) })
	each(put, "roles", s.roles, func(v []eventv1.Role) any { return v })
	each(put, "account", s.accounts, func(v *account) any { return *v })
	each(put, "party", s.parties, func(v *Timeline) any { return *v })
	each(put, "vouchers", s.vouchers, func(v []uint64) any { return v })
	each(put, "paper", s.papers, func(v *paper) any { return fmt.Sprintf("%v %v %+v", v.total, v.cited, v.citations) })
	each(put, "splits", s.splits, func(v *Timeline) any { return *v })
	each(put, "resolution", s.resolutions, func(v *resolution) any {
		return fmt.Sprint(text(v.fact), v.recorder, v.confirmed, v.used, v.shares, v.reserved, v.drawn)
	})
	each(put, "request", s.requests, func(v *request) any { return fmt.Sprint(text(v.fact), v.maker, v.approvedBy, v.reviewed, v.roster) })
	each(put, "round", s.rounds, func(v *round) any {
		lines := map[uint32]grantLine{}
		for m, l := range v.lines {
			lines[m] = *l
		}
		var objections []objection
		for _, o := range v.objections {
			objections = append(objections, *o)
		}
		return fmt.Sprint(text(v.fact), v.state, v.noticeFrom, v.till, v.order, lines, v.total, objections)
	})
	each(put, "run", s.runs, func(v *run) any {
		var files []string
		for _, f := range v.files {
			files = append(files, fmt.Sprint(text(f.fact), f.settled, f.booked))
		}
		for _, b := range v.returns {
			files = append(files, fmt.Sprint(*b))
		}
		return fmt.Sprint(v.fund, v.payees, v.amounts, v.paid, files, v.dead, text(v.order), len(v.supplements))
	})
	for _, m := range slices.Sorted(maps.Keys(s.turnover)) {
		each(put, "turnover "+m.String(), s.turnover[m], func(v *turnover) any { return *v })
	}
	return b.String()
}

func each[K comparable, V any](put func(string, any), name string, m map[K]V, show func(V) any) {
	lines := make([]string, 0, len(m))
	for k, v := range m {
		lines = append(lines, fmt.Sprintf("%v = %v", k, show(v)))
	}
	slices.Sort(lines)
	for _, l := range lines {
		put(name, l)
	}
}

// text is a message without the spaces that protojson varies on purpose.
func text(m proto.Message) string {
	out, err := protojson.Marshal(m)
	if err != nil {
		return "bad message: " + err.Error()
	}
	return strings.ReplaceAll(string(out), ", ", ",")
}

// Sums gives debits less credits over all accounts, and the accounts that end some day on their wrong side.
func (s *Collective) Sums() (difference Fen, wrong []string) {
	for name, acc := range s.accounts {
		difference += acc.Now()
		for i, day := range acc.days {
			if name.Sign()*acc.balances[i] < 0 {
				wrong = append(wrong, fmt.Sprint(name, " on ", day))
			}
		}
	}
	for key, t := range s.parties {
		for i, day := range t.days {
			if key.account.Sign()*t.balances[i] < 0 {
				wrong = append(wrong, fmt.Sprint(key, " on ", day))
			}
		}
	}
	if owed, booked := s.owedDividends(), s.Balance(PayableDividend, 99991231); owed != booked {
		wrong = append(wrong, fmt.Sprint("dividends of ", owed, " are owed, and booked are ", booked))
	}
	for id, r := range s.resolutions {
		if r.reserved < 0 || r.drawn < 0 || r.fact.AuthorityFen > 0 && r.remaining()+s.exceeded(id) < 0 {
			wrong = append(wrong, fmt.Sprint("resolution ", id, " reserved ", r.reserved, " drawn ", r.drawn))
		}
	}
	return difference, wrong
}

// owedDividends is what the standing runs owe: lines that no settled file paid.
func (s *Collective) owedDividends() (owed Fen) {
	for _, r := range s.runs {
		for i, file := range r.paid {
			if !r.dead && (file == 0 || !r.files[file-1].settled) {
				owed += r.amounts[i]
			}
		}
	}
	return owed
}

// exceeded is what flags that are not ratified say a resolution is exceeded by.
func (s *Collective) exceeded(id string) (sum Fen) {
	for _, flags := range s.flags {
		for _, f := range flags {
			if f.kind == eventv1.FlagKind_FLAG_KIND_EXCEEDS_AUTHORITY && f.exceeds == id && f.ratifiedBy == "" {
				sum += f.amount
			}
		}
	}
	return sum
}

// Remaining is the authority of a resolution that is neither drawn nor held.
func (s *Collective) Remaining(resolution string) Fen { return s.resolutions[resolution].remaining() }

// OpenRequests are the open requests by number.
func (s *Collective) OpenRequests() (open []*eventv1.RequestMade) {
	for _, n := range slices.Sorted(maps.Keys(s.requests)) {
		open = append(open, s.requests[n].fact)
	}
	return open
}

// RoundState is the state of a grant round, empty when there is none.
func (s *Collective) RoundState(id string) string {
	if r := s.rounds[id]; r != nil {
		return r.state
	}
	return ""
}

// Settle brings the parts of equal states into one form, as before a copy is made.
func (s *Collective) Settle() { s.accepted.settle() }

// Loaded says whether a collective's state is in memory, and the version of its newest copy.
func (s *Service) Loaded(collective string) (resident bool, kept uint64) {
	d := s.desk(collective)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state != nil, d.kept.Load()
}

// WaitForCopies returns when the work in the background is done.
func (s *Service) WaitForCopies() { s.worker.Wait() }

// Tamper loses what was booked last on the bank account.
func (s *Collective) Tamper() { s.accounts["money/bank"].Add(s.accounts["money/bank"].Last(), -100) }

// GiversOf lists the roles that a fact can come about by.
func GiversOf(fact reflect.Type) []eventv1.Role { return givers[fact] }
