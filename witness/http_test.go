package witness

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

var quiet = slog.New(slog.DiscardHandler)

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestStatusOfAnswers(t *testing.T) {
	c, dir := newCosigner(t)
	url := serve(t, c.Handler(quiet))
	l := newTestLog(t, "", 0, 30)
	forged := newTestLog(t, "forged", 3, 30)
	unknown := newTestLog(t, "", 0, 30)
	unknown.origin = "example.org/log/2"
	stranger := newTestLog(t, "", 0, 30)
	stranger.key = witnessKey(t, "x", 77).private
	mustCosign(t, c, l, 0, 11)
	post := func(body string) (int, string, string) {
		t.Helper()
		answer, err := http.Post(url+AddCheckpointPath, "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header.Get("Content-Type"), string(text)
	}
	for _, test := range []struct {
		name   string
		body   string
		status int
		answer string // the whole body; empty: not looked at
	}{
		{"nothing", "", 400, ""},
		{"old above the size", string(l.request(t, 12, 11)), 400, ""},
		{"old with a leading zero", strings.Replace(string(l.request(t, 11, 20)), "old 11", "old 011", 1), 400, ""},
		{"CR", strings.ReplaceAll(string(l.request(t, 11, 20)), "\n", "\r\n"), 400, ""},
		{"64 hashes", "old 11\n" + strings.Repeat("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 64) + "\n" + string(l.note(t, 20)), 400, ""},
		{"unknown log", string(unknown.request(t, 0, 20)), 404, ""},
		{"unknown key", string(stranger.request(t, 11, 20)), 403, ""},
		{"signature of other text", strings.Replace(string(l.request(t, 11, 20)), "\n20\n", "\n21\n", 1), 403, ""},
		{"stale", string(l.request(t, 0, 20)), 409, "11\n"},
		{"ahead", string(l.request(t, 15, 20)), 409, "11\n"},
		{"smaller than before", string(l.request(t, 5, 10)), 409, "11\n"},
		{"another root at this size", string(forged.request(t, 11, 11)), 409, "another root was signed at this size\n"},
		{"another root, asked from 0", string(forged.request(t, 0, 11)), 409, "11\n"},
		{"another history", string(forged.request(t, 11, 20)), 422, ""},
		{"no proof", "old 11\n\n" + string(l.note(t, 20)), 422, ""},
		{"proof for nothing", "old 11\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" + string(l.note(t, 11)), 422, ""},
		{"too large", strings.Repeat("x", RequestBytesMax+1), 413, ""},
		{"the same again", string(l.request(t, 11, 11)), 200, ""},
		{"it grew", string(l.request(t, 11, 20)), 200, ""},
	} {
		before := remembered(t, c)
		status, contentType, answer := post(test.body)
		if status != test.status || test.answer != "" && answer != test.answer {
			t.Errorf("%s: %d %q, not %d %q", test.name, status, answer, test.status, test.answer)
		}
		if isSize := contentType == sizeType; isSize != strings.HasPrefix(test.answer, "11") {
			t.Errorf("%s: the answer is %s", test.name, contentType)
		}
		if strings.Contains(answer, dir) {
			t.Errorf("%s: the answer names a directory: %q", test.name, answer)
		}
		if after := remembered(t, c); status != 200 && after != before {
			t.Errorf("%s: it remembers %+v", test.name, after)
		}
		if status == 200 {
			lines, err := signednote.ParseSignatures([]byte(answer))
			if err != nil || len(lines) != 1 {
				t.Fatalf("%s: %q, %v", test.name, answer, err)
			}
			n := signednote.Note{Text: remembered(t, c).Text(), Signatures: lines}
			if _, err := Cosigned(n, c.Verifier(), testTimes); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
	for _, method := range []string{"GET", "PUT", "HEAD", "DELETE"} {
		r, err := http.NewRequest(method, url+AddCheckpointPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s is answered with %d", method, answer.StatusCode)
		}
	}
	if answer, err := http.Post(url+"/other", "", nil); err != nil || answer.StatusCode != 404 {
		t.Errorf("another path: %v, %v", answer, err)
	}
	// A memory that cannot be read: nothing is signed, and the caller learns no more than that.
	c.Close()
	if err := os.Truncate(filepath.Join(dir, logsDir, transparency.HeadFile(testOrigin), memoryFile), 0); err != nil {
		t.Fatal(err)
	}
	if status, _, answer := post(string(l.request(t, 20, 20))); status != 500 || answer != "the witness cannot sign now\n" {
		t.Errorf("with a damaged memory: %d %q", status, answer)
	}
}

// prover asks as the log of the tests would.
func prover(t testing.TB, l *testLog, size int64) func(context.Context, uint64) ([]byte, error) {
	return func(_ context.Context, old uint64) ([]byte, error) { return l.request(t, int64(old), size), nil }
}

func TestAsk(t *testing.T) {
	c, _ := newCosigner(t)
	url := serve(t, http.StripPrefix("/w", c.Handler(quiet))) + "/w/"
	l := newTestLog(t, "", 0, 40)
	client := Client{Now: clock}
	for _, ask := range []struct{ old, size int64 }{{0, 7}, {7, 7}, {0, 11}, {3, 20}, {35, 40}} {
		got, err := client.Ask(t.Context(), url, c.Verifier(), uint64(ask.old), prover(t, l, ask.size))
		if err != nil {
			t.Fatalf("from %d to %d: %v", ask.old, ask.size, err)
		}
		if err := got.Verify(c.Verifier(), l.head(t, ask.size).Text(), testTimes); err != nil {
			t.Errorf("from %d to %d: %v", ask.old, ask.size, err)
		}
	}
	var refused *RefusedError
	if _, err := client.Ask(t.Context(), url, c.Verifier(), 0, prover(t, l, 30)); !errors.As(err, &refused) || refused.Status != 409 || refused.Size != 40 {
		t.Errorf("a smaller head: %v", err)
	}
	forged := newTestLog(t, "forged", 3, 50)
	if _, err := client.Ask(t.Context(), url, c.Verifier(), 0, prover(t, forged, 40)); !errors.As(err, &refused) || refused.Status != 409 || refused.Size != 40 {
		t.Errorf("another root: %v", err)
	}
	if _, err := client.Ask(t.Context(), url, c.Verifier(), 0, prover(t, forged, 50)); !errors.As(err, &refused) || refused.Status != 422 || !errors.Is(err, ErrRefused) {
		t.Errorf("another history: %v", err)
	}
	broken := errors.New("no proof")
	if _, err := client.Ask(t.Context(), url, c.Verifier(), 0, func(context.Context, uint64) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("no proof: %v", err)
	}
	for _, bad := range []string{"", "witness.example.org", "ftp://example.org/", "http://", "http://user:word@example.org/", "http://example.org/?x", "file:///etc/passwd"} {
		if _, err := client.Ask(t.Context(), bad, c.Verifier(), 0, prover(t, l, 40)); err == nil || errors.Is(err, ErrAnswer) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whatever answers at the URL of a witness: it is refused, in time, and asked twice at the most.
func TestHostileAnswers(t *testing.T) {
	k := witnessKey(t, "witness.example.org/1", 9)
	l := newTestLog(t, "", 0, 20)
	text := l.head(t, 20).Text()
	line := func(k Key, text string, at time.Time) string {
		c, err := k.Cosign(text, at)
		if err != nil {
			t.Fatal(err)
		}
		return c.Line(k.Verifier()).String()
	}
	good := line(k, text, testNow)
	others := line(witnessKey(t, "other", 3), text, testNow)
	elsewhere := 0
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { elsewhere++; fmt.Fprint(w, good) }))
	conflict := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, body)
		}
	}
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    error // nil: taken
		times   int
	}{
		"good":                      {answer(good), nil, 1},
		"with lines of others":      {answer(others + good), nil, 1},
		"nothing":                   {answer(""), ErrAnswer, 1},
		"of another key":            {answer(others), ErrNotCosigned, 1},
		"of another head":           {answer(line(k, l.head(t, 19).Text(), testNow)), ErrCosignature, 1},
		"of yesterday":              {answer(line(k, text, testNow.Add(-24*time.Hour))), ErrTime, 1},
		"of tomorrow":               {answer(line(k, text, testNow.Add(24*time.Hour))), ErrTime, 1},
		"a whole note":              {answer(text + "\n" + good), ErrAnswer, 1},
		"twice":                     {answer(good + good), ErrAnswer, 1},
		"no line feed":              {answer(strings.TrimSuffix(good, "\n")), ErrAnswer, 1},
		"CR":                        {answer(strings.ReplaceAll(good, "\n", "\r\n")), ErrAnswer, 1},
		"a page":                    {answer("<html>\n"), ErrAnswer, 1},
		"endless":                   {answer(strings.Repeat("x", 1<<20)), ErrAnswer, 1},
		"33 lines":                  {answer(strings.Repeat(others, 33)), ErrAnswer, 1},
		"redirect":                  {http.RedirectHandler(other, http.StatusTemporaryRedirect).ServeHTTP, ErrAnswer, 1},
		"another good status":       {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(202); fmt.Fprint(w, good) }, ErrAnswer, 1},
		"server error":              {http.NotFound, ErrRefused, 1},
		"the same conflict always":  {conflict(sizeType, "7\n"), ErrRefused, 2},
		"conflict at what we sent":  {conflict(sizeType, "0\n"), ErrRefused, 1},
		"conflict ahead of us":      {conflict(sizeType, "21\n"), ErrRefused, 1},
		"conflict with a zero":      {conflict(sizeType, "07\n"), ErrAnswer, 1},
		"conflict without an end":   {conflict(sizeType, "7"), ErrAnswer, 1},
		"conflict with a sign":      {conflict(sizeType, "-7\n"), ErrAnswer, 1},
		"conflict too large":        {conflict(sizeType, "18446744073709551616\n"), ErrAnswer, 1},
		"conflict of another type":  {conflict("text/plain", "7\n"), ErrRefused, 1},
		"conflict with a parameter": {conflict(sizeType+"; charset=utf-8", "7\n"), ErrRefused, 1},
	} {
		times := 0
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { times++; test.handler(w, r) }))
		_, err := Client{Now: clock}.Ask(t.Context(), url, k.Verifier(), 0, prover(t, l, 20))
		if !errors.Is(err, test.want) || times != test.times {
			t.Errorf("%s: asked %d times: %v", name, times, err)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
	// One that accepts and says nothing holds nobody up longer than the caller waits.
	silent := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer close(silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (Client{Now: clock}).Ask(ctx, url, k.Verifier(), 0, prover(t, l, 20)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent one: %v", err)
	}
}

// Two neighbours witness each other: each has a log, and watches that of the other. When one of them rewrites its history, the other
// does not sign, and has the evidence.
func TestNeighbours(t *testing.T) {
	type neighbour struct {
		log *testLog
		c   *Cosigner
		dir string
		url string
	}
	var two [2]*neighbour
	for i := range two {
		n := &neighbour{log: newTestLog(t, fmt.Sprint(" of ", i), 0, 60), dir: filepath.Join(t.TempDir(), "witness")}
		n.log.origin, n.log.key = fmt.Sprintf("village%d.example.org/log/1", i), witnessKey(t, "x", byte(100+i)).private
		if _, err := Init(n.dir, fmt.Sprintf("village%d.example.org/witness", i), seed(byte(50+i))); err != nil {
			t.Fatal(err)
		}
		n.c = reopen(t, n.dir)
		n.url = serve(t, n.c.Handler(quiet))
		two[i] = n
	}
	for i, n := range two {
		other := two[1-i].log
		v, err := signednote.NewVerifier(other.origin, signednote.Ed25519, other.key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		if err := n.c.AddLog(v, transparency.Head{}); err != nil {
			t.Fatal(err)
		}
	}
	client := Client{Now: clock}
	known := [2]uint64{}
	for size := int64(5); size <= 60; size += 11 {
		for i, n := range two {
			other := two[1-i]
			c, err := client.Ask(t.Context(), other.url, other.c.Verifier(), known[i], prover(t, n.log, size))
			if err != nil {
				t.Fatalf("village %d at %d: %v", i, size, err)
			}
			if err := c.Verify(other.c.Verifier(), n.log.head(t, size).Text(), testTimes); err != nil {
				t.Fatal(err)
			}
			known[i] = uint64(size)
		}
	}
	rewritten := newTestLog(t, "rewritten", 20, 62)
	rewritten.origin, rewritten.key = two[0].log.origin, two[0].log.key
	var refused *RefusedError
	if _, err := client.Ask(t.Context(), two[1].url, two[1].c.Verifier(), known[0], prover(t, rewritten, 62)); !errors.As(err, &refused) || refused.Status != 422 {
		t.Errorf("the rewritten history: %v", err)
	}
	if s := state(t, two[1].dir); len(s.Forks) != 1 || s.Remembered != two[0].log.head(t, 60) {
		t.Errorf("the neighbour has %+v", s)
	}
}
