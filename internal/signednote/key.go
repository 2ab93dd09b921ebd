package signednote

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// Algorithm is the first byte of an encoded key.
type Algorithm byte

const (
	Ed25519     Algorithm = 0x01 // of logs: a signature of 64 bytes over the text
	Cosignature Algorithm = 0x04 // of witnesses: the time, 8 bytes, and a signature of 64 bytes
)

// keyBytesMax is the length of the longest verifier key: name, hash, key and what stands between them.
const keyBytesMax = NameBytesMax + 1 + 8 + 1 + 44

// Verifier is the public key of somebody who signs notes. Two are equal when they are the same key, under the same name, for the same
// algorithm.
type Verifier struct {
	Name      string
	Algorithm Algorithm
	Key       [ed25519.PublicKeySize]byte
}

// NewVerifier is the public key of an Ed25519 private key under a name. The error wraps ErrForm.
func NewVerifier(name string, algorithm Algorithm, key ed25519.PublicKey) (Verifier, error) {
	if err := CheckName(name); err != nil {
		return Verifier{}, err
	}
	if algorithm != Ed25519 && algorithm != Cosignature {
		return Verifier{}, fmt.Errorf("key of %s: algorithm %#02x is not known: %w", name, byte(algorithm), ErrForm)
	}
	if len(key) != ed25519.PublicKeySize {
		return Verifier{}, fmt.Errorf("key of %s has %d bytes, not %d: %w", name, len(key), ed25519.PublicKeySize, ErrForm)
	}
	return Verifier{Name: name, Algorithm: algorithm, Key: [ed25519.PublicKeySize]byte(key)}, nil
}

// ParseVerifier reads a verifier key. The error wraps ErrForm.
func ParseVerifier(text string) (Verifier, error) {
	if len(text) > keyBytesMax {
		return Verifier{}, fmt.Errorf("verifier key has %d bytes, more than %d: %w", len(text), keyBytesMax, ErrForm)
	}
	name, rest, _ := strings.Cut(text, "+")
	_, encoded, ok := strings.Cut(rest, "+")
	if !ok {
		return Verifier{}, fmt.Errorf("verifier key is not name, hash and key: %w", ErrForm)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) == 0 {
		return Verifier{}, fmt.Errorf("verifier key is not in base64: %w", ErrForm)
	}
	v, err := NewVerifier(name, Algorithm(b[0]), b[1:])
	if err != nil {
		return Verifier{}, err
	}
	if v.String() != text {
		return Verifier{}, fmt.Errorf("verifier key of %s: its hash or its writing is wrong: %w", name, ErrForm)
	}
	return v, nil
}

func (v Verifier) encoded() []byte { return append([]byte{byte(v.Algorithm)}, v.Key[:]...) }

// Hash is the key hash, by which signature lines name the key. It is a name, no proof: many keys have the same.
func (v Verifier) Hash() uint32 {
	sum := sha256.Sum256(append([]byte(v.Name+"\n"), v.encoded()...))
	return binary.BigEndian.Uint32(sum[:])
}

// String is the verifier key as ParseVerifier reads it.
func (v Verifier) String() string {
	return fmt.Sprintf("%s+%08x+%s", v.Name, v.Hash(), base64.StdEncoding.EncodeToString(v.encoded()))
}

// Verify says whether a signature line is of this key, of the algorithm Ed25519, and over this text.
func (v Verifier) Verify(text string, s Signature) bool {
	return v.Algorithm == Ed25519 && s.Name == v.Name && s.Hash == v.Hash() && len(s.Blob) == ed25519.SignatureSize &&
		ed25519.Verify(v.Key[:], []byte(text), s.Blob)
}

// Sign makes the signature line of an Ed25519 key of a log over a text that ends in a line feed.
func Sign(name string, key ed25519.PrivateKey, text string) (Signature, error) {
	v, err := NewVerifier(name, Ed25519, key.Public().(ed25519.PublicKey))
	if err != nil {
		return Signature{}, err
	}
	if !strings.HasSuffix(text, "\n") {
		return Signature{}, fmt.Errorf("the text that %s is to sign does not end in a line feed: %w", name, ErrForm)
	}
	return Signature{Name: name, Hash: v.Hash(), Blob: ed25519.Sign(key, []byte(text))}, nil
}
