package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// A password is kept as its Argon2id hash in PHC form, $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>: 19 MiB, two passes, one lane, as
// OWASP's Password Storage Cheat Sheet has it; 16 bytes of salt, 32 of hash, base64 without padding. What is typed is put into Unicode
// normal form C first, so that two keyboards write the same password.
const (
	hashMemory = 19 * 1024 // KiB
	hashTime   = 2
	hashLanes  = 1
	saltLen    = 16
	hashLen    = 32
	hashPrefix = "$argon2id$v=19$m=19456,t=2,p=1$"

	passwordMin  = 10 // characters
	passwordMax  = 128
	distinctMin  = 5 // different characters
	besidesIDMin = 6 // characters beside the operator's id
	hashingMax   = 2 // at once, for each takes 19 MiB and tens of milliseconds of a core
)

var hashEncoding = base64.RawStdEncoding.Strict()

// common are the passwords of ten characters and more that are tried first everywhere, in lower case, one a line.
//
//go:embed common.txt
var common string

// checkPassword refuses with password_weak what is too short, too long or too easily guessed.
func checkPassword(operator, password string) error {
	weak := func(problem, chinese string) error {
		return refuse(PasswordWeak, "password", "problem", problem, "problem_zh", chinese)
	}
	if !utf8.ValidString(password) {
		return weak("it is not text", "不是文字")
	}
	lower := strings.ToLower(norm.NFC.String(password))
	switch n := utf8.RuneCountInString(lower); {
	case n < passwordMin:
		return weak("it needs 10 characters at the least; a sentence is good", "至少 10 个字符,用一句话最好")
	case n > passwordMax:
		return weak("it may have 128 characters at the most", "最多 128 个字符")
	case utf8.RuneCountInString(strings.ReplaceAll(lower, operator, "")) < besidesIDMin:
		return weak("it is little more than your id", "和您的编号太像")
	case distinct(lower) < distinctMin:
		return weak("it is a few characters over and over", "只是几个字符的重复")
	case slices.Contains(strings.Fields(common), lower):
		return weak("it is one of the commonest passwords", "它是最常见的密码之一")
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// hasher hashes passwords, few at once. Its methods may be called at once.
type hasher struct {
	places chan struct{}
	done   atomic.Uint64 // hashes made
}

func newHasher() *hasher { return &hasher{places: make(chan struct{}, hashingMax)} }

// hash is the PHC form of a password under a fresh salt.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails
	sum, err := h.sum(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return hashPrefix + hashEncoding.EncodeToString(salt) + "$" + hashEncoding.EncodeToString(sum), nil
}

// dummy is compared with where there is no hash: nobody knows its password, and the work is the same.
var dummy = hashPrefix + hashEncoding.EncodeToString(make([]byte, saltLen)) + "$" + hashEncoding.EncodeToString(make([]byte, hashLen))

// right says whether a password has a hash; empty is the hash of none. The time does not tell which.
func (h *hasher) right(ctx context.Context, hash, password string) (bool, error) {
	none := hash == ""
	if none {
		hash = dummy
	}
	salt, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	sum, err := h.sum(ctx, password, salt)
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1 && !none, err
}

func (h *hasher) sum(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h.done.Add(1)
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, hashTime, hashMemory, hashLanes, hashLen), nil
}

var errHash = errors.New("a password's hash is not written as this version writes it")

func parseHash(phc string) (salt, hash []byte, err error) {
	rest, ok := strings.CutPrefix(phc, hashPrefix)
	first, second, two := strings.Cut(rest, "$")
	if !ok || !two {
		return nil, nil, errHash
	}
	salt, err = hashEncoding.DecodeString(first)
	if err == nil {
		hash, err = hashEncoding.DecodeString(second)
	}
	if err != nil || len(salt) != saltLen || len(hash) != hashLen {
		return nil, nil, fmt.Errorf("%w: salt of %d bytes, hash of %d", errHash, len(salt), len(hash))
	}
	return salt, hash, nil
}
