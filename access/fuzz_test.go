package access

import (
	"strings"
	"testing"
)

// FuzzParseKey: only a key with its own checksum is read; a letter changed is refused.
func FuzzParseKey(f *testing.F) {
	body := keyPrefix + strings.Repeat("a", keyIDLen) + "_" + secretEncoding.EncodeToString(make([]byte, 32))
	f.Add(body + "_" + checksum(body))
	f.Add(body + "_00000000")
	session := sessionPrefix + strings.TrimPrefix(body, keyPrefix)
	f.Add(session + "_" + checksum(session))
	f.Add("")
	f.Add(keyPrefix)
	f.Add(strings.Repeat("_", keyLen))
	f.Fuzz(func(t *testing.T, text string) {
		prefix, id, _, err := parseKey(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, prefix+id+"_") || len(text) != len(prefix)+keyLen {
			t.Fatalf("%q is read as the key %q", text, id)
		}
		for i := range text {
			bent := []byte(text)
			bent[i] ^= 1
			if _, _, _, err := parseKey(string(bent)); err == nil {
				t.Fatalf("%q and %q are both keys", text, bent)
			}
		}
	})
}
