package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// sealFlags are what somebody knows of the witnesses from elsewhere.
type sealFlags struct {
	policy string // --policy: the file of a policy's text that was kept, or the public key of a witness
	sealed string // --sealed YYYY-MM: the month has to be sealed
}

func (s *session) sealFlags(cmd *cobra.Command, o *sealFlags) {
	f, text := cmd.Flags(), s.lang.text
	f.StringVar(&o.policy, "policy", "", text("保存下来的见证章程文件(policy),或一位见证人的公钥:这一版章程须在账簿里通过、生效并盖过章,或这位见证人签过",
		"file of a witness policy that was kept (policy), or the public key of a witness: the log has to have that policy in effect and something sealed since, or a signature of that witness"))
	f.StringVar(&o.sealed, "sealed", "", text("这个月(YYYY-MM)须已盖五瓣章", "the month (YYYY-MM) has to be sealed"))
}

func (o *sealFlags) given() bool { return o.policy+o.sealed != "" }

// sealCheck holds what a published log says of its witnesses to its events: the policies are those of the log, every head beside the tree is
// of it, every signature there is of somebody who was to sign it, and the policies follow one another as the signatures let them.
type sealCheck struct {
	files  transparency.Files
	head   transparency.Head
	keys   []signednote.Verifier // of the log: that which signed its head, then those before and after
	rootAt func(size uint64) (transparency.Hash, bool)
	now    time.Time
	flags  sealFlags

	books   witness.Books
	rotated map[uint64]bool // sizes of heads that are there because several keys of the log have signed them
	holders []holder        // of all policies
	found   sealsFound
}

// holder is a witness of some policy.
type holder struct {
	name string
	key  signednote.Verifier
}

// sealsFound is what was found, as --json gives it.
type sealsFound struct {
	Policy        uint32      `json:"policyVersion"` // in force; 0: none, or not known without the events
	CommitteeOnly bool        `json:"committeeOnly"`
	Pending       int         `json:"pendingPolicies"`
	Sealed        string      `json:"sealedThrough"` // the last sealed month; empty: none
	Months        []sealFound `json:"months"`        // closed since the first policy
	Missing       []string    `json:"missingFiles"`  // that should lie beside the tree and do not
}

type sealFound struct {
	Month   string   `json:"month,omitempty"` // empty when there are no events to tell
	Size    uint64   `json:"size"`
	Policy  uint32   `json:"policyVersion"`
	Sealed  bool     `json:"sealed"`
	Signed  []string `json:"signed"`
	Lacking []string `json:"missing"`

	verdict witness.Verdict
	keys    []string
}

// checkSeals checks what lies beside the tree of a log that was found right. Nil: there is nothing, and nothing was asked for.
func (p *published) checkSeals(ctx context.Context, held *heldLog, files transparency.Files) (*sealsFound, error) {
	c := &sealCheck{files: files, head: held.head, rootAt: held.rootAt, now: clock(), flags: p.seals}
	for _, text := range append([]string{held.key}, held.keys...) {
		key, err := signednote.ParseVerifier(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(c.keys, key) {
			c.keys = append(c.keys, key)
		}
	}
	var err error
	if held.replay == nil {
		c.rootAt = nil
		err = c.withoutEvents(ctx)
	} else {
		book := held.replay.book
		c.books = rpc.WitnessBooks(book.ID(), book, book.Pin(projections.Moment{}))
		err = c.withEvents(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &c.found, nil
}

func wrongFile(file, reason string, args ...any) error {
	return &transparency.PublishedError{File: file, Reason: fmt.Sprintf(reason, args...)}
}

// withEvents walks the policies from the founding on.
func (c *sealCheck) withEvents(ctx context.Context) error {
	if err := c.readPolicies(ctx); err != nil {
		return err
	}
	if len(c.books.Policies) == 0 {
		return c.withoutPolicy(ctx)
	}
	if err := c.unexpected(ctx); err != nil {
		return err
	}
	var candidates []witness.Candidate
	for _, closing := range c.books.Closings {
		if closing.Size < c.books.Policies[0].Event {
			continue
		}
		keys, err := c.readSeal(ctx, closing)
		if err != nil {
			return err
		}
		candidates = append(candidates, witness.Candidate{Size: closing.Size, Keys: keys})
		c.found.Months = append(c.found.Months, sealFound{Month: closing.Month.String(), Size: closing.Size, keys: keys})
	}
	judgement := witness.Judge(c.books.Policies, candidates)
	for i := range c.found.Months {
		if err := c.judge(&c.found.Months[i], judgement.Heads[i]); err != nil {
			return err
		}
	}
	c.found.Policy, c.found.CommitteeOnly, c.found.Pending = judgement.Version(), judgement.InForce.CommitteeOnly(), len(judgement.Pending)
	if err := c.checkpoint(ctx); err != nil {
		return err
	}
	if err := c.claimed(ctx, judgement.InForce); err != nil {
		return err
	}
	return c.known(judgement)
}

// withoutPolicy wants nothing beside a log that has no witnesses.
func (c *sealCheck) withoutPolicy(ctx context.Context) error {
	switch _, err := c.files.Read(ctx, transparency.PolicyFile, witness.PolicyBytesMax); {
	case err == nil:
		return wrongFile(transparency.PolicyFile, "it is a witness policy, and the log has adopted none")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := c.unexpected(ctx); err != nil {
		return err
	}
	if c.flags.given() {
		return failed(exitVerified, "账簿里没有见证章程,没有人见证过。", "The log has no witness policy: nobody is its witness.")
	}
	return nil
}

// readPolicies compares the texts of the policies with the events.
func (c *sealCheck) readPolicies(ctx context.Context) error {
	for i := range c.books.Policies {
		p := &c.books.Policies[i]
		text, err := p.Text(c.keys[0])
		if err != nil {
			return err
		}
		policy, err := witness.ParsePolicy(text)
		if err != nil {
			return err
		}
		for _, w := range policy.Witnesses {
			c.holders = append(c.holders, holder{w.Name, w.Key})
		}
		if err := c.same(ctx, transparency.PolicyFileOf(p.Version), text); err != nil {
			return err
		}
	}
	return nil
}

// same wants a file to be the text of a policy, with whatever keys the log had when it was written.
func (c *sealCheck) same(ctx context.Context, name string, text []byte) error {
	there, err := c.files.Read(ctx, name, witness.PolicyBytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		c.found.Missing = append(c.found.Missing, name)
		return nil
	}
	if err != nil {
		return err
	}
	policy, err := witness.ParsePolicy(there)
	if err != nil {
		return wrongFile(name, "%v", err)
	}
	if !bytes.Equal(withoutLogs(there), withoutLogs(text)) {
		return wrongFile(name, "it is not the witness policy that the log says")
	}
	for _, l := range policy.Logs {
		if l.Key.Name != c.head.Origin {
			return wrongFile(name, "it names the log %s", l.Key.Name)
		}
	}
	return nil
}

// claimed wants the policy that is said to be in force to be the one that the signatures brought into force.
func (c *sealCheck) claimed(ctx context.Context, inForce *witness.Adopted) error {
	text, err := inForce.Text(c.keys[0])
	if err != nil {
		return err
	}
	var bad *transparency.PublishedError
	if err = c.same(ctx, transparency.PolicyFile, text); errors.As(err, &bad) {
		return wrongFile(transparency.PolicyFile, "by the seals that are published policy %d is in force, and this is another (%s)", inForce.Version, bad.Reason)
	}
	return err
}

// unexpected finds heads and policies in a directory that the log knows nothing of.
func (c *sealCheck) unexpected(ctx context.Context) error {
	if text, err := c.files.Read(ctx, transparency.KeptFile, signednote.BytesMax); err == nil {
		c.rotated = map[uint64]bool{}
		for line := range strings.Lines(string(text)) {
			size, _ := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 64)
			c.rotated[size] = true
		}
	}
	for _, name := range c.listed() {
		if rest, ok := strings.CutPrefix(name, transparency.CheckpointFile+"."); ok {
			if err := c.mayBe(ctx, name, rest); err != nil {
				return err
			}
		}
		if rest, ok := strings.CutPrefix(name, transparency.PolicyFile+"."); ok {
			if version, err := strconv.ParseUint(rest, 10, 32); err == nil && version > uint64(len(c.books.Policies)) {
				return wrongFile(name, "the log has adopted %d witness policies", len(c.books.Policies))
			}
		}
	}
	return nil
}

// mayBe wants a head to be that of a closed month; one from before the first policy is checked here, for no verdict rests on it.
func (c *sealCheck) mayBe(ctx context.Context, name, digits string) error {
	size, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || transparency.SealFile(size) != name {
		return nil // no name of this format
	}
	at := slices.IndexFunc(c.books.Closings, func(closing witness.Closing) bool { return closing.Size == size })
	switch {
	case size > c.head.Size:
		return wrongFile(name, "it is ahead of the checkpoint, which has %d events: the log was put back to an earlier state", c.head.Size)
	case at < 0 && c.rotated[size]: // signed by the keys before and after a rotation
		root, _ := c.rootAt(size)
		msg, err := c.files.Read(ctx, name, signednote.BytesMax)
		if err == nil {
			_, err = c.readHead(name, msg, size, &root, time.Time{})
		}
		return err
	case at < 0:
		return wrongFile(name, "event %d closes no month", size)
	case len(c.books.Policies) == 0 || size < c.books.Policies[0].Event:
		_, err := c.readSeal(ctx, c.books.Closings[at])
		return err
	}
	return nil
}

// listed are the names of the files beside the tree, in a directory; a server cannot be asked.
func (c *sealCheck) listed() (names []string) {
	dir, ok := c.files.(transparency.Dir)
	if !ok {
		return nil
	}
	entries, _ := os.ReadDir(string(dir)) // a directory that was read a moment ago
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// readSeal checks the head of a closed month and every signature of it, and gives the keys of who signed.
func (c *sealCheck) readSeal(ctx context.Context, closing witness.Closing) ([]string, error) {
	name := transparency.SealFile(closing.Size)
	msg, err := c.files.Read(ctx, name, signednote.BytesMax)
	if errors.Is(err, fs.ErrNotExist) {
		c.found.Missing = append(c.found.Missing, name)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	root, _ := c.rootAt(closing.Size)
	since := closing.At.Add(-witness.FutureMax)
	if c.books.Simulated {
		since = time.Time{}
	}
	return c.readHead(name, msg, closing.Size, &root, since)
}

// readHead checks a head beside the tree: of this log, of this size and root (nil: not known), signed by the log, and with no signature
// that is not right, of its time, and of a witness of some policy.
func (c *sealCheck) readHead(name string, msg []byte, size uint64, root *transparency.Hash, since time.Time) (keys []string, err error) {
	note, err := signednote.Parse(msg)
	if err != nil {
		return nil, wrongFile(name, "%v", err)
	}
	head, err := transparency.ReadHead(msg)
	switch {
	case err != nil:
		return nil, wrongFile(name, "%v", err)
	case head.Origin != c.head.Origin || head.Size != size:
		return nil, wrongFile(name, "it is the head of %d events of %s", head.Size, head.Origin)
	case root != nil && head.Root != *root:
		return nil, wrongFile(name, "it has the root %v, and the first %d events have %v: history was changed since it was signed", head.Root, size, *root)
	}
	signed := false
	for _, line := range note.Signatures {
		if i := slices.IndexFunc(c.keys, func(v signednote.Verifier) bool { return v.Name == line.Name && v.Hash() == line.Hash }); i >= 0 {
			if !c.keys[i].Verify(note.Text, line) {
				return nil, wrongFile(name, "the signature of the log does not verify")
			}
			signed = true
			continue
		}
		if line.Name == c.head.Origin && c.rootAt == nil {
			continue // a key of the log before or after this one: which there were is in the events
		}
		key, err := c.signer(name, note, line, since)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if !signed {
		return nil, wrongFile(name, "the log has not signed it")
	}
	return keys, nil
}

// signer is the key of the witness who made a line.
func (c *sealCheck) signer(file string, note signednote.Note, line signednote.Signature, since time.Time) (string, error) {
	known := false
	for _, h := range c.holders {
		if h.key.Name != line.Name || h.key.Hash() != line.Hash {
			continue
		}
		known = true
		signed, err := witness.ParseCosignature(line.Blob)
		if err == nil {
			err = signed.Verify(h.key, note.Text, witness.Times{Now: c.now})
		}
		switch {
		case errors.Is(err, witness.ErrTime):
			return "", wrongFile(file, "the signature of %s: %v", h.name, err)
		case err != nil:
			continue
		case signed.Time < since.Unix():
			return "", wrongFile(file, "the signature of %s is of %s, before there was anything to sign", h.name, time.Unix(signed.Time, 0).UTC().Format(time.RFC3339))
		}
		return h.key.String(), nil
	}
	if known {
		return "", wrongFile(file, "the signature of %s does not verify", line.Name)
	}
	return "", wrongFile(file, "the signature of %s+%08x is of no witness of this log", line.Name, line.Hash)
}

// judge takes a verdict, and wants everybody who signed to be one who was to.
func (c *sealCheck) judge(m *sealFound, v witness.Verdict) error {
	for _, key := range m.keys {
		if !v.Admits(c.books.Policies, key) {
			return wrongFile(transparency.SealFile(m.Size), "%s has signed it, who was no witness of it by policy %d", c.nameOf(key), v.Policy.Version)
		}
	}
	m.verdict, m.Policy, m.Sealed = v, v.Policy.Version, v.Sealed
	m.Signed, m.Lacking = []string{}, []string{}
	for _, g := range v.Groups {
		m.Signed, m.Lacking = append(m.Signed, g.Signed...), append(m.Lacking, g.Missing...)
	}
	if m.Sealed {
		c.found.Sealed = m.Month
	}
	return nil
}

func (c *sealCheck) nameOf(key string) string {
	for _, h := range c.holders {
		if h.key.String() == key {
			return h.name
		}
	}
	return key
}

// checkpoint checks the signatures of witnesses on the newest head.
func (c *sealCheck) checkpoint(ctx context.Context) error {
	msg, err := c.files.Read(ctx, transparency.CheckpointFile, signednote.BytesMax)
	if err != nil {
		return err
	}
	if head, err := transparency.ReadHead(msg); err == nil && head.Size != c.head.Size {
		return nil // a newer one was published meanwhile
	}
	_, err = c.readHead(transparency.CheckpointFile, msg, c.head.Size, &c.head.Root, time.Time{})
	return err
}

// known holds the log to what the reader knows of its witnesses from elsewhere.
func (c *sealCheck) known(j witness.Judgement) error {
	if month := c.flags.sealed; month != "" {
		i := slices.IndexFunc(c.found.Months, func(m sealFound) bool { return m.Month == month })
		if _, err := ledger.ParseMonth("sealed", month); err != nil {
			return failed(exitUsage, "--sealed 写作 YYYY-MM,不是“%s”。", "--sealed is YYYY-MM, not \"%s\".", month)
		}
		if i < 0 || !c.found.Months[i].Sealed {
			return failed(exitVerified, "%s 没有盖五瓣章。", "The month %s is not sealed.", month)
		}
	}
	policy, key, err := c.flags.read()
	switch {
	case err != nil || policy == nil && key == "":
		return err
	case key != "":
		for _, m := range c.found.Months {
			if slices.Contains(m.keys, key) {
				return nil
			}
		}
		return failed(exitVerified, "这位见证人没有签过这里的任何一个月:%s。", "This witness has signed no month that is published here: %s.", key)
	}
	for i := range c.books.Policies {
		p := &c.books.Policies[i]
		text, err := p.Text(c.keys[0])
		if err != nil {
			return err
		}
		if !bytes.Equal(withoutLogs(text), policy) {
			continue
		}
		if p.Version > j.Version() {
			return failed(exitVerified, "所给的见证章程是第 %d 版,还没有生效。", "The witness policy that was given is policy %d, which is not in effect.", p.Version)
		}
		if !slices.ContainsFunc(c.found.Months, func(m sealFound) bool { return m.Sealed && m.Policy >= p.Version }) {
			return failed(exitVerified, "所给的见证章程(第 %d 版)之下还没有盖过章。", "Nothing is sealed under the witness policy that was given (policy %d) or a later one.", p.Version)
		}
		return nil
	}
	return failed(exitVerified, "账簿从没有通过所给的见证章程。", "The log has never adopted the witness policy that was given.")
}

// read is the policy that was kept, without the keys of the log, or the key of a witness.
func (o *sealFlags) read() (policy []byte, key string, err error) {
	if o.policy == "" {
		return nil, "", nil
	}
	if v, err := signednote.ParseVerifier(o.policy); err == nil {
		return nil, v.String(), nil
	}
	text, err := os.ReadFile(o.policy)
	if err != nil {
		return nil, "", cannotOpen(o.policy, err)
	}
	kept, err := witness.ParsePolicy(text)
	if err == nil {
		text, err = witness.FormatPolicy(kept)
	}
	if err != nil {
		return nil, "", failed(exitUsage, "%s 不是见证章程(%v)。", "%s is no witness policy (%v).", o.policy, err)
	}
	return withoutLogs(text), "", nil
}

// withoutEvents checks what is beside a head without its events: each head is signed by the log and by witnesses, but which policy was in force
// when is in the events, and so is what closes a month.
func (c *sealCheck) withoutEvents(ctx context.Context) error {
	policy, key, err := c.flags.read()
	if err != nil {
		return err
	}
	policies, err := c.claims(ctx, policy)
	if err != nil {
		return err
	}
	if len(policies) == 0 {
		if c.flags.given() {
			return failed(exitVerified, "这里没有见证章程,也没有见证签名。", "There is neither a witness policy nor a signature of a witness here.")
		}
		return nil
	}
	inForce := policies[len(policies)-1]
	for _, name := range c.heads() {
		msg, err := c.files.Read(ctx, name, signednote.BytesMax)
		if err != nil {
			return err
		}
		size, root := c.head.Size, &c.head.Root
		if rest, ok := strings.CutPrefix(name, transparency.CheckpointFile+"."); ok {
			if size, _ = strconv.ParseUint(rest, 10, 64); size > c.head.Size {
				return wrongFile(name, "it is ahead of the checkpoint, which has %d events: the log was put back to an earlier state", c.head.Size)
			}
			if size < c.head.Size {
				root = nil
			}
		}
		keys, err := c.readHead(name, msg, size, root, time.Time{})
		if err != nil {
			return err
		}
		note, _ := signednote.Parse(msg)
		seal, err := inForce.Satisfied(note, witness.Times{Now: c.now})
		if err != nil {
			return wrongFile(name, "%v", err)
		}
		m := sealFound{Size: size, Sealed: seal.Satisfied, Signed: []string{}, Lacking: append([]string{}, seal.Missing...), keys: keys}
		for _, s := range seal.Signed {
			m.Signed = append(m.Signed, s.Witness.Name)
		}
		if again := slices.ContainsFunc(c.found.Months, func(o sealFound) bool { return o.Size == size }); !again && len(keys) > 0 || name != transparency.CheckpointFile {
			c.found.Months = append(c.found.Months, m)
		}
	}
	switch {
	case c.flags.sealed != "":
		return failed(exitVerified, "没有各笔,看不出哪个月盖了章。", "Without the events it cannot be told which month is sealed.")
	case key != "" && !slices.ContainsFunc(c.found.Months, func(m sealFound) bool { return slices.Contains(m.keys, key) }):
		return failed(exitVerified, "这位见证人没有签过这里的任何一个根:%s。", "This witness has signed no head that is published here: %s.", key)
	case policy != nil && !slices.ContainsFunc(c.found.Months, func(m sealFound) bool { return m.Sealed }):
		return failed(exitVerified, "所给的见证章程之下还没有盖过章。", "Nothing here is sealed under the witness policy that was given.")
	}
	return nil
}

// claims reads the policies that lie beside a head without events; the one to judge by comes last: the one that was kept, else the one that
// is said to be in force.
func (c *sealCheck) claims(ctx context.Context, kept []byte) (policies []witness.Policy, err error) {
	texts := [][]byte{}
	for version := uint32(1); ; version++ {
		text, err := c.files.Read(ctx, transparency.PolicyFileOf(version), witness.PolicyBytesMax)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	names := func(text []byte) func([]byte) bool {
		return func(other []byte) bool { return bytes.Equal(withoutLogs(other), withoutLogs(text)) }
	}
	text, err := c.files.Read(ctx, transparency.PolicyFile, witness.PolicyBytesMax)
	switch {
	case err == nil && !slices.ContainsFunc(texts, names(text)):
		return nil, wrongFile(transparency.PolicyFile, "it is none of the numbered policies beside it")
	case err == nil:
		texts = append(texts, text)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if kept != nil {
		if !slices.ContainsFunc(texts, names(kept)) {
			return nil, failed(exitVerified, "这里没有所给的见证章程。", "The witness policy that was given is not among those here.")
		}
		texts = append(texts, kept)
	}
	for i, text := range texts {
		policy, err := witness.ParsePolicy(text)
		if err != nil {
			return nil, wrongFile(transparency.PolicyFileOf(uint32(i)+1), "%v", err)
		}
		for _, l := range policy.Logs {
			if l.Key.Name != c.head.Origin {
				return nil, wrongFile(transparency.PolicyFileOf(uint32(i)+1), "it names the log %s", l.Key.Name)
			}
		}
		policy.Logs = nil // the head itself was checked
		for _, w := range policy.Witnesses {
			c.holders = append(c.holders, holder{w.Name, w.Key})
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// heads are the names of the heads beside each other, in order of size.
func (c *sealCheck) heads() (names []string) {
	for _, name := range c.listed() {
		if rest, ok := strings.CutPrefix(name, transparency.CheckpointFile+"."); ok {
			if size, err := strconv.ParseUint(rest, 10, 64); err == nil && transparency.SealFile(size) == name {
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return append(names, transparency.CheckpointFile)
}

// tell says what was found of the witnesses.
func (f *sealsFound) tell(s *session, headOnly bool) {
	say := func(zh, en string, args ...any) { fmt.Fprintf(s.stderr, s.lang.text(zh, en)+"\n", args...) }
	names := func(list []string) string {
		if len(list) == 0 {
			return "—"
		}
		return strings.Join(list, s.lang.text("、", ", "))
	}
	if headOnly {
		for _, m := range f.Months {
			if m.Sealed {
				say("%d 笔的根,见证人都够了:%s。", "The head of %d events has enough witnesses: %s.", m.Size, names(m.Signed))
			} else {
				say("%d 笔的根,见证人不够:已签 %s,未签 %s。", "The head of %d events has NOT enough witnesses: signed %s, missing %s.", m.Size, names(m.Signed), names(m.Lacking))
			}
		}
		return
	}
	if f.Policy == 0 {
		say("没有见证章程:没有人见证过这本账簿。", "No witness policy: nobody is a witness of this log.")
		return
	}
	for i := len(f.Months) - 1; i >= 0; i-- {
		m := f.Months[i]
		if m.Sealed {
			say("五瓣章盖到 %s(见证章程第 %d 版):%s。", "Sealed up to %s by policy %d: %s.", m.Month, m.Policy, names(m.Signed))
			break
		}
		for _, g := range m.verdict.Groups {
			if g.Satisfied() {
				continue
			}
			say("%s 没有盖章:%s 要 %d 人,已签 %d 人(%s),未签 %s。", "%s is NOT SEALED: %s needs %d, signed %d (%s), missing %s.", m.Month, g.Name, g.Threshold, len(g.Signed), names(g.Signed), names(g.Missing))
		}
	}
	if f.Sealed == "" {
		say("还没有盖过五瓣章。", "No month is sealed.")
	}
	if f.Pending > 0 {
		say("另有 %d 版见证章程已通过,未生效。", "%d more witness policies are adopted and not in effect.", f.Pending)
	}
	if f.CommitteeOnly {
		say("见证人只有委员会的,没有外面的人。", "Committee only: no witness is from outside.")
	}
	if len(f.Missing) > 0 {
		say("没有公布:%s。", "Not published: %s.", names(f.Missing))
	}
}
