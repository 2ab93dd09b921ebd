package witness

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// Limits of a policy.
const (
	PolicyBytesMax = 64 << 10
	LogsMax        = 32
	WitnessesMax   = 128
	GroupsMax      = 64
)

const (
	quorumNone = "none"       // no cosignature is needed; nothing else may be called so
	allGroups  = "all-groups" // the group over the groups of NewPolicy
)

// ErrPolicy says that a text or a value is no policy.
var ErrPolicy = errors.New("witness policy")

// Policy says whose signatures make a head one to rely on: that of any of Logs, and of the Witnesses as many as Quorum demands.
type Policy struct {
	Logs      []Log     // none: the log is known from elsewhere
	Witnesses []Witness // no two of one name or one key
	Groups    []Group   // members stand before the groups they are members of
	Quorum    string    // name of a witness or of a group, or "none"
}

// Log is a log by its key, whose name is the log's origin.
type Log struct {
	Key signednote.Verifier
	URL string // empty for none
}

// Witness (见证人) is one who may cosign. The name has a meaning within its policy alone.
type Witness struct {
	Name string
	Key  signednote.Verifier
	URL  string // empty for none
}

// Group (见证组) has signed when Threshold of its members have. A member is a witness or an earlier group, and a member of one group
// alone, so that each witness counts in one way only.
type Group struct {
	Name      string
	Threshold int // 1 to the number of members
	Members   []string
}

// WitnessGroup is a group of witnesses as a collective adopts it.
type WitnessGroup struct {
	Name      string
	Threshold int
	Witnesses []Witness
}

// NewPolicy is the policy of a collective: each of its groups has to be satisfied. logs are the keys of its log. A policy that needs more
// signatures than a note has room for is refused, and so is a group or a witness named "none" or "all-groups". The error wraps
// ErrPolicy.
func NewPolicy(logs []signednote.Verifier, groups []WitnessGroup) (Policy, error) {
	var p Policy
	for _, key := range logs {
		p.Logs = append(p.Logs, Log{Key: key})
	}
	all := Group{Name: allGroups, Threshold: len(groups)}
	needed := 0
	for _, g := range groups {
		members := make([]string, 0, len(g.Witnesses))
		for _, w := range g.Witnesses {
			p.Witnesses = append(p.Witnesses, w)
			members = append(members, w.Name)
		}
		p.Groups = append(p.Groups, Group{Name: g.Name, Threshold: g.Threshold, Members: members})
		all.Members = append(all.Members, g.Name)
		needed += g.Threshold
	}
	if needed > signednote.SignaturesMax-2 { // the log signs with two keys while one takes the place of the other
		return Policy{}, fmt.Errorf("%w: it needs %d signatures, and a head has room for %d", ErrPolicy, needed, signednote.SignaturesMax-2)
	}
	if slices.Contains(p.names(), allGroups) {
		return Policy{}, fmt.Errorf("%w: nothing may be called %q", ErrPolicy, allGroups)
	}
	if p.Quorum = allGroups; len(groups) == 1 {
		p.Quorum = groups[0].Name
	} else {
		p.Groups = append(p.Groups, all)
	}
	return p, p.Check()
}

func (p Policy) names() []string {
	var names []string
	for _, w := range p.Witnesses {
		names = append(names, w.Name)
	}
	for _, g := range p.Groups {
		names = append(names, g.Name)
	}
	return names
}

// Check finds what the specification forbids. The error wraps ErrPolicy.
func (p Policy) Check() error {
	if len(p.Logs) > LogsMax || len(p.Witnesses) > WitnessesMax || len(p.Groups) > GroupsMax {
		return fmt.Errorf("%w: it has more than %d logs, %d witnesses or %d groups", ErrPolicy, LogsMax, WitnessesMax, GroupsMax)
	}
	c := checker{names: make(map[string]bool), members: make(map[string]string)}
	logs := make(map[[32]byte]bool)
	for _, l := range p.Logs {
		if err := checkKey(l.Key, signednote.Ed25519, logs, l.URL); err != nil {
			return fmt.Errorf("%w: log %s: %w", ErrPolicy, l.Key.Name, err)
		}
	}
	witnesses := make(map[[32]byte]bool)
	for _, w := range p.Witnesses {
		if err := checkKey(w.Key, signednote.Cosignature, witnesses, w.URL); err != nil {
			return fmt.Errorf("%w: witness %q: %w", ErrPolicy, w.Name, err)
		}
		if err := c.define(w.Name); err != nil {
			return fmt.Errorf("%w: witness %w", ErrPolicy, err)
		}
	}
	for _, g := range p.Groups {
		if err := c.group(g); err != nil {
			return fmt.Errorf("%w: group %w", ErrPolicy, err)
		}
	}
	if p.Quorum != quorumNone && !c.names[p.Quorum] {
		return fmt.Errorf("%w: the quorum %q is not defined", ErrPolicy, p.Quorum)
	}
	return nil
}

// checkKey refuses a key that is there already, under whatever name.
func checkKey(v signednote.Verifier, algorithm signednote.Algorithm, known map[[32]byte]bool, url string) error {
	switch again, err := signednote.ParseVerifier(v.String()); {
	case err != nil || again != v:
		return errors.New("its key is none")
	case v.Algorithm != algorithm:
		return fmt.Errorf("its key is of the algorithm %#02x, not %#02x", byte(v.Algorithm), byte(algorithm))
	case known[v.Key]:
		return errors.New("its key is there twice")
	case url != "" && !isWord(url):
		return errors.New("its URL has a character that no word may have")
	}
	known[v.Key] = true
	return nil
}

type checker struct {
	names   map[string]bool
	members map[string]string // and the group each is a member of
}

func (c checker) define(name string) error {
	switch {
	case !isWord(name):
		return fmt.Errorf("%q: it is no name", name)
	case name == quorumNone:
		return fmt.Errorf("%q: nothing may be called so", name)
	case c.names[name]:
		return fmt.Errorf("%q: the name is there twice", name)
	}
	c.names[name] = true
	return nil
}

func (c checker) group(g Group) error {
	if len(g.Members) == 0 || g.Threshold < 1 || g.Threshold > len(g.Members) {
		return fmt.Errorf("%q: it needs %d of %d members", g.Name, g.Threshold, len(g.Members))
	}
	for _, m := range g.Members {
		if !c.names[m] {
			return fmt.Errorf("%q: its member %q is not defined before it", g.Name, m)
		}
		if other, ok := c.members[m]; ok {
			return fmt.Errorf("%q: its member %q is one of %q already", g.Name, m, other)
		}
		c.members[m] = g.Name
	}
	return c.define(g.Name)
}

// isWord says whether a text can stand as one word of a line. What is not ASCII is not looked at, as the specification demands.
func isWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// ParsePolicy reads the text of a policy (c2sp.org/tlog-policy), of 64 KiB at the most. Words stand between spaces or tabs; empty
// lines and those that begin with # say nothing. Whatever the specification forbids is refused, and so is a number or a key that is
// not in its one form and a key of another algorithm than Ed25519. The error wraps ErrPolicy and names the line.
func ParsePolicy(text []byte) (Policy, error) {
	if len(text) > PolicyBytesMax {
		return Policy{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrPolicy, len(text), PolicyBytesMax)
	}
	var p Policy
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if err := p.parseLine(line); err != nil {
			return Policy{}, fmt.Errorf("%w: line %d: %w", ErrPolicy, number, err)
		}
	}
	if p.Quorum == "" {
		return Policy{}, fmt.Errorf("%w: it has no quorum", ErrPolicy)
	}
	if err := p.Check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

func (p *Policy) parseLine(line []byte) error {
	text, ended := strings.CutSuffix(string(line), "\n")
	if !ended {
		return errors.New("it does not end in a line feed")
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("it has the control character %#02x", c)
		}
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	keyword, words := words[0], words[1:]
	switch {
	case keyword == "log" && (len(words) == 1 || len(words) == 2):
		key, err := signednote.ParseVerifier(words[0])
		p.Logs = append(p.Logs, Log{Key: key, URL: strings.Join(words[1:], "")})
		return err
	case keyword == "witness" && (len(words) == 2 || len(words) == 3):
		key, err := signednote.ParseVerifier(words[1])
		p.Witnesses = append(p.Witnesses, Witness{Name: words[0], Key: key, URL: strings.Join(words[2:], "")})
		return err
	case keyword == "group" && len(words) >= 3:
		threshold, err := parseThreshold(words[1], len(words)-2)
		if err == nil {
			err = p.known(words[2:])
		}
		p.Groups = append(p.Groups, Group{Name: words[0], Threshold: threshold, Members: slices.Clone(words[2:])})
		return err
	case keyword == "quorum" && len(words) == 1:
		if p.Quorum != "" {
			return errors.New("it is a second quorum")
		}
		if words[0] != quorumNone {
			if err := p.known(words); err != nil {
				return err
			}
		}
		p.Quorum = words[0]
		return nil
	}
	return errors.New("it is not log, witness, group or quorum with what belongs to it")
}

// known refuses names that no line before this one defines.
func (p *Policy) known(names []string) error {
	defined := p.names()
	for _, name := range names {
		if !slices.Contains(defined, name) {
			return fmt.Errorf("%q is not defined before it", name)
		}
	}
	return nil
}

func parseThreshold(word string, members int) (int, error) {
	switch word {
	case "all":
		return members, nil
	case "any":
		return 1, nil
	}
	k, err := strconv.Atoi(word)
	if err != nil || strconv.Itoa(k) != word || k < 1 || k > members {
		return 0, fmt.Errorf("%q is not all, any or a number of 1 to %d", word, members)
	}
	return k, nil
}

// FormatPolicy writes a policy in the one form in which this product does: logs, witnesses, groups and the quorum, each on a line of
// words between single spaces. ParsePolicy reads the same policy from it. The error wraps ErrPolicy.
func FormatPolicy(p Policy) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, l := range p.Logs {
		fmt.Fprintln(&b, strings.TrimSuffix("log "+l.Key.String()+" "+l.URL, " "))
	}
	for _, w := range p.Witnesses {
		fmt.Fprintln(&b, strings.TrimSuffix("witness "+w.Name+" "+w.Key.String()+" "+w.URL, " "))
	}
	for _, g := range p.Groups {
		threshold := strconv.Itoa(g.Threshold)
		if g.Threshold == len(g.Members) {
			threshold = "all"
		}
		fmt.Fprintln(&b, "group", g.Name, threshold, strings.Join(g.Members, " "))
	}
	fmt.Fprintln(&b, "quorum", p.Quorum)
	if b.Len() > PolicyBytesMax {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrPolicy, b.Len(), PolicyBytesMax)
	}
	return b.Bytes(), nil
}

// Seal is what the signatures of a note amount to under a policy.
type Seal struct {
	Satisfied bool     // the log has signed, and the quorum has
	Log       bool     // a log of the policy has signed, or the policy names none
	Signed    []Signed // witnesses whose cosignature is right, in order of the policy
	Missing   []string // names of those who have no signature line
	Refused   []error  // cosignatures that are right and of a time that is not (ErrTime)
}

// Signed is the cosignature of one witness of a policy.
type Signed struct {
	Witness     Witness
	Cosignature Cosignature
}

// Satisfied looks at the signatures of a note. Signatures of keys that the policy does not name are not looked at; a signature line
// of one that it names and that does not verify makes the whole note refused (ErrCosignature), as the specification of signed notes
// advises. A witness counts once. That the text is a head, and of which log when the policy names none, is for the caller to know.
func (p Policy) Satisfied(n signednote.Note, times Times) (Seal, error) {
	if err := p.Check(); err != nil {
		return Seal{}, err
	}
	seal := Seal{Log: len(p.Logs) == 0}
	origin, _, _ := strings.Cut(n.Text, "\n")
	for _, l := range p.Logs {
		s, ok := n.Signature(l.Key)
		if !ok || l.Key.Name != origin {
			continue
		}
		if !l.Key.Verify(n.Text, s) {
			return Seal{}, fmt.Errorf("%w: that of the log %s", ErrCosignature, origin)
		}
		seal.Log = true
	}
	signed := make(map[string]bool)
	for _, w := range p.Witnesses {
		c, err := Cosigned(n, w.Key, times)
		switch {
		case err == nil:
			signed[w.Name] = true
			seal.Signed = append(seal.Signed, Signed{Witness: w, Cosignature: c})
		case errors.Is(err, ErrNotCosigned):
			seal.Missing = append(seal.Missing, w.Name)
		case errors.Is(err, ErrTime):
			seal.Refused = append(seal.Refused, err)
		default:
			return Seal{}, err
		}
	}
	for _, g := range p.Groups { // members stand before their groups
		count := 0
		for _, m := range g.Members {
			if signed[m] {
				count++
			}
		}
		signed[g.Name] = count >= g.Threshold
	}
	seal.Satisfied = seal.Log && (p.Quorum == quorumNone || signed[p.Quorum])
	return seal, nil
}
