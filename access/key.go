package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// A key is "mz_<id>_<secret>_<checksum>": 72 ASCII characters; that of a session begins with "mzs_". The prefix makes a key
// that leaked findable, the checksum (CRC-32 of everything before its underscore, in hex) tells a mistyped key from a wrong one
// without asking anybody.
const (
	keyPrefix     = "mz_"
	sessionPrefix = "mzs_"
	keyIDLen      = 16 // base32 of 80 random bits, lower case
	secretLen     = 43 // base64url of 256 random bits, unpadded
	checksumLen   = 8
	keyLen        = keyIDLen + 1 + secretLen + 1 + checksumLen // behind the prefix
)

var (
	idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)
	// Strict, so that a secret has one spelling only.
	secretEncoding = base64.RawURLEncoding.Strict()
)

// newKey draws a key with a prefix. Only digest, the SHA-256 of the secret's 32 bytes, may be kept.
func newKey(prefix string) (text, id string, digest [32]byte) {
	var random [10 + 32]byte
	rand.Read(random[:]) // never fails
	id = strings.ToLower(idEncoding.EncodeToString(random[:10]))
	secret := random[10:]
	body := prefix + id + "_" + secretEncoding.EncodeToString(secret)
	return body + "_" + checksum(body), id, sha256.Sum256(secret)
}

// parseKey takes a key apart. It fails on anything that is not spelled exactly as newKey spells it, and never quotes it.
func parseKey(text string) (prefix, id string, digest [32]byte, err error) {
	prefix = keyPrefix
	if strings.HasPrefix(text, sessionPrefix) {
		prefix = sessionPrefix
	}
	if len(text) != len(prefix)+keyLen || !strings.HasPrefix(text, prefix) {
		return "", "", digest, fmt.Errorf("%w: a key has %d characters behind %s or %s", ErrKeyInvalid, keyLen, keyPrefix, sessionPrefix)
	}
	body, sum := text[:len(text)-checksumLen-1], text[len(text)-checksumLen-1:]
	if sum != "_"+checksum(body) {
		return "", "", digest, fmt.Errorf("%w: its checksum does not fit; it was copied wrongly", ErrKeyInvalid)
	}
	id, rest := body[len(prefix):len(prefix)+keyIDLen], body[len(prefix)+keyIDLen:]
	secret, err := secretEncoding.DecodeString(rest[1:])
	if err != nil || rest[0] != '_' || len(secret) != 32 {
		return "", "", digest, fmt.Errorf("%w: it is not written like a key", ErrKeyInvalid)
	}
	return prefix, id, sha256.Sum256(secret), nil
}

func checksum(body string) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body)))
}
