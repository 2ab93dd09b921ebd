package browser

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// TestScriptIsSmall: what is served is the file as it is.
func TestScriptIsSmall(t *testing.T) {
	if n := len(script); n > 8000 {
		t.Errorf("the script has %d bytes, more than 8,000", n)
	}
	if strings.Contains(string(script), "import ") {
		t.Error("the script imports something")
	}
}

var tilePath = regexp.MustCompile(`^/tile/(\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?$`)

// tiles serves the hash tiles of a log.
func (g *grown) tiles(size uint64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m := tilePath.FindStringSubmatch(r.URL.Path)
		if m == nil {
			http.NotFound(w, r)
			return
		}
		level, _ := strconv.Atoi(m[1])
		n, _ := strconv.ParseUint(strings.NewReplacer("x", "", "/", "").Replace(m[2]), 10, 64)
		width := uint64(256)
		if m[3] != "" {
			width, _ = strconv.ParseUint(m[3], 10, 64)
		}
		if n*256+width > size>>(8*level) || width == 0 {
			http.NotFound(w, r)
			return
		}
		for i := range width {
			h := g.node(8*level, n*256+i)
			_, _ = w.Write(h[:])
		}
	}
}

// TestTilesFetched: any event of a log of a million, and what the log was at any size, is proved by at most 34 kB of hash tiles.
func TestTilesFetched(t *testing.T) {
	const size = 1_000_000
	g := newGrown(0, 255, 256, 65_535, 65_536, 123_456, size-1)
	server := httptest.NewServer(g.tiles(size))
	defer server.Close()
	hexOf := func(h tlog.Hash) string { return hex.EncodeToString(h[:]) }
	rng := rand.New(rand.NewPCG(1, 2))
	indexes := append([]uint64{}, g.odd...)
	for range 16 {
		indexes = append(indexes, rng.Uint64N(size))
	}
	query := map[string]any{"size": decimal(size), "root": hexOf(g.span(0, size))}
	var events []map[string]string
	var olds []map[string]string
	for _, i := range indexes {
		events = append(events, map[string]string{"index": decimal(i), "leaf": hexOf(g.node(0, i))})
		olds = append(olds, map[string]string{"size": decimal(i + 1), "root": hexOf(g.span(0, i+1))})
	}
	query["events"], query["olds"] = events, olds
	q, err := json.Marshal(query)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Most int }
	if err := json.Unmarshal(node(t, "tiles.mjs", server.URL+"/", string(q)), &said); err != nil {
		t.Fatal(err)
	}
	if said.Most == 0 || said.Most > 34_000 {
		t.Errorf("%d bytes of tiles were fetched for one proof, more than 34,000", said.Most)
	}
	t.Logf("at most %d bytes of tiles for one proof", said.Most)
}

// TestWitnessInJavaScript: it remembers before it signs, refuses what does not continue and keeps both notes; Go takes its signatures.
func TestWitnessInJavaScript(t *testing.T) {
	g, forked := newGrown(3), newGrown(3, 50)
	const at = 1_700_000_000
	note := func(g *grown, size uint64) string {
		return string(signedText(transparency.Head{Origin: villageOrigin, Size: size, Root: g.span(0, size)}.Text(), logKey).Bytes())
	}
	q := map[string]any{
		"key": verifierOf(villageOrigin, signednote.Ed25519, logKey).String(), "time": at,
		"notes": []string{note(g, 100), note(g, 172), note(g, 256)},
		"forks": []string{note(forked, 256), note(forked, 300)},
		"proofs": map[string][]string{
			"100-172": hexes(g.consistency(100, 0, 172, true)), "172-172": {}, "172-256": hexes(g.consistency(172, 0, 256, true)),
			"100-256": hexes(g.consistency(100, 0, 256, true)), "256-256": {}, "256-300": hexes(forked.consistency(256, 0, 300, true)), "172-100": {},
		},
	}
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Key   string
		Lines []string
	}
	if err := json.Unmarshal(node(t, "witness.mjs", string(b)), &said); err != nil {
		t.Fatal(err)
	}
	key, err := signednote.ParseVerifier(said.Key)
	if err != nil || len(said.Lines) != 4 {
		t.Fatalf("key %q, %d lines: %v", said.Key, len(said.Lines), err)
	}
	for i, size := range []uint64{100, 172, 172, 256} {
		n, err := signednote.Parse([]byte(note(g, size) + said.Lines[i]))
		if err != nil {
			t.Fatal(err)
		}
		c, err := witness.Cosigned(n, key, witness.Times{Now: time.Unix(at, 0)})
		if err != nil || c.Time != at {
			t.Errorf("signature %d: time %d, %v", i, c.Time, err)
		}
	}
}
