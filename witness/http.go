package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

const (
	// AddCheckpointPath is the path of C2SP tlog-witness below the URL of a witness.
	AddCheckpointPath = "/add-checkpoint"
	// RequestBytesMax is the longest request and the longest answer.
	RequestBytesMax = 64 << 10

	sizeType = "text/x.tlog.size"
	askTime  = 15 * time.Second // for one request and its answer
)

// Handler serves add-checkpoint of C2SP tlog-witness:
//
//	200  the signature line of the witness
//	400  the request is not in its one form, or its old size is larger than its head's
//	403  the head has no signature of a known key of its log, or one that does not verify
//	404  the log is not watched
//	405  the method is not POST
//	409  another size was signed last: it is the answer, as text/x.tlog.size; or another root at this very size
//	413  the request has more than 64 KiB
//	422  the proof is none
//	500  the witness cannot keep what it has to; nothing was signed
//
// Nothing but the signature of the log says who asks: it may be served to anybody. log gets what a person ought to see.
func (c *Cosigner) Handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+AddCheckpointPath, func(w http.ResponseWriter, r *http.Request) {
		request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, RequestBytesMax))
		if err != nil {
			status := http.StatusBadRequest
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "the request cannot be read", status)
			return
		}
		line, err := c.Cosign(request)
		if err != nil {
			c.refuse(w, log, request, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, line.String()) // the caller is gone: it will ask again
	})
	return mux
}

// refuse answers what was not cosigned. Paths of this machine and what the disk says are for the log alone.
func (c *Cosigner) refuse(w http.ResponseWriter, log *slog.Logger, request []byte, err error) {
	if evidence, ok := IsFork(err); ok {
		log.Error("a log has signed two histories", "evidence", evidence)
	}
	var conflict *ConflictError
	var proof *ProofError
	switch {
	case errors.As(err, &conflict):
		if p, perr := transparency.ParseConsistency(request); perr == nil && p.OldSize == conflict.Size {
			http.Error(w, "another root was signed at this size", http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", sizeType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", conflict.Size)
	case errors.As(err, &proof):
		http.Error(w, "the proof does not fit", http.StatusUnprocessableEntity)
	case errors.Is(err, ErrUnknownLog):
		http.Error(w, "the log is not watched", http.StatusNotFound)
	case errors.Is(err, ErrNotSigned):
		http.Error(w, "the head is not signed by its log", http.StatusForbidden)
	case errors.Is(err, signednote.ErrForm):
		http.Error(w, "the request is not in its one form", http.StatusBadRequest)
	default:
		log.Error("a head could not be cosigned", "error", err)
		http.Error(w, "the witness cannot sign now", http.StatusInternalServerError)
	}
}

var (
	// ErrAnswer says that what answers at the URL of a witness is no witness, or not that one.
	ErrAnswer = errors.New("answer of a witness")
	// ErrRefused says that a witness does not sign: the error has the status of its answer.
	ErrRefused = errors.New("witness refuses")
)

// RefusedError is the answer of a witness that does not sign. It wraps ErrRefused.
type RefusedError struct {
	Status int
	Size   uint64 // with status 409: what it says it has signed last
}

func (e *RefusedError) Error() string {
	if e.Status == http.StatusConflict {
		return fmt.Sprintf("%v: it has signed the size %d (status 409)", ErrRefused, e.Size)
	}
	return fmt.Sprintf("%v: status %d", ErrRefused, e.Status)
}

func (e *RefusedError) Unwrap() error { return ErrRefused }

// Client asks witnesses for cosignatures. The zero value is ready. Calls may run at once.
type Client struct {
	Transport http.RoundTripper // nil for one of its own, without a proxy
	Now       func() time.Time  // nil for the clock
}

var direct = &http.Transport{
	MaxResponseHeaderBytes: 16 << 10, ResponseHeaderTimeout: askTime, TLSHandshakeTimeout: askTime,
	MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, DisableCompression: true,
}

// Ask asks a witness, known by URL and key, to cosign a head. prove makes the request add-checkpoint for that head from an old size: it
// is called with oldSize, what the witness is thought to have signed last, and once more when the witness says it was another size. The
// cosignature is verified, and is of this hour. The URL alone is called, no redirect is followed, an answer is 64 KiB at the most and
// takes 15 seconds.
//
// The error is *RefusedError when the witness does not sign, and wraps ErrAnswer when what answers makes no sense.
func (a Client) Ask(ctx context.Context, base string, key signednote.Verifier, oldSize uint64,
	prove func(ctx context.Context, oldSize uint64) ([]byte, error)) (Cosignature, error) {
	target, err := addCheckpointURL(base)
	if err != nil {
		return Cosignature{}, err
	}
	for again := true; ; again = false {
		request, err := prove(ctx, oldSize)
		if err != nil {
			return Cosignature{}, err
		}
		p, err := transparency.ParseConsistency(request)
		if err != nil {
			return Cosignature{}, err
		}
		answer, err := a.post(ctx, target, request)
		var refused *RefusedError
		if errors.As(err, &refused) && refused.Status == http.StatusConflict && again && refused.Size != oldSize && refused.Size <= p.Head.Size {
			oldSize = refused.Size
			continue
		}
		if err != nil {
			return Cosignature{}, err
		}
		return a.cosignature(answer, key, p.Head)
	}
}

func addCheckpointURL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("the URL of a witness is http or https, a host and a path, not %q", base)
	}
	return strings.TrimSuffix(base, "/") + AddCheckpointPath, nil
}

// post gives the body of a good answer.
func (a Client) post(ctx context.Context, target string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(request))
	if err != nil {
		return nil, fmt.Errorf("ask witness: %w", err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	client := http.Client{Transport: a.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if client.Transport == nil {
		client.Transport = direct
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask witness: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, RequestBytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask witness: %w", err)
	case len(body) > RequestBytesMax:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrAnswer, RequestBytesMax)
	case answer.StatusCode == http.StatusOK:
		return body, nil
	case answer.StatusCode == http.StatusConflict && answer.Header.Get("Content-Type") == sizeType:
		size, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 62)
		if err != nil || string(body) != fmt.Sprintf("%d\n", size) {
			return nil, fmt.Errorf("%w: the size it has signed last is %.40q", ErrAnswer, body)
		}
		return nil, &RefusedError{Status: answer.StatusCode, Size: size}
	case answer.StatusCode == http.StatusConflict: // another root at the same size
		p, err := transparency.ParseConsistency(request)
		if err != nil {
			return nil, err
		}
		return nil, &RefusedError{Status: answer.StatusCode, Size: p.OldSize}
	case answer.StatusCode >= 400:
		return nil, &RefusedError{Status: answer.StatusCode}
	}
	return nil, fmt.Errorf("%w: its status is %d", ErrAnswer, answer.StatusCode)
}

// cosignature finds the line of a key in an answer and verifies it. Lines of other keys are not looked at.
func (a Client) cosignature(answer []byte, key signednote.Verifier, head transparency.Head) (Cosignature, error) {
	lines, err := signednote.ParseSignatures(answer)
	if err != nil {
		return Cosignature{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	c, err := Cosigned(signednote.Note{Text: head.Text(), Signatures: lines}, key, Times{Now: now(), AgeMax: time.Hour})
	if err != nil {
		return Cosignature{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return c, nil
}
