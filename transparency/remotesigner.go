package transparency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
)

// A signer in a process of its own speaks HTTP/1.1 over a unix socket, with plain texts of 64 KiB at most:
//
//	GET  /logs                                  the origins it remembers, one a line
//	GET  /keys?log=<origin>                     "<generation> <state> <verifier key>\n" for each key
//	GET  /key?log=<origin>&generation=<n>       the same for one
//	GET  /last?log=<origin>                     the text of the head signed last: origin, size, root
//	POST /sign                                  see below
//	POST /rotate?log=<origin>&generation=<n>&key=<verifier key>
//	POST /retire?log=<origin>&generation=<n>
//
// The request of sign is that of C2SP tlog-witness with a head that nobody has signed yet in place of a signed note:
//
//	old <size of the head that was signed last>\n
//	<hash of the proof, base64>\n   each
//	\n
//	<origin>\n<size>\n<root>\n
//
// It answers the signed note (200), the text of the head signed last when that is not old (409), or when the head does not fit
// what was signed, the text of that (422). A key that there is not is 404, a request that is not understood 400.

const (
	signerCallMax  = 5 * time.Second // of one call
	signerConnsMax = 256
	signerLogsMax  = 1 << 20 // bytes of the answer to /logs
)

// SignerHandler answers for a signer.
func SignerHandler(s *LocalSigner, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, f func(r *http.Request) ([]byte, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, proofBytesMax)
			b, err := f(r)
			code := http.StatusOK
			if err != nil {
				code, b = signerFailure(err)
				logger.Warn("signer", "call", pattern, "code", code, "error", err)
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(code)
			_, _ = w.Write(b) // who left needs no answer
		})
	}
	answer("GET /logs", func(r *http.Request) ([]byte, error) {
		origins, err := s.Origins(r.Context())
		return []byte(strings.Join(append(origins, ""), "\n")), err
	})
	answer("GET /keys", func(r *http.Request) ([]byte, error) {
		keys, err := s.Keys(r.Context(), r.FormValue("log"))
		return formatLogKeys(keys), err
	})
	answer("GET /key", func(r *http.Request) ([]byte, error) {
		generation, err := generationOf(r)
		if err != nil {
			return nil, err
		}
		key, err := s.Key(r.Context(), r.FormValue("log"), generation)
		return formatLogKeys([]LogKey{key}), err
	})
	answer("GET /last", func(r *http.Request) ([]byte, error) {
		last, err := s.Last(r.Context(), r.FormValue("log"))
		return []byte(last.body()), err
	})
	answer("POST /sign", func(r *http.Request) ([]byte, error) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSignRequest, err)
		}
		old, head, proof, err := parseSignRequest(text)
		if err != nil {
			return nil, err
		}
		return s.Sign(r.Context(), head, old, proof)
	})
	answer("POST /rotate", func(r *http.Request) ([]byte, error) {
		generation, err := generationOf(r)
		if err != nil {
			return nil, err
		}
		return nil, s.Rotate(r.Context(), r.URL.Query().Get("log"), generation, r.URL.Query().Get("key"))
	})
	answer("POST /retire", func(r *http.Request) ([]byte, error) {
		generation, err := generationOf(r)
		if err != nil {
			return nil, err
		}
		return nil, s.Retire(r.Context(), r.URL.Query().Get("log"), generation)
	})
	return mux
}

var errSignRequest = errors.New("request to the signer is not in its one form")

func generationOf(r *http.Request) (uint32, error) {
	n, err := strconv.ParseUint(r.URL.Query().Get("generation"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errSignRequest, err)
	}
	return uint32(n), nil
}

// signerFailure is what a caller is told: which head stands in the way, or only that there is a failure.
func signerFailure(err error) (code int, text []byte) {
	var stale *StaleError
	var fork *ForkError
	switch {
	case errors.As(err, &stale):
		return http.StatusConflict, []byte(stale.Last.body())
	case errors.As(err, &fork):
		return http.StatusUnprocessableEntity, []byte(fork.Signed.body())
	case errors.Is(err, ErrNoKey):
		return http.StatusNotFound, nil
	case errors.Is(err, errSignRequest), errors.Is(err, errProofForm), errors.Is(err, errHeadForm), errors.Is(err, errOrigin):
		return http.StatusBadRequest, nil
	}
	return http.StatusInternalServerError, nil
}

func formatSignRequest(head Head, old uint64, proof []Hash) []byte {
	return append(appendHashes(fmt.Appendf(nil, "old %d\n", old), proof), head.body()...)
}

func parseSignRequest(text []byte) (old uint64, head Head, proof []Hash, err error) {
	first, body, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return 0, Head{}, nil, errSignRequest
	}
	if old, proof, err = parseProof("old ", strings.Split(string(first), "\n")); err != nil {
		return 0, Head{}, nil, fmt.Errorf("%w: %w", errSignRequest, err)
	}
	if head, err = parseBody(string(body)); err != nil {
		return 0, Head{}, nil, err
	}
	if !bytes.Equal(formatSignRequest(head, old, proof), text) {
		return 0, Head{}, nil, errSignRequest
	}
	return old, head, proof, nil
}

func formatLogKeys(keys []LogKey) []byte {
	var b []byte
	for _, k := range keys {
		b = fmt.Appendf(b, "%d %s %s\n", k.Generation, k.State, k.VerifierKey)
	}
	return b
}

// parseLogKeys reads the keys of a log, one at the least, in their one form.
func parseLogKeys(origin string, text []byte) ([]LogKey, error) {
	wrong := fmt.Errorf("keys of %s: they are not in their one form", origin)
	var keys []LogKey
	for line := range strings.Lines(string(text)) {
		word := strings.Fields(line)
		if len(word) != 3 {
			return nil, wrong
		}
		n, err := strconv.ParseUint(word[0], 10, 32)
		v, verr := signednote.ParseVerifier(word[2])
		if err != nil || verr != nil || v.Name != origin || v.Algorithm != signednote.Ed25519 {
			return nil, wrong
		}
		keys = append(keys, LogKey{uint32(n), word[2], KeyState(word[1])})
	}
	if len(keys) == 0 || !bytes.Equal(formatLogKeys(keys), text) {
		return nil, wrong
	}
	return keys, nil
}

// ServeSigner answers for a signer on a listener until the context ends, and then lets calls under way finish.
func ServeSigner(ctx context.Context, listener net.Listener, s *LocalSigner, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           SignerHandler(s, logger),
		ReadHeaderTimeout: signerCallMax, ReadTimeout: signerCallMax, WriteTimeout: 2 * signerCallMax, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failure := make(chan error, 1)
	go func() { failure <- server.Serve(&boundedListener{listener, make(chan struct{}, signerConnsMax)}) }()
	select {
	case err := <-failure:
		return fmt.Errorf("serve the signer: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), signerCallMax)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		_ = server.Close() // whoever got no answer asks again
	}
	return nil
}

// boundedListener holds so many connections and no more; others wait.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// RemoteSigner is a Signer behind a unix socket. It keeps the public keys in a file, so that heads can be opened while the signer
// is away.
type RemoteSigner struct {
	client *http.Client
	socket string
	cache  string

	mu   sync.Mutex // guards the file and all below
	keys map[string][]LogKey
}

// DialSigner makes a client of the signer at a socket; nothing is connected yet. cache is a file for public keys; empty: none.
func DialSigner(socket, cache string) (*RemoteSigner, error) {
	s := &RemoteSigner{socket: socket, cache: cache, keys: make(map[string][]LogKey)}
	s.client = &http.Client{
		Timeout: signerCallMax,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
			MaxIdleConns: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		},
	}
	text, err := os.ReadFile(cache)
	if err != nil && cache != "" && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		origin, rest, _ := strings.Cut(line, " ")
		// What is wrong in the file is only not known from it.
		if keys, err := parseLogKeys(origin, []byte(rest)); err == nil {
			s.keys[origin] = append(s.keys[origin], keys...)
		}
	}
	return s, nil
}

// Close closes idle connections.
func (s *RemoteSigner) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// call makes one call. What is not an answer of the signer's is ErrSignerAway: it is asked again.
func (s *RemoteSigner) call(ctx context.Context, method, path string, query url.Values, body []byte) (int, []byte, error) {
	address := url.URL{Scheme: "http", Host: "signer", Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("ask the signer: %w", err)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		return 0, nil, fmt.Errorf("%w: %s: %w", ErrSignerAway, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, signerLogsMax))
	switch code := answer.StatusCode; {
	case err != nil:
		return 0, nil, fmt.Errorf("%w: %s: %w", ErrSignerAway, path, err)
	case code == http.StatusOK, code == http.StatusConflict, code == http.StatusUnprocessableEntity:
		return code, text, nil
	case code == http.StatusNotFound:
		return 0, nil, ErrNoKey
	case code >= http.StatusInternalServerError:
		return 0, nil, fmt.Errorf("%w: %s answers %d", ErrSignerAway, path, code)
	default:
		return 0, nil, fmt.Errorf("the signer at %s does not understand %s: %d", s.socket, path, code)
	}
}

func ofLog(origin string) url.Values { return url.Values{"log": {origin}} }

func ofKey(origin string, generation uint32) url.Values {
	return url.Values{"log": {origin}, "generation": {strconv.FormatUint(uint64(generation), 10)}}
}

// Keys implements Signer. While the signer is away they are those that it had.
func (s *RemoteSigner) Keys(ctx context.Context, origin string) ([]LogKey, error) {
	_, text, err := s.call(ctx, http.MethodGet, "/keys", ofLog(origin), nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[origin]; errors.Is(err, ErrSignerAway) && known != nil {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := parseLogKeys(origin, text)
	if err != nil || bytes.Equal(formatLogKeys(s.keys[origin]), text) {
		return keys, err
	}
	s.keys[origin] = keys
	return keys, s.writeCache()
}

func (s *RemoteSigner) writeCache() error {
	if s.cache == "" {
		return nil
	}
	var b []byte
	for origin, keys := range s.keys {
		for _, k := range keys {
			b = append(append(b, origin+" "...), formatLogKeys([]LogKey{k})...)
		}
	}
	err := writeSynced(s.cache+tmpSuffix, b)
	if err == nil {
		err = os.Rename(s.cache+tmpSuffix, s.cache)
	}
	if err != nil {
		return fmt.Errorf("keep public keys: %w", err)
	}
	return nil
}

// Key implements Signer.
func (s *RemoteSigner) Key(ctx context.Context, origin string, generation uint32) (LogKey, error) {
	_, text, err := s.call(ctx, http.MethodGet, "/key", ofKey(origin, generation), nil)
	if err != nil {
		return LogKey{}, err
	}
	keys, err := parseLogKeys(origin, text)
	if err != nil {
		return LogKey{}, err
	}
	return keys[0], nil
}

// Last implements Signer.
func (s *RemoteSigner) Last(ctx context.Context, origin string) (Head, error) {
	_, text, err := s.call(ctx, http.MethodGet, "/last", ofLog(origin), nil)
	if err != nil {
		return Head{}, err
	}
	return answeredHead(origin, text)
}

func answeredHead(origin string, text []byte) (Head, error) {
	h, err := parseBody(string(text))
	if err == nil && h.Origin != origin {
		err = errHeadForm
	}
	if err != nil {
		return Head{}, fmt.Errorf("answer of the signer of %s: %w", origin, err)
	}
	return h, nil
}

// Sign implements Signer.
func (s *RemoteSigner) Sign(ctx context.Context, head Head, old uint64, proof []Hash) ([]byte, error) {
	code, text, err := s.call(ctx, http.MethodPost, "/sign", nil, formatSignRequest(head, old, proof))
	if err != nil {
		return nil, err
	}
	if code == http.StatusOK {
		return text, s.check(ctx, head, text)
	}
	last, err := answeredHead(head.Origin, text)
	if err != nil {
		return nil, err
	}
	if code == http.StatusConflict {
		return nil, &StaleError{last}
	}
	return nil, &ForkError{Signed: last, Refused: head}
}

// check wants an answer to be the head that was asked for, signed by keys of the log.
func (s *RemoteSigner) check(ctx context.Context, head Head, msg []byte) error {
	s.mu.Lock()
	keys := s.keys[head.Origin]
	s.mu.Unlock()
	signed, err := openSigned(msg, keys)
	if err != nil { // they may have changed
		if keys, err = s.Keys(ctx, head.Origin); err == nil {
			signed, err = openSigned(msg, keys)
		}
	}
	if err == nil && signed != head {
		err = errHeadForm
	}
	if err != nil {
		return fmt.Errorf("answer of the signer of %s: %w", head.Origin, err)
	}
	return nil
}

// Rotate implements Signer.
func (s *RemoteSigner) Rotate(ctx context.Context, origin string, generation uint32, newKey string) error {
	query := ofKey(origin, generation)
	query.Set("key", newKey)
	_, _, err := s.call(ctx, http.MethodPost, "/rotate", query, nil)
	if err == nil {
		_, err = s.Keys(ctx, origin) // for the file
	}
	return err
}

// Retire implements Signer.
func (s *RemoteSigner) Retire(ctx context.Context, origin string, generation uint32) error {
	_, _, err := s.call(ctx, http.MethodPost, "/retire", ofKey(origin, generation), nil)
	return err
}

// Origins are the logs that the signer remembers something of, sorted.
func (s *RemoteSigner) Origins(ctx context.Context) ([]string, error) {
	_, text, err := s.call(ctx, http.MethodGet, "/logs", nil, nil)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' }), nil
}

var _ Signer = (*RemoteSigner)(nil)
