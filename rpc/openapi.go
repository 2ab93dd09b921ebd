package rpc

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/docs"
)

// described is the description of the API, packed, with the tags of both forms.
var described = sync.OnceValue(func() (d struct {
	packed           []byte
	tag, taggedSmall string
}) {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	_, _ = w.Write(docs.OpenAPI)                          // memory takes everything
	_ = w.Close()
	sum := sha256.Sum256(docs.OpenAPI)
	name := base64.RawURLEncoding.EncodeToString(sum[:18])
	d.packed, d.tag, d.taggedSmall = b.Bytes(), `"`+name+`"`, `"`+name+`-gzip"`
	return d
})

// openAPI serves the description of the API, for everybody.
func openAPI(w http.ResponseWriter, r *http.Request) {
	d := described()
	body, tag := docs.OpenAPI, d.tag
	h := w.Header()
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = d.packed, d.taggedSmall
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Etag", tag)
	h.Set("Cache-Control", "public, max-age=3600")
	if matches(r.Header.Get("If-None-Match"), tag, true) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/yaml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who left needs no answer
}
