package people

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Names is a set of names that may not stand in public text. It holds names of two characters or more, in compatibility form and
// without the spaces and signs that people put between characters. A finished set is only read, by any number at once.
type Names struct {
	known   map[string]int // how many records have the name
	lengths [nameMax + 1]int
}

// nameMax is the longest name in characters that the set finds; a longer one is found by its beginning.
const nameMax = 24

// NewNames makes an empty set.
func NewNames() *Names { return &Names{known: map[string]int{}} }

// Add adds a name, once more if it is there.
func (n *Names) Add(name string) { n.count(name, 1) }

// Remove takes one of a name away.
func (n *Names) Remove(name string) { n.count(name, -1) }

func (n *Names) count(name string, by int) {
	signs, _ := fold(name)
	if len(signs) < 2 {
		return
	}
	signs = signs[:min(len(signs), nameMax)]
	key := string(signs)
	if n.known[key] == 0 {
		n.lengths[len(signs)]++
	}
	if n.known[key] += by; n.known[key] <= 0 {
		delete(n.known, key)
		n.lengths[len(signs)]--
	}
}

// Len is the number of different names.
func (n *Names) Len() int { return len(n.known) }

// In says whether a text has one of the names in it: 张小三, 张 小 三, 张·小·三 and ｚhang San alike. A name in Latin letters has to
// begin and end a word. It cannot find a name with a character left out, in other characters (an old form, a nickname, pinyin), a
// kinship (张家老三), or a name nobody has given to the vault; and it finds a name of two characters also where they are an ordinary word.
func (n *Names) In(text string) bool {
	if len(n.known) == 0 || text == "" {
		return false
	}
	signs, begins := fold(text)
	for i := range signs {
		for length, some := range n.lengths {
			if some == 0 || i+length > len(signs) || n.known[string(signs[i:i+length])] == 0 {
				continue
			}
			end := i + length
			if joined(signs, begins, i) || end < len(signs) && joined(signs, begins, end) {
				continue
			}
			return true
		}
	}
	return false
}

// joined says whether a character goes on the word of the one before it.
func joined(signs []rune, begins []bool, i int) bool {
	return i > 0 && !begins[i] && word(signs[i]) && word(signs[i-1])
}

// word says whether a character belongs to words that are told apart by what stands between them.
func word(r rune) bool { return r < utf8.RuneSelf || unicode.Is(unicode.Latin, r) }

// fold gives the letters and digits of a text in compatibility form and lower case, and says of each whether something else stands
// before it.
func fold(text string) (signs []rune, begins []bool) {
	between := true
	for _, r := range norm.NFKC.String(text) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			between = true
			continue
		}
		for _, lower := range strings.ToLower(string(r)) {
			signs, begins = append(signs, lower), append(begins, between)
			between = false
		}
	}
	return signs, begins
}
