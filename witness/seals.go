package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Books is what the books of a collective say that its seals depend on.
type Books struct {
	Collective string
	Policies   []Adopted // by version
	Closings   []Closing // in order
	Simulated  bool      // its clock is simulated: the times of its records are not those of witnesses
}

// Closing is a month that was closed: the head of this size can be sealed.
type Closing struct {
	Month ledger.Month
	Size  uint64    // version of the event that closed it
	At    time.Time // when that was recorded
}

// Heads gives the head of a log at any size, and proofs between them; transparency.Store is one.
type Heads interface {
	ProveInclusion(ctx context.Context, stream string, version, size uint64) (transparency.Hash, transparency.Inclusion, error)
	ProveConsistency(ctx context.Context, stream string, oldSize, size uint64) (transparency.Head, transparency.Consistency, error)
}

// Service keeps what the witnesses of the collectives of a store signed. All methods may be called at once, on several nodes of a store.
type Service struct {
	store eventstore.Store
	heads Heads
	keys  func(origin string) []string
	clock func() time.Time

	mu      sync.Mutex // guards shelves
	shelves map[string]*shelf
}

// NewService keeps cosignatures in the streams "witness-<id>" of a store. keys gives the public keys of a log, by its origin: that
// which signs its heads, first, and those that did. The clock says which cosignatures are of the future.
func NewService(store eventstore.Store, heads Heads, keys func(origin string) []string, clock func() time.Time) *Service {
	return &Service{store: store, heads: heads, keys: keys, clock: clock, shelves: map[string]*shelf{}}
}

// Reasons only this package gives; every other refusal has one of ledger.Reasons.
const (
	PolicyMissing      ledger.Reason = "witness_policy_missing"
	HeadUnknown        ledger.Reason = "head_unknown"
	HeadOfOther        ledger.Reason = "head_of_other_log"
	HeadDiffers        ledger.Reason = "head_differs"
	WitnessUnknown     ledger.Reason = "witness_unknown"
	CosignatureInvalid ledger.Reason = "cosignature_invalid"
	CosignatureTime    ledger.Reason = "cosignature_time"
	CosignatureTooLate ledger.Reason = "cosignature_too_late"
	ForkNotProven      ledger.Reason = "fork_not_proven"
)

// Reasons describes them.
var Reasons = map[ledger.Reason]ledger.ReasonInfo{
	PolicyMissing:      {Category: ledger.Precondition, Chinese: "集体 {collective} 到第 {size} 笔还没有见证章程,没有人可以见证。", English: "The collective {collective} has no witness policy up to event {size}: nobody is a witness there."},
	HeadUnknown:        {Category: ledger.Missing, Chinese: "第 {size} 笔不是结账,那里没有可盖章的月份。", English: "Event {size} closes no month: there is nothing to seal."},
	HeadOfOther:        {Category: ledger.Invalid, Chinese: "这是账簿 {origin} 的,不是 {expected} 的。", English: "It is of the log {origin}, not of {expected}."},
	HeadDiffers:        {Category: ledger.Precondition, Chinese: "账簿前 {size} 笔的根是 {expected},不是 {root}。若那一个由账簿的密钥签名,请用 report-fork 举报。", English: "The first {size} events of the log have the root {expected}, not {root}. If the log's key has signed that one, report it with report-fork."},
	WitnessUnknown:     {Category: ledger.Denied, Chinese: "公钥 {key} 不是可以见证前 {size} 笔的人的(从未列入,或已卸任)。", English: "The key {key} is of nobody who may sign the head of {size} events: never a witness, or no longer one."},
	CosignatureInvalid: {Category: ledger.Invalid, Chinese: "{witness} 的见证签名不对。", English: "The cosignature of {witness} does not verify."},
	CosignatureTime:    {Category: ledger.Precondition, Chinese: "{witness} 的见证签名写的时间是 {time},应在 {from} 至 {to} 之间。", English: "The cosignature of {witness} is of {time}, and can only be of {from} to {to}."},
	CosignatureTooLate: {Category: ledger.Precondition, Chinese: "见证章程已随前 {later} 笔的五瓣章改换,前 {size} 笔的见证签名不再收。", English: "The policy changed with the seal at {later} events: the head of {size} events takes no more cosignatures."},
	ForkNotProven:      {Category: ledger.Precondition, Chinese: "看不出分叉:{problem}。", English: "This proves no fork: {problem}."},
}

// refuse makes a refusal of a reason, at a field (or none), with figures as name, value, name, value …
func refuse(reason ledger.Reason, field string, figures ...string) *ledger.Refusal {
	r := &ledger.Refusal{Reason: reason, Field: field}
	for i := 0; i+1 < len(figures); i += 2 {
		r.Figures = append(r.Figures, ledger.Figure{Name: figures[i], Value: figures[i+1]})
	}
	return r
}

// Sealing is one closed month and who has signed its head.
type Sealing struct {
	Verdict
	Month        ledger.Month
	At           time.Time // when its closing was recorded
	Root         transparency.Hash
	Cosignatures []*eventv1.CosignatureAdded // in the order of the stream; must not be changed
}

// Has says whether a signature line is one of the cosignatures.
func (s Sealing) Has(line signednote.Signature) bool {
	return slices.ContainsFunc(s.Cosignatures, func(c *eventv1.CosignatureAdded) bool {
		known, err := lineOf(c)
		return err == nil && known.String() == line.String()
	})
}

// Sealings says how far each closed month is sealed, in order, which policy is in force and which are pending.
func (s *Service) Sealings(ctx context.Context, b Books) ([]Sealing, Judgement, error) {
	h := s.shelf(b.Collective)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.fresh(ctx, h); err != nil {
		return nil, Judgement{}, err
	}
	candidates := make([]Candidate, len(b.Closings))
	list := make([]Sealing, len(b.Closings))
	for i, c := range b.Closings {
		root, err := s.root(ctx, h, b.Collective, c.Size)
		if err != nil {
			return nil, Judgement{}, err
		}
		list[i] = Sealing{Month: c.Month, At: c.At, Root: root}
		candidates[i].Size = c.Size
		for _, signed := range h.signed[c.Size] {
			if transparency.Hash(signed.Root) == root { // always, but for a log that was put back by force
				list[i].Cosignatures = append(list[i].Cosignatures, signed)
				candidates[i].Keys = append(candidates[i].Keys, signed.Key)
			}
		}
	}
	j := Judge(b.Policies, candidates)
	for i := range list {
		list[i].Verdict = j.Heads[i]
	}
	return list, j, nil
}

// root is the root of a collective's log at a size. The shelf's lock is held.
func (s *Service) root(ctx context.Context, h *shelf, collective string, size uint64) (transparency.Hash, error) {
	if root, ok := h.roots[size]; ok {
		return root, nil
	}
	head, _, err := s.headAt(ctx, collective, size)
	if err != nil {
		return transparency.Hash{}, err
	}
	h.roots[size] = head.Root
	return head.Root, nil
}

// headAt is the head of a collective's log at a size, and the note of it that the log has signed.
func (s *Service) headAt(ctx context.Context, collective string, size uint64) (transparency.Head, []byte, error) {
	_, p, err := s.heads.ProveInclusion(ctx, ledger.StreamOf(collective), size, size)
	return p.Head, p.Note, err
}

// Note is the head of a month with the cosignatures of those who may sign it, those of the policy that judges it first, as many as a note
// has room for. Who was one of them when he signed is not any more when the policy changed with an earlier month that was sealed late.
func (s *Service) Note(ctx context.Context, b Books, one Sealing) ([]byte, error) {
	_, msg, err := s.headAt(ctx, b.Collective, one.Size)
	if err != nil {
		return nil, err
	}
	note, err := signednote.Parse(msg)
	if err != nil {
		return nil, err
	}
	lines := slices.DeleteFunc(slices.Clone(one.Cosignatures), func(c *eventv1.CosignatureAdded) bool { return !one.Admits(b.Policies, c.Key) })
	if p := one.Policy; p != nil {
		slices.SortStableFunc(lines, func(a, b *eventv1.CosignatureAdded) int { return rank(p, a.Key) - rank(p, b.Key) })
	}
	for _, c := range lines[:min(len(lines), signednote.SignaturesMax-len(note.Signatures))] {
		line, err := lineOf(c)
		if err != nil {
			return nil, err
		}
		note.Signatures = append(note.Signatures, line)
	}
	return note.Bytes(), nil
}

func rank(p *Adopted, key string) int {
	if _, ok := p.Holder(key); ok {
		return 0
	}
	return 1
}

// lineOf is the signature line of a stored cosignature.
func lineOf(c *eventv1.CosignatureAdded) (signednote.Signature, error) {
	key, err := signednote.ParseVerifier(c.Key)
	return Cosignature{Time: c.SignedAt, Signature: [64]byte(c.Signature)}.Line(key), err
}

// Request is what a witness is asked with who remembers the log at an old size, 0 for never seen: add-checkpoint of C2SP
// tlog-witness. A size that the log does not have is a *transparency.RangeError.
func (s *Service) Request(ctx context.Context, collective string, oldSize, size uint64) ([]byte, error) {
	if oldSize == 0 {
		head, msg, err := s.headAt(ctx, collective, size)
		return transparency.FormatConsistency(transparency.Consistency{Head: head, Note: msg}), err
	}
	_, p, err := s.heads.ProveConsistency(ctx, ledger.StreamOf(collective), oldSize, size)
	return transparency.FormatConsistency(p), err
}

// Add stores the cosignatures of a note: the text of the head of a closed month and a signature line of each witness; lines of the log's
// own keys may stand with them. All are stored or none. It gives the month as it is then, and how many were new: a witness counts once a
// head, and the same again, or at another time, stores nothing.
//
// Refusals, in this order: field_invalid for what is no such note, head_of_other_log, witness_policy_missing, head_unknown, head_differs,
// then for each line witness_unknown, cosignature_invalid, cosignature_time, and cosignature_too_late when a policy took effect behind
// this head and the signature would have made it take effect here.
func (s *Service) Add(ctx context.Context, b Books, origin string, msg []byte) (sealing Sealing, added int, err error) {
	note, head, err := readNote("note", msg, origin)
	if err != nil {
		return Sealing{}, 0, err
	}
	if len(b.Policies) == 0 {
		return Sealing{}, 0, refuse(PolicyMissing, "note", "collective", b.Collective, "size", fmt.Sprint(head.Size))
	}
	at := slices.IndexFunc(b.Closings, func(c Closing) bool { return c.Size == head.Size })
	if at < 0 {
		return Sealing{}, 0, refuse(HeadUnknown, "note", "size", fmt.Sprint(head.Size))
	}
	h := s.shelf(b.Collective)
	h.mu.Lock()
	root, err := s.root(ctx, h, b.Collective, head.Size)
	if err == nil && root != head.Root {
		err = refuse(HeadDiffers, "note", "size", fmt.Sprint(head.Size), "root", head.Root.String(), "expected", root.String())
	}
	if err == nil {
		err = s.do(ctx, h, func() ([]entry, error) {
			entries, err := s.admit(h, b, at, note, head)
			added = len(entries)
			return entries, err
		})
	}
	h.mu.Unlock()
	if err != nil {
		return Sealing{}, 0, err
	}
	list, _, err := s.Sealings(ctx, b)
	if err != nil {
		return Sealing{}, 0, err
	}
	return list[at], added, nil
}

// readNote reads a note that is said to be of a log.
func readNote(field string, msg []byte, origin string) (signednote.Note, transparency.Head, error) {
	note, err := signednote.Parse(msg)
	var head transparency.Head
	if err == nil {
		head, err = transparency.ReadHead(msg)
	}
	if err != nil {
		return note, head, refuse(ledger.FieldInvalid, field, "problem", "it is no signed head in its one form", "problem_zh", "不是写法正确的签名根")
	}
	if head.Origin != origin {
		return note, head, refuse(HeadOfOther, field, "origin", head.Origin, "expected", origin)
	}
	return note, head, nil
}

// logKeys are the keys of a log that can be read.
func (s *Service) logKeys(origin string) (keys []signednote.Verifier) {
	for _, text := range s.keys(origin) {
		if v, err := signednote.ParseVerifier(text); err == nil {
			keys = append(keys, v)
		}
	}
	return keys
}

// admit gives the facts that the lines of a note make true, of a head whose root is ours. The shelf's lock is held.
func (s *Service) admit(h *shelf, b Books, at int, note signednote.Note, head transparency.Head) ([]entry, error) {
	before := Judge(b.Policies, h.candidates(b))
	verdict := before.Heads[at]
	if verdict.Policy == nil {
		return nil, refuse(PolicyMissing, "note", "collective", b.Collective, "size", fmt.Sprint(head.Size))
	}
	keys := s.logKeys(head.Origin)
	var entries []entry
	lines := 0
	for _, line := range note.Signatures {
		if isLine(keys, line) {
			continue
		}
		lines++
		name, key, err := signer(verdict, b.Policies, line, note.Text)
		if err != nil {
			return nil, err
		}
		c, err := ParseCosignature(line.Blob)
		if err != nil {
			return nil, refuse(CosignatureInvalid, "note", "witness", name)
		}
		if err := s.inTime(b, b.Closings[at], name, c.Time); err != nil {
			return nil, err
		}
		fact := &eventv1.CosignatureAdded{Size: head.Size, Root: head.Root[:], Key: key.String(), SignedAt: c.Time, Signature: c.Signature[:]}
		if h.has(fact) {
			continue
		}
		entries = append(entries, entry{
			digest: digest("mingzhang/cosignature@v1", b.Collective, fmt.Sprintf("%s\n%d\n%x\n", fact.Key, fact.Size, fact.Root)),
			fact:   &eventv1.Event{Fact: &eventv1.Event_CosignatureAdded{CosignatureAdded: fact}},
		})
	}
	if lines == 0 {
		return nil, refuse(ledger.FieldInvalid, "note", "problem", "it has no signature of a witness", "problem_zh", "没有见证人的签名")
	}
	return entries, h.tooLate(b, at, before, entries)
}

// isLine says whether a line is of one of these keys. It is not verified.
func isLine(keys []signednote.Verifier, line signednote.Signature) bool {
	return slices.ContainsFunc(keys, func(v signednote.Verifier) bool { return v.Name == line.Name && v.Hash() == line.Hash })
}

// signer finds who of those who may sign a head has made a line. Key hashes are short: of two keys with one hash, the one that verifies.
func signer(v Verdict, policies []Adopted, line signednote.Signature, text string) (name string, key signednote.Verifier, err error) {
	for _, p := range v.admitted(policies) {
		for _, g := range p.Groups {
			for _, w := range g.Witnesses {
				candidate, err := signednote.ParseVerifier(w.Key)
				if err != nil || candidate.Name != line.Name || candidate.Hash() != line.Hash {
					continue
				}
				name, key = w.Name, candidate
				if c, err := ParseCosignature(line.Blob); err == nil && c.Verify(candidate, text, Times{Now: time.Unix(c.Time, 0)}) == nil {
					return name, key, nil
				}
			}
		}
	}
	if name == "" {
		return "", key, refuse(WitnessUnknown, "note", "key", fmt.Sprintf("%s+%08x", line.Name, line.Hash), "size", fmt.Sprint(v.Size))
	}
	return "", key, refuse(CosignatureInvalid, "note", "witness", name)
}

// inTime refuses a signature of the future, and one that was made before there was anything to sign. The clock of a witness may be
// FutureMax ahead of this one or behind it. Beyond that no cosignature is too old: a month stays sealed for ever.
func (s *Service) inTime(b Books, c Closing, name string, at int64) error {
	from, to := c.At.Add(-FutureMax), s.clock().Add(FutureMax)
	if b.Simulated {
		from = time.Unix(1, 0)
	}
	if at >= from.Unix() && at <= to.Unix() {
		return nil
	}
	return refuse(CosignatureTime, "note", "witness", name, "time", utc(at), "from", utc(from.Unix()), "to", utc(to.Unix()))
}

// candidates are the closed months as they are signed. The shelf's lock is held.
func (h *shelf) candidates(b Books) []Candidate {
	list := make([]Candidate, len(b.Closings))
	for i, c := range b.Closings {
		list[i].Size = c.Size
		for _, signed := range h.signed[c.Size] {
			list[i].Keys = append(list[i].Keys, signed.Key)
		}
	}
	return list
}

func (h *shelf) has(c *eventv1.CosignatureAdded) bool {
	return slices.ContainsFunc(h.signed[c.Size], func(o *eventv1.CosignatureAdded) bool {
		return o.Key == c.Key && bytes.Equal(o.Root, c.Root)
	})
}

// tooLate refuses signatures that would bring a policy into effect at an earlier head than the one with which it did: months that are
// sealed would no longer be.
func (h *shelf) tooLate(b Books, at int, before Judgement, entries []entry) error {
	candidates := h.candidates(b)
	for _, n := range entries {
		candidates[at].Keys = append(candidates[at].Keys, n.fact.GetCosignatureAdded().Key)
	}
	for i, after := range Judge(b.Policies, candidates).Heads {
		if was := before.Heads[i]; was.Sealed && !after.Sealed {
			return refuse(CosignatureTooLate, "note", "size", fmt.Sprint(b.Closings[at].Size), "later", fmt.Sprint(was.Size))
		}
	}
	return nil
}

// Fork is evidence that the log's key has signed two heads that cannot both be true.
type Fork struct {
	Number        uint32 // of the report, from 1 in order of reporting
	First, Second []byte // signed notes
}

// Forks lists the reported forks of a collective's log.
func (s *Service) Forks(ctx context.Context, collective string) ([]Fork, error) {
	h := s.shelf(collective)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.fresh(ctx, h); err != nil {
		return nil, err
	}
	var list []Fork
	for i, f := range h.forks {
		list = append(list, Fork{Number: uint32(i) + 1, First: f.First, Second: f.Second})
	}
	return list, nil
}

// ReportFork stores two heads of one log that contradict each other, both signed with a key of it: of one size and with different roots,
// or one of them with another root than this log has at its size. Signatures of others are left out. A head that was
// reported already is not stored again, whatever stands beside it: or else anybody who has one could fill the stream. Refusals: field_invalid, head_of_other_log, cosignature_invalid, fork_not_proven.
func (s *Service) ReportFork(ctx context.Context, collective, origin string, first, second []byte) (stored bool, err error) {
	var heads [2]transparency.Head
	var notes [2][]byte
	for i, msg := range [][]byte{first, second} {
		field := []string{"first", "second"}[i]
		note, head, err := readNote(field, msg, origin)
		if err != nil {
			return false, err
		}
		heads[i] = head
		if notes[i] = s.ownLines(note, origin); notes[i] == nil {
			return false, refuse(CosignatureInvalid, field, "witness", origin)
		}
	}
	h := s.shelf(collective)
	h.mu.Lock()
	defer h.mu.Unlock()
	wrong, err := s.contradict(ctx, collective, heads)
	if err != nil {
		return false, err
	}
	if bytes.Compare(notes[0], notes[1]) > 0 {
		notes[0], notes[1] = notes[1], notes[0]
	}
	err = s.do(ctx, h, func() ([]entry, error) {
		known := func(f *eventv1.ForkReported) bool {
			return !slices.ContainsFunc(wrong, func(h transparency.Head) bool {
				return !bytes.HasPrefix(f.First, []byte(h.Text()+"\n")) && !bytes.HasPrefix(f.Second, []byte(h.Text()+"\n"))
			})
		}
		if slices.ContainsFunc(h.forks, known) || len(h.forks) >= reportsMax {
			return nil, nil
		}
		stored = true
		return []entry{{
			digest: digest("mingzhang/fork@v1", collective, string(notes[0])+string(notes[1])),
			fact:   &eventv1.Event{Fact: &eventv1.Event_ForkReported{ForkReported: &eventv1.ForkReported{First: notes[0], Second: notes[1]}}},
		}}, nil
	})
	return stored && err == nil, err
}

// ownLines is a note with the signatures of the log's own keys alone, each verified; nil when there is none.
func (s *Service) ownLines(note signednote.Note, origin string) []byte {
	kept := signednote.Note{Text: note.Text}
	for _, key := range s.logKeys(origin) {
		if line, ok := note.Signature(key); ok && key.Verify(note.Text, line) {
			kept.Signatures = append(kept.Signatures, line)
		}
	}
	if len(kept.Signatures) == 0 {
		return nil
	}
	return kept.Bytes()
}

// contradict wants two heads that cannot both be true, and gives those of them that this log does not have; both when it is not that long.
func (s *Service) contradict(ctx context.Context, collective string, heads [2]transparency.Head) (wrong []transparency.Head, err error) {
	if heads[0] == heads[1] {
		return nil, refuse(ForkNotProven, "second", "problem", "both heads are the same", "problem_zh", "两个根相同")
	}
	for _, head := range heads {
		ours, _, err := s.headAt(ctx, collective, head.Size)
		if errors.As(err, new(*transparency.RangeError)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if ours.Root != head.Root {
			wrong = append(wrong, head)
		}
	}
	switch {
	case len(wrong) > 0:
		return wrong, nil
	case heads[0].Size == heads[1].Size:
		return heads[:], nil
	}
	return nil, refuse(ForkNotProven, "second", "problem", "the sizes differ, and each head that this log is long enough for is one of it",
		"problem_zh", "两个根的笔数不同,而且凡是本账簿已有的笔数,都与本账簿相符")
}

// PolicyText is the text of one policy of a collective with the newest key of its log.
func (s *Service) PolicyText(p *Adopted, origin string) (string, error) {
	keys := s.logKeys(origin)
	text, err := p.Text(keys[:min(len(keys), 1)]...)
	return string(text), err
}
