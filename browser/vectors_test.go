package browser

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

var update = flag.Bool("update", false, "write the shared vectors anew")

// vectorsDir holds what both implementations have to agree on; cmd/mingzhang checks the pins.
const vectorsDir = "../transparency/testdata/vectors"

// vector is one case. OK is what it is by the way it was made, not what some implementation said of it.
type vector struct {
	Op   string `json:"op"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`

	Origin string   `json:"origin,omitempty"` // inclusion: of the event
	Type   string   `json:"type,omitempty"`
	Data   []byte   `json:"data,omitempty"`
	Number string   `json:"number,omitempty"`   // inclusion: the index; consistency: the old size
	OldHex string   `json:"old_root,omitempty"` // consistency
	Size   string   `json:"size,omitempty"`
	Root   string   `json:"root,omitempty"` // hex
	Hashes []string `json:"hashes,omitempty"`

	Key  string `json:"key,omitempty"` // note, cosignature: verifier key
	Text string `json:"text,omitempty"`
	Note string `json:"note,omitempty"` // policy: the note that is judged; none: the text alone is read
	Now  int64  `json:"now,omitempty"`  // policy, seconds
}

const (
	villageOrigin = "example.org/log/village"
	eventType     = "income_recorded"
	signedAt      = 1_700_000_000
)

func seed(name string) []byte { s := sha256.Sum256([]byte("vector " + name)); return s[:] }

// grown is a log of any size whose leaves are all one, but for a few: its hashes are functions of their place.
type grown struct {
	odd  []uint64      // indexes of other leaves, in order
	same [64]tlog.Hash // root of 2^n same leaves
}

var sameData = []byte("same")

func newGrown(odd ...uint64) *grown {
	slices.Sort(odd)
	g := &grown{odd: odd}
	g.same[0] = tlog.RecordHash(transparency.Entry(villageOrigin, eventType, sameData))
	for i := 1; i < len(g.same); i++ {
		g.same[i] = tlog.NodeHash(g.same[i-1], g.same[i-1])
	}
	return g
}

func (g *grown) data(index uint64) []byte {
	if slices.Contains(g.odd, index) {
		return binary.BigEndian.AppendUint64(nil, index)
	}
	return sameData
}

func (g *grown) node(level int, n uint64) tlog.Hash {
	first, end := n<<level, (n+1)<<level
	if !slices.ContainsFunc(g.odd, func(i uint64) bool { return first <= i && i < end }) {
		return g.same[level]
	}
	if level == 0 {
		return tlog.RecordHash(transparency.Entry(villageOrigin, eventType, g.data(n)))
	}
	return tlog.NodeHash(g.node(level-1, 2*n), g.node(level-1, 2*n+1))
}

// span is the root of the leaves from..from+n-1, RFC 6962, section 2.1.
func (g *grown) span(from, n uint64) tlog.Hash {
	if n == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	if level := bits.Len64(n) - 1; n == 1<<level {
		return g.node(level, from>>level)
	}
	k := uint64(1) << (bits.Len64(n-1) - 1)
	return tlog.NodeHash(g.span(from, k), g.span(from+k, n-k))
}

// inclusion and consistency are written after the text of RFC 6962, sections 2.1.1 and 2.1.2, not after either implementation.
func (g *grown) inclusion(m, from, n uint64) []tlog.Hash {
	if n == 1 {
		return nil
	}
	k := uint64(1) << (bits.Len64(n-1) - 1)
	if m < k {
		return append(g.inclusion(m, from, k), g.span(from+k, n-k))
	}
	return append(g.inclusion(m-k, from+k, n-k), g.span(from, k))
}

func (g *grown) consistency(m, from, n uint64, whole bool) []tlog.Hash {
	if m == n {
		if whole {
			return nil
		}
		return []tlog.Hash{g.span(from, n)}
	}
	k := uint64(1) << (bits.Len64(n-1) - 1)
	if m <= k {
		return append(g.consistency(m, from, k, whole), g.span(from+k, n-k))
	}
	return append(g.consistency(m-k, from+k, n-k, false), g.span(from, k))
}

func hexes(hashes []tlog.Hash) []string {
	s := []string{}
	for _, h := range hashes {
		s = append(s, hex.EncodeToString(h[:]))
	}
	return s
}

func (v vector) changed(name string, f func(*vector)) vector {
	v.Name, v.OK, v.Hashes = v.Name+": "+name, false, slices.Clone(v.Hashes)
	f(&v)
	return v
}

func flipHex(s string, bit int) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	b[bit/8%len(b)] ^= 1 << (bit % 8)
	return hex.EncodeToString(b)
}

// wrongProofs are the ways in which a proof goes wrong.
func (v vector) wrongProofs() []vector {
	wrong := []vector{
		v.changed("one bit of the root", func(v *vector) { v.Root = flipHex(v.Root, 77) }),
		v.changed("root of 31 bytes", func(v *vector) { v.Root = v.Root[2:] }),
		v.changed("root of 33 bytes", func(v *vector) { v.Root += "00" }),
		v.changed("a hash too many", func(v *vector) { v.Hashes = append(v.Hashes, v.Root) }),
		v.changed("size 0", func(v *vector) { v.Size = "0" }),
	}
	for i := range v.Hashes {
		if i%7 == 0 || i == len(v.Hashes)-1 {
			wrong = append(wrong, v.changed(fmt.Sprintf("one bit of hash %d", i), func(v *vector) { v.Hashes[i] = flipHex(v.Hashes[i], 13*i) }))
		}
		if i == len(v.Hashes)/2 {
			wrong = append(wrong,
				v.changed(fmt.Sprintf("without hash %d", i), func(v *vector) { v.Hashes = slices.Delete(v.Hashes, i, i+1) }),
				v.changed(fmt.Sprintf("31 bytes of hash %d", i), func(v *vector) { v.Hashes[i] = v.Hashes[i][2:] }),
				v.changed(fmt.Sprintf("hash %d empty", i), func(v *vector) { v.Hashes[i] = "" }),
				v.changed(fmt.Sprintf("hash %d twice", i), func(v *vector) { v.Hashes = slices.Insert(v.Hashes, i, v.Hashes[i]) }))
		}
	}
	return wrong
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func treeVectors() []vector {
	var all []vector
	sizes := []uint64{1, 2, 3, 4, 7, 8, 255, 256, 257, 70_000, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<53 - 1, 1<<53 + 12345, 1<<61 + 7}
	spoilt := []uint64{1, 3, 4, 7, 257, 1<<32 - 1, 1<<53 + 12345} // of these, proofs that are wrong
	for _, size := range sizes {
		g := newGrown(0, size/3, size/2, size-1)
		root := g.span(0, size)
		for _, index := range slices.Compact([]uint64{0, size / 3, size / 2, size - 1}) {
			v := vector{Op: "inclusion", Name: fmt.Sprintf("event %d of %d", index, size), OK: true, Origin: villageOrigin, Type: eventType, Data: g.data(index),
				Number: decimal(index), Size: decimal(size), Root: hex.EncodeToString(root[:]), Hashes: hexes(g.inclusion(index, 0, size))}
			all = append(all, v)
			if index != size/2 || !slices.Contains(spoilt, size) {
				continue
			}
			all = append(all, v.wrongProofs()...)
			all = append(all,
				v.changed("another event", func(v *vector) { v.Data = []byte("other") }),
				v.changed("another type", func(v *vector) { v.Type = "other" }),
				v.changed("type with a line break", func(v *vector) { v.Type = "a\nb" }),
				v.changed("another log", func(v *vector) { v.Origin = "example.org/log/other" }),
				v.changed("no data", func(v *vector) { v.Data = nil }),
				v.changed("behind the log", func(v *vector) { v.Number = v.Size }),
				v.changed("one further", func(v *vector) { v.Number = decimal(index + 1) }))
		}
		for _, old := range slices.Compact([]uint64{1, max(1, size/3), max(1, size/2), max(1, size-1), size}) {
			oldRoot := g.span(0, old)
			v := vector{Op: "consistency", Name: fmt.Sprintf("%d in %d", old, size), OK: true, Number: decimal(old), OldHex: hex.EncodeToString(oldRoot[:]),
				Size: decimal(size), Root: hex.EncodeToString(root[:]), Hashes: hexes(g.consistency(old, 0, size, true))}
			all = append(all, v)
			if old != max(1, size/2) && old != size || !slices.Contains(spoilt, size) {
				continue
			}
			all = append(all, v.wrongProofs()...)
			all = append(all,
				v.changed("one bit of the old root", func(v *vector) { v.OldHex = flipHex(v.OldHex, 200) }),
				v.changed("old root of 31 bytes", func(v *vector) { v.OldHex = v.OldHex[2:] }),
				v.changed("no old root", func(v *vector) { v.OldHex = "" }),
				v.changed("old size 0", func(v *vector) { v.Number, v.OldHex = "0", hex.EncodeToString(seed("empty")) }),
				v.changed("old size behind", func(v *vector) { v.Number = decimal(size + 1) }))
		}
	}
	empty := sha256.Sum256(nil)
	return append(all, vector{Op: "consistency", Name: "nothing in nothing", Number: "0", OldHex: hex.EncodeToString(empty[:]), Size: "0", Root: hex.EncodeToString(empty[:])})
}

// signers of the notes.
var (
	logKey   = ed25519.NewKeyFromSeed(seed("log"))
	otherKey = ed25519.NewKeyFromSeed(seed("other log"))
)

func verifierOf(name string, alg signednote.Algorithm, key ed25519.PrivateKey) signednote.Verifier {
	v, err := signednote.NewVerifier(name, alg, key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return v
}

func signedText(text string, key ed25519.PrivateKey) signednote.Note {
	s, err := signednote.Sign(villageOrigin, key, text)
	if err != nil {
		panic(err)
	}
	return signednote.Note{Text: text, Signatures: []signednote.Signature{s}}
}

func witnessKey(name string) witness.Key {
	k, err := witness.NewKey(name, seed(name))
	if err != nil {
		panic(err)
	}
	return k
}

func cosigned(n signednote.Note, at int64, names ...string) signednote.Note {
	n.Signatures = slices.Clone(n.Signatures)
	for _, name := range names {
		k := witnessKey(name)
		c, err := k.Cosign(n.Text, time.Unix(at, 0))
		if err != nil {
			panic(err)
		}
		n.Signatures = append(n.Signatures, c.Line(k.Verifier()))
	}
	return n
}

func headText() string {
	g := newGrown(3)
	return transparency.Head{Origin: villageOrigin, Size: 172, Root: g.span(0, 172)}.Text()
}

func noteVectors() []vector {
	text := headText()
	key := verifierOf(villageOrigin, signednote.Ed25519, logKey).String()
	good := cosigned(signedText(text, logKey), signedAt, "seat-1", "seat-2")
	v := vector{Op: "note", Name: "signed and cosigned", OK: true, Key: key, Text: string(good.Bytes())}
	b64 := strings.Split(v.Text, "\n")[2]
	all := []vector{v, {Op: "note", Name: "size 0", OK: true, Key: key, Text: string(signedText(villageOrigin+"\n0\n"+b64+"\n", logKey).Bytes())}}
	many := signedText(text, logKey)
	for i := range 31 {
		many = cosigned(many, signedAt, fmt.Sprintf("seat-%d", i))
	}
	all = append(all, vector{Op: "note", Name: "32 signatures", OK: true, Key: key, Text: string(many.Bytes())})
	line := good.Signatures[0].String()
	for _, bad := range []struct{ name, text string }{
		{"33 signatures", string(cosigned(many, signedAt, "seat-99").Bytes())},
		{"another key", string(signedText(text, otherKey).Bytes())},
		{"no signature", text + "\n"}, {"no empty line", text + line}, {"text alone", text}, {"nothing", ""},
		{"no last line feed", strings.TrimSuffix(v.Text, "\n")}, {"a line feed more", v.Text + "\n"}, {"a line more", v.Text + "x\n"},
		{"the signature twice", text + "\n" + line + line},
		{"a byte order mark", "\ufeff" + v.Text}, {"CR LF", strings.ReplaceAll(v.Text, "\n", "\r\n")},
		{"CR in base64", text + "\n" + line[:len(line)-9] + "\r" + line[len(line)-9:]},
		{"hyphen for dash", strings.ReplaceAll(v.Text, "—", "-")}, {"two spaces", strings.Replace(v.Text, "— ", "—  ", 1)},
		{"space at the end", strings.TrimSuffix(v.Text, "\n") + " \n"}, {"loose base64", text + "\n" + loose(line)}, {"no padding", strings.ReplaceAll(v.Text, "=", "")},
		{"a signature of 4 bytes", text + "\n" + line + "— seat-1 " + base64.StdEncoding.EncodeToString([]byte("1234")) + "\n"},
		{"a name with a plus", text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", "seat+1", 1)},
		{"a name of 256 bytes", text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", strings.Repeat("é", 128), 1)},
		{"a name with a no-break space", text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", "seat\u00a01", 1)},
		{"a name with a zero-width space", text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", "seat\u200b1", 1)},
		{"65,537 bytes", text + "\n" + line + "— x " + base64.StdEncoding.EncodeToString(make([]byte, 49152)) + "\n"},
	} {
		all = append(all, vector{Op: "note", Name: bad.name, Key: key, Text: bad.text})
	}
	all = append(all, vector{Op: "note", Name: "a name of 254 bytes", OK: true, Key: key, Text: text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", strings.Repeat("é", 127), 1)},
		vector{Op: "note", Name: "a Chinese name", OK: true, Key: key, Text: text + "\n" + line + strings.Replace(good.Signatures[1].String(), "seat-1", "监委会", 1)})
	for _, body := range []struct{ name, text string }{
		{"leading zero", villageOrigin + "\n0172\n" + b64 + "\n"}, {"plus", villageOrigin + "\n+172\n" + b64 + "\n"}, {"hexadecimal", villageOrigin + "\n0xac\n" + b64 + "\n"},
		{"negative", villageOrigin + "\n-1\n" + b64 + "\n"}, {"no size", villageOrigin + "\n\n" + b64 + "\n"}, {"beyond 2^62", villageOrigin + "\n4611686018427387905\n" + b64 + "\n"},
		{"beyond 2^64", villageOrigin + "\n18446744073709551789\n" + b64 + "\n"}, {"short root", villageOrigin + "\n172\n" + base64.StdEncoding.EncodeToString(make([]byte, 31)) + "\n"},
		{"long root", villageOrigin + "\n172\n" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n"}, {"an extension line", text + "extension\n"},
		{"root without padding", villageOrigin + "\n172\n" + strings.TrimRight(b64, "=") + "\n"}, {"another log", "example.org/log/other\n172\n" + b64 + "\n"},
	} {
		all = append(all, vector{Op: "note", Name: body.name, Key: key, Text: string(signedText(body.text, logKey).Bytes())})
	}
	name, rest, _ := strings.Cut(key, "+")
	for _, k := range []struct{ name, key string }{
		{"key under another name", "example.org/log/other+" + rest}, {"key with upper-case hash", name + "+" + strings.ToUpper(rest[:8]) + rest[8:]},
		{"key without hash", name + "+" + rest[9:]}, {"key with a space", key + " "}, {"key of another algorithm", verifierOf(villageOrigin, signednote.Cosignature, logKey).String()},
		{"no key", ""}, {"key with another hash", name + "+00000000" + rest[8:]},
	} {
		all = append(all, vector{Op: "note", Name: k.name, Key: k.key, Text: v.Text})
	}
	return all
}

// loose sets a bit of base64 that stands for nothing.
func loose(line string) string {
	at := strings.IndexByte(line, '=')
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return line[:at-1] + string(alphabet[strings.IndexByte(alphabet, line[at-1])|1]) + line[at:]
}

func cosignatureVectors() []vector {
	text := headText()
	n := signedText(text, logKey)
	key := witnessKey("seat-1").Verifier().String()
	v := vector{Op: "cosignature", Name: "seat-1", OK: true, Key: key, Text: string(cosigned(n, signedAt, "seat-2", "seat-1").Bytes()), Now: signedAt}
	line := func(change func(blob []byte) []byte) string {
		n := cosigned(n, signedAt, "seat-1")
		n.Signatures[1].Blob = change(slices.Clone(n.Signatures[1].Blob))
		return string(n.Bytes())
	}
	return []vector{v,
		v.changed("not signed", func(v *vector) { v.Text = string(cosigned(n, signedAt, "seat-2").Bytes()) }),
		v.changed("another time", func(v *vector) { v.Text = line(func(b []byte) []byte { b[7]++; return b }) }),
		v.changed("time 0", func(v *vector) { v.Text = line(func(b []byte) []byte { return append(make([]byte, 8), b[8:]...) }) }),
		v.changed("negative time", func(v *vector) { v.Text = line(func(b []byte) []byte { b[0] |= 0x80; return b }) }),
		v.changed("63 bytes", func(v *vector) { v.Text = line(func(b []byte) []byte { return b[:len(b)-1] }) }),
		v.changed("65 bytes", func(v *vector) { v.Text = line(func(b []byte) []byte { return append(b, 0) }) }),
		v.changed("4 bytes", func(v *vector) { v.Text = line(func(b []byte) []byte { return b[:4] }) }),
		v.changed("without time", func(v *vector) { v.Text = line(func(b []byte) []byte { return b[8:] }) }),
		v.changed("of another head", func(v *vector) {
			other := cosigned(signedText(strings.Replace(text, "172", "173", 1), logKey), signedAt, "seat-1")
			other.Text, other.Signatures[0] = n.Text, n.Signatures[0]
			v.Text = string(other.Bytes())
		}),
	}
}

func policyVectors() []vector {
	var all []vector
	log := verifierOf(villageOrigin, signednote.Ed25519, logKey).String()
	w := func(name string) string { return "witness " + name + " " + witnessKey(name).Verifier().String() + "\n" }
	five := "log " + log + "\n" + w("seat-1") + w("seat-2") + w("seat-3") + w("seat-4") + w("seat-5")
	committee := five + "group committee 3 seat-1 seat-2 seat-3 seat-4 seat-5\n"
	outside := committee + w("town") + w("neighbour") + "group outside any town neighbour\ngroup both all committee outside\nquorum both\n"
	head := signedText(headText(), logKey)
	judge := func(name, policy string, ok bool, n signednote.Note) {
		all = append(all, vector{Op: "judge", Name: name, OK: ok, Text: policy, Note: string(n.Bytes()), Now: signedAt + 60})
	}
	three := committee + "quorum committee\n"
	judge("three of five", three, true, cosigned(head, signedAt, "seat-5", "seat-1", "seat-3"))
	judge("all five", three, true, cosigned(head, signedAt, "seat-1", "seat-2", "seat-3", "seat-4", "seat-5"))
	judge("two of five", three, false, cosigned(head, signedAt, "seat-5", "seat-1"))
	judge("two of five and somebody else", three, false, cosigned(head, signedAt, "seat-5", "seat-1", "neighbour"))
	judge("none of five", three, false, head)
	judge("signed in nine minutes", three, true, cosigned(head, signedAt+60+540, "seat-5", "seat-1", "seat-3"))
	judge("signed in eleven minutes", three, false, cosigned(head, signedAt+60+660, "seat-5", "seat-1", "seat-3"))
	for _, at := range []int64{0, -1} { // signed rightly, and of no time
		n := cosigned(head, signedAt, "seat-1", "seat-2", "seat-3")
		blob := binary.BigEndian.AppendUint64(nil, uint64(at))
		n.Signatures[3].Blob = append(blob, ed25519.Sign(ed25519.NewKeyFromSeed(seed("seat-3")), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, n.Text))...)
		judge(fmt.Sprintf("signed at %d", at), three, false, n)
	}
	judge("signed by another log key", three, false, cosigned(signedText(headText(), otherKey), signedAt, "seat-5", "seat-1", "seat-3"))
	judge("both groups", outside, true, cosigned(head, signedAt, "seat-5", "seat-1", "seat-3", "town"))
	judge("one group of two", outside, false, cosigned(head, signedAt, "seat-5", "seat-1", "seat-3", "seat-2"))
	judge("the other group of two", outside, false, cosigned(head, signedAt, "town", "neighbour", "seat-1", "seat-2"))
	judge("no quorum needed", five+"quorum none\n", true, head)
	judge("one witness", five+"quorum seat-4\n", true, cosigned(head, signedAt, "seat-4"))
	judge("one witness, another signed", five+"quorum seat-4\n", false, cosigned(head, signedAt, "seat-3"))
	judge("no log named", w("seat-1")+"quorum seat-1\n", true, cosigned(head, signedAt, "seat-1"))
	forged := cosigned(head, signedAt, "seat-1", "seat-2", "seat-3", "seat-4")
	forged.Signatures[4].Blob[20] ^= 1
	judge("three right and one wrong", three, false, forged)
	doubled := cosigned(head, signedAt, "seat-1", "seat-2", "seat-2")
	judge("one of them twice", three, false, doubled)

	read := func(name, policy string, ok bool) {
		all = append(all, vector{Op: "policy", Name: name, OK: ok, Text: policy})
	}
	read("three of five", three, true)
	read("two groups", outside, true)
	read("comments, tabs, empty lines", "# 见证章程\n\n \t\n\t# more\n"+strings.ReplaceAll(three, " ", " \t "), true)
	read("quorum before the end", five+"quorum seat-1\n"+w("town"), true)
	read("URLs", "log "+log+" https://example.org/log\n"+strings.TrimSuffix(w("town"), "\n")+" https://example.org/w\nquorum town\n", true)
	read("Chinese names", strings.ReplaceAll(three, " committee", " 监委会"), true)
	read("all of them", five+"group g all seat-1 seat-2\nquorum g\n", true)
	read("empty", "", false)
	read("no quorum", committee, false)
	read("two quorums", three+"quorum committee\n", false)
	read("unknown quorum", five+"quorum committee\n", false)
	read("quorum of two", five+"quorum seat-1 seat-2\n", false)
	read("quorum without a name", five+"quorum\n", false)
	read("no last line feed", strings.TrimSuffix(three, "\n"), false)
	read("CR LF", strings.ReplaceAll(three, "\n", "\r\n"), false)
	read("control character in a comment", "# \x01\n"+three, false)
	read("unknown word", "witnesses\n"+three, false)
	read("a witness twice in a group", w("town")+"group g 2 town town\nquorum g\n", false)
	read("a witness in two groups", w("town")+w("seat-1")+"group g 1 town\ngroup h all town seat-1\nquorum h\n", false)
	read("a key under two names", w("town")+strings.Replace(w("town"), "witness town", "witness city", 1)+"quorum town\n", false)
	read("a name twice", w("town")+strings.Replace(w("seat-1"), "witness seat-1", "witness town", 1)+"quorum town\n", false)
	read("a log twice", "log "+log+"\nlog "+log+"\nquorum none\n", false)
	read("a group named as a witness", w("town")+w("seat-1")+"group town 1 seat-1\nquorum town\n", false)
	read("a group of itself", w("town")+"group g 1 g\nquorum g\n", false)
	read("a group before its members", "group g 1 town\n"+w("town")+"quorum g\n", false)
	read("quorum before its group", w("town")+"quorum g\ngroup g 1 town\n", false)
	read("threshold 0", w("town")+"group g 0 town\nquorum g\n", false)
	read("threshold above the members", w("town")+"group g 2 town\nquorum g\n", false)
	read("threshold with a zero before", w("town")+"group g 01 town\nquorum g\n", false)
	read("threshold with a plus", w("town")+"group g +1 town\nquorum g\n", false)
	read("threshold of another word", w("town")+"group g most town\nquorum g\n", false)
	read("group without members", w("town")+"group g any\nquorum g\n", false)
	read("group all without members", w("town")+"group g all\nquorum g\n", false)
	read("witness named as a threshold", strings.TrimSuffix(w("town"), "\n")+" u v\nquorum town\n", false)
	read("witness any", w("town")+"witness w any\nquorum w\n", false)
	read("witness all", w("town")+"witness w all town\nquorum w\n", false)
	read("a witness named none", strings.Replace(w("town"), "witness town", "witness none", 1)+"quorum none\n", false)
	read("none as a member", w("town")+"group g 1 none\nquorum g\n", false)
	read("log key as a witness", "witness w "+log+"\nquorum w\n", false)
	read("witness key as a log", "log "+witnessKey("town").Verifier().String()+"\nquorum none\n", false)
	read("no key", "witness w\nquorum w\n", false)
	read("a log with three words", "log "+log+" u v\nquorum none\n", false)
	read("name of a JavaScript object", strings.Replace(w("town"), "witness town", "witness __proto__", 1)+"group constructor 1 __proto__\nquorum constructor\n", true)
	read("quorum of a JavaScript object", w("town")+"quorum constructor\n", false)
	return all
}

func proofVectors() []vector {
	g := newGrown(3)
	head := signedText(headText(), logKey)
	note := head.Bytes()
	in := transparency.FormatInclusion(transparency.Inclusion{Index: 3, Hashes: g.inclusion(3, 0, 172), Note: note})
	extra := transparency.FormatInclusion(transparency.Inclusion{Index: 3, Hashes: g.inclusion(3, 0, 172), Note: note, Extra: []byte("extra")})
	old := transparency.FormatConsistency(transparency.Consistency{OldSize: 100, Hashes: g.consistency(100, 0, 172, true), Note: note})
	var all []vector
	read := func(op, name, text string, ok bool) {
		all = append(all, vector{Op: op, Name: name, OK: ok, Text: text})
	}
	read("tlog-proof", "event 3 of 172", string(in), true)
	read("tlog-proof", "with extra", string(extra), true)
	read("tlog-proof", "of the last event", string(transparency.FormatInclusion(transparency.Inclusion{Index: 171, Note: note})), true)
	read("add-checkpoint", "100 in 172", string(old), true)
	read("add-checkpoint", "old 0", string(transparency.FormatConsistency(transparency.Consistency{Note: note})), true)
	read("add-checkpoint", "old 172", string(transparency.FormatConsistency(transparency.Consistency{OldSize: 172, Note: note})), true)
	read("tlog-proof", "an add-checkpoint", string(old), false)
	read("add-checkpoint", "a tlog-proof", string(in), false)
	for _, c := range []struct{ name, from, to string }{
		{"version 2", "@v1", "@v2"}, {"index with a zero before", "index 3", "index 03"}, {"index behind", "index 3", "index 172"}, {"two spaces", "index 3", "index  3"},
		{"space behind", "index 3", "index 3 "}, {"no index", "index 3", ""}, {"another word", "index", "leaf"}, {"CR", "index 3\n", "index 3\r\n"},
		{"empty extra", "index 3", "extra \nindex 3"}, {"extra behind", "index 3", "index 3\nextra AAAA"}, {"loose extra", "index 3", "extra AB==\nindex 3"},
		{"empty line more", "index 3\n", "index 3\n\n"}, {"63 hashes and more", "index 3\n", "index 3\n" + strings.Repeat(tlog.Hash{}.String()+"\n", 60)}, {"a short hash", "index 3\n", "index 3\nAAAA\n"},
	} {
		read("tlog-proof", c.name, strings.Replace(string(in), c.from, c.to, 1), false)
	}
	for _, c := range []struct{ name, to string }{
		{"a zero before", "old 0100\n"}, {"behind", "old 173\n"}, {"no number", "old \n"}, {"another word", "size 100\n"}, {"plus", "old +100\n"}, {"empty line", "old 100\n\n"},
	} {
		read("add-checkpoint", c.name, strings.Replace(string(old), "old 100\n", c.to, 1), false)
	}
	read("tlog-proof", "no note", strings.SplitAfter(string(in), "\n\n")[0], false)
	read("tlog-proof", "nothing", "", false)
	read("add-checkpoint", "no note", strings.SplitAfter(string(old), "\n\n")[0], false)
	return all
}

func pinVectors() []vector {
	root := seed("pin")
	hexRoot, url, std := hex.EncodeToString(root), base64.RawURLEncoding.EncodeToString(root), base64.StdEncoding.EncodeToString(root)
	all := []vector{}
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"hex", "172:" + hexRoot, true}, {"hex, upper case", "172:" + strings.ToUpper(hexRoot), true}, {"base64url", "172:" + url, true}, {"base64", "172:" + std, true},
		{"base64 without padding", "172:" + strings.TrimRight(std, "="), true}, {"large", "9007199254740993:" + url, true},
		{"no size", ":" + url, false}, {"no root", "172:", false}, {"no colon", "172", false}, {"nothing", "", false}, {"short", "172:" + url[:40], false}, {"long", "172:" + url + "AAAA", false},
		{"short hex", "172:" + hexRoot[2:], false}, {"not hex", "172:" + "zz" + hexRoot[2:], false}, {"negative", "-172:" + url, false}, {"space", "172: " + url, false},
		{"something behind", "172:" + url + ":1", false}, {"hexadecimal size", "0x10:" + url, false}, {"beyond 2^62", "46116860184273879040:" + url, false}, {"loose base64", "172:" + loose(std), false},
	} {
		v := vector{Op: "pin", Name: c.name, OK: c.ok, Text: c.text}
		if c.ok {
			v.Size, v.Root = strings.Split(c.text, ":")[0], hexRoot
		}
		all = append(all, v)
	}
	return all
}

func files() map[string][]vector {
	return map[string][]vector{"tree": treeVectors(), "note": noteVectors(), "cosignature": cosignatureVectors(), "policy": policyVectors(), "proof": proofVectors(), "pin": pinVectors()}
}

func encoded(t *testing.T, vectors []vector) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, v := range vectors {
		line := new(bytes.Buffer)
		enc := json.NewEncoder(line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		b.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
		if i < len(vectors)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return b.Bytes()
}

// TestVectorFiles: what is in the files is what is made here; -update writes it.
func TestVectorFiles(t *testing.T) {
	for name, vectors := range files() {
		file := filepath.Join(vectorsDir, name+".json")
		want := encoded(t, vectors)
		if *update {
			if err := os.MkdirAll(vectorsDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is made here (%v): go test ./browser -run VectorFiles -update", file, err)
		}
	}
}

func readVectors(t *testing.T, name string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 8 {
		t.Fatalf("%s has %d vectors", name, len(vectors))
	}
	return vectors
}

func hash32(s string) (h tlog.Hash, err error) {
	b, err := hex.DecodeString(s)
	if err == nil && len(b) != tlog.HashSize {
		err = fmt.Errorf("hash of %d bytes", len(b))
	}
	if err == nil {
		h = tlog.Hash(b)
	}
	return h, err
}

// numbers reads what the vector of a tree has; an error is a refusal.
func (v vector) numbers() (number, size uint64, root, old tlog.Hash, hashes []tlog.Hash, err error) {
	var errs [4]error
	number, errs[0] = strconv.ParseUint(v.Number, 10, 64)
	size, errs[1] = strconv.ParseUint(v.Size, 10, 64)
	root, errs[2] = hash32(v.Root)
	if v.Op == "consistency" {
		old, errs[3] = hash32(v.OldHex)
	}
	for _, e := range errs {
		if err == nil {
			err = e
		}
	}
	for _, s := range v.Hashes {
		h, e := hash32(s)
		if err == nil {
			err = e
		}
		hashes = append(hashes, h)
	}
	return number, size, root, old, hashes, err
}

// inGo is what the Go implementation says.
func (v vector) inGo() error {
	switch v.Op {
	case "inclusion", "consistency":
		number, size, root, old, hashes, err := v.numbers()
		if err != nil {
			return err
		}
		head := transparency.Head{Origin: villageOrigin, Size: size, Root: root}
		if v.Op == "consistency" {
			return transparency.CheckConsistency(transparency.Head{Size: number, Root: old}, head, hashes)
		}
		return transparency.CheckInclusion(v.Origin, v.Type, v.Data, number+1, head, hashes)
	case "note":
		_, err := transparency.ParseCheckpoint([]byte(v.Text), v.Key)
		return err
	case "cosignature":
		key, err := signednote.ParseVerifier(v.Key)
		if err != nil {
			return err
		}
		n, err := signednote.Parse([]byte(v.Text))
		if err != nil {
			return err
		}
		_, err = witness.Cosigned(n, key, witness.Times{Now: time.Unix(v.Now, 0)})
		return err
	case "policy":
		_, err := witness.ParsePolicy([]byte(v.Text))
		return err
	case "judge":
		p, err := witness.ParsePolicy([]byte(v.Text))
		if err != nil {
			return err
		}
		n, err := signednote.Parse([]byte(v.Note))
		if err != nil {
			return err
		}
		seal, err := p.Satisfied(n, witness.Times{Now: time.Unix(v.Now, 0)})
		if err == nil && !seal.Satisfied {
			err = witness.ErrNotCosigned
		}
		return err
	case "tlog-proof":
		_, err := transparency.ParseInclusion([]byte(v.Text))
		return err
	case "add-checkpoint":
		_, err := transparency.ParseConsistency([]byte(v.Text))
		return err
	}
	return fmt.Errorf("no such vector: %s", v.Op)
}

// byOther is what github.com/transparency-dev/merkle says. It knows of no log of no events, so these are left out.
func (v vector) byOther() (error, bool) {
	number, size, root, old, hashes, err := v.numbers()
	if err != nil || size == 0 || v.Op == "consistency" && number == 0 {
		return nil, false
	}
	var raw [][]byte
	for _, h := range hashes {
		raw = append(raw, h[:])
	}
	if v.Op == "consistency" {
		return proof.VerifyConsistency(rfc6962.DefaultHasher, number, size, raw, old[:], root[:]), true
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(transparency.Entry(v.Origin, v.Type, v.Data))
	return proof.VerifyInclusion(rfc6962.DefaultHasher, number, size, leaf, raw, root[:]), true
}

func TestVectorsInGo(t *testing.T) {
	for _, file := range []string{"tree", "note", "cosignature", "policy", "proof"} {
		for _, v := range readVectors(t, file) {
			if err := v.inGo(); (err == nil) != v.OK {
				t.Errorf("%s, %s %s: %v, want ok %v", file, v.Op, v.Name, err, v.OK)
			}
			if file != "tree" {
				continue
			}
			if err, judged := v.byOther(); judged && (err == nil) != v.OK {
				t.Errorf("%s, %s %s, another verifier: %v, want ok %v", file, v.Op, v.Name, err, v.OK)
			}
		}
	}
}

// node runs a script of testdata, or skips aloud.
func node(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("NOT TESTED: the JavaScript verifier, for there is no node (18 or newer)")
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join("testdata", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, stderr.Bytes())
	}
	return out
}

func TestVectorsInJavaScript(t *testing.T) {
	for _, file := range []string{"tree", "note", "cosignature", "policy", "proof", "pin"} {
		vectors := readVectors(t, file)
		var said []string // empty: taken; else why not
		if err := json.Unmarshal(node(t, "vectors.mjs", filepath.Join(vectorsDir, file+".json")), &said); err != nil || len(said) != len(vectors) {
			t.Fatalf("%s: %d of %d answers, %v", file, len(said), len(vectors), err)
		}
		for i, v := range vectors {
			if (said[i] == "") != v.OK {
				t.Errorf("%s, %s %s: %q, want ok %v", file, v.Op, v.Name, said[i], v.OK)
			}
		}
	}
}

// TestEveryBitInJavaScript flips each bit of what the vectors call good: it is refused, or says the same.
func TestEveryBitInJavaScript(t *testing.T) {
	var said struct {
		Flips, Same int
		Wrong       []string
	}
	if err := json.Unmarshal(node(t, "flips.mjs", vectorsDir), &said); err != nil {
		t.Fatal(err)
	}
	if said.Flips < 20_000 || said.Same == 0 || said.Same*2 > said.Flips || len(said.Wrong) > 0 {
		t.Errorf("%d flips, %d say the same, these say something else: %v", said.Flips, said.Same, said.Wrong)
	}
	t.Logf("%d flips, %d of them in what says nothing", said.Flips, said.Same)
}
