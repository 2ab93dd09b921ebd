// Package browser is the verifier and witness for a browser: one file of JavaScript that needs nothing else, and one page around it.
//
// mingzhang.js is an ES module of at most 8,000 bytes, served as it is written, for current browsers and Node 18 or newer; it takes
// WebCrypto for SHA-256 and Ed25519 and leaves network and storage to its caller. Sizes, indexes and times are BigInts, hashes are
// Uint8Arrays of 32 bytes, texts are strings or bytes. What does not hold throws. It has no comments, for they would not fit; it exports
//
//	leafHash(origin, type, data)             hash of the leaf of an event, see package transparency
//	nodeHash(left, right), rootOf(hashes)    RFC 6962
//	checkInclusion(leaf, index, {size, root}, hashes)
//	checkConsistency({size, root}, {size, root}, hashes)
//	prover(size, get)                        gives prove(old, size) for a log of that size: a proof of consistency made from its
//	                                         C2SP hash tiles, which get(path) fetches; prove(index + 1n, size, 0) proves inclusion.
//	                                         Only a check says that such a proof is true
//	parseNote(text)                          a signed head: origin, size, root, text, note, sigs
//	openNote(text, vkey)                     the same, signed by the log
//	parseKey(vkey), verify(note, key)        when a witness signed, in seconds since 1970; 0 for a log; undefined without a line of the
//	                                         key. Throws for a line that is wrong
//	parsePolicy(text)                        a tlog-policy as judge(note, now), which gives ok, and signed: who signed when
//	parseProof(text)                         a tlog-proof (number is the index) or an add-checkpoint (old; number is the old size)
//	parsePin(text)                           SIZE:ROOT of a poster
//	newWitness(name)                         vkey and a key that cannot be read out
//	cosign(witness, store, note, prove, time)
//	                                         the signature line for an opened note that continues what store remembers of its log
//	hex(bytes), base64(bytes)
//
// A store has get(key), and put(key, value, old), which is durable when it resolves and refuses when something else than old stands
// there. cosign puts before it signs, refuses a head that is older or does not continue the one it remembers, and puts both notes under
// "fork " and the origin for evidence.
//
// What it shares with the Go implementation is held by the vectors in transparency/testdata/vectors, which both run.
package browser

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of what follows
	"encoding/base64"
)

//go:embed mingzhang.js
var script []byte

//go:embed files.js
var filesScript []byte

//go:embed page.js
var pageScript []byte

//go:embed page.css
var pageStyle []byte

//go:embed verify.html
var pageFrame []byte

// PageName and IndexName are the files in the root of a published directory: the page, and the collectives that it offers, one a line, each
// with the size of its newest seal if it has one.
const (
	PageName  = "verify.html"
	IndexName = "collectives"
)

// Script is the verifier alone. The caller must not change it.
func Script() []byte { return script }

// Checker is the verifier and what fetches a published log for it (files.js), the beginning of a module for a page of its own: open(dir) gives
// the signed head that lies in a directory, compare(dir, old, head) says whether it continues an older one: good, bad, shorter, or unknown
// where the log is not public.
func Checker() []byte {
	return append(append(append(bytes.Clone(script), '\n'), filesScript...), '\n')
}

// Page is the page as one file: style and script are in it, and its policy lets no other script run.
func Page() []byte {
	inlined := append(Checker(), pageScript...)
	page := bytes.Clone(pageFrame)
	for _, part := range []struct {
		mark string
		text []byte
	}{
		{"{{style}}", pageStyle}, {"{{style-sha256}}", source(pageStyle)}, {"{{script-sha256}}", source(inlined)}, {"{{script}}", inlined},
	} {
		page = bytes.Replace(page, []byte(part.mark), part.text, 1)
	}
	return page
}

// source names an inlined text in a content security policy.
func source(text []byte) []byte {
	sum := sha256.Sum256(text)
	return []byte("sha256-" + base64.StdEncoding.EncodeToString(sum[:]))
}
