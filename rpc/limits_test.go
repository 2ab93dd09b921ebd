package rpc_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
)

// counted counts what is taken of a body that could be endless.
type counted struct {
	io.Reader
	taken atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.taken.Add(int64(n))
	return n, err
}

// blanks is a body that never ends by itself.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestHugeRequestsAreRefusedEarly: 50 MB announced are refused before the first of them is read, 50 MB that come without
// announcement soon after the limit; both by name, in the words of the protocol.
func TestHugeRequestsAreRefusedEarly(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	const huge = 50 << 20
	for _, path := range []string{books + "Apply", books + "RecordIncome", disclosure + "GetFundStatement"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(v.url, "http://"))
		fatalIf(t, err)
		fatalIf(t, conn.SetDeadline(time.Now().Add(soon)))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, huge)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		fatalIf(t, err)
		text, err := io.ReadAll(answer.Body)
		fatalIf(t, err)
		code, reason := reply{body: string(text)}.refusal()
		if code != "resource_exhausted" || reason != "request_too_large" || !answer.Close || answer.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s announced: %v %s", path, answer.Header, text)
		}
		conn.Close()

		body := &counted{Reader: io.LimitReader(blanks{}, huge)}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+path, body)
		fatalIf(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+v.keys["treasurer"])
		answer, err = v.http.Do(request)
		fatalIf(t, err)
		text, err = io.ReadAll(answer.Body)
		fatalIf(t, err)
		answer.Body.Close()
		code, reason = reply{body: string(text)}.refusal()
		if code != "resource_exhausted" || reason != "request_too_large" || body.taken.Load() > 16<<20 {
			t.Errorf("%s not announced: %d bytes taken, %d %s", path, body.taken.Load(), answer.StatusCode, text)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+disclosure+"GetVersion", nil)
	fatalIf(t, err)
	request.Header.Set("X-Long", strings.Repeat("x", 1<<20))
	answer, err := v.http.Do(request)
	fatalIf(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers of a megabyte: %d", answer.StatusCode)
	}
}

// TestSlowClientsAreCutOff: headers and bodies that drip take no longer than they may.
func TestSlowClientsAreCutOff(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	v.listen(func(s *http.Server) {
		if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
			t.Errorf("a limit is missing: %+v", s)
		}
		s.ReadHeaderTimeout, s.ReadTimeout = 100*time.Millisecond, 200*time.Millisecond
	})
	for name, begun := range map[string]string{
		"headers": "POST " + books + "Apply HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"body":    "POST " + disclosure + "GetVersion HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(v.url, "http://"))
		fatalIf(t, err)
		_, err = io.WriteString(conn, begun)
		fatalIf(t, err)
		fatalIf(t, conn.SetReadDeadline(time.Now().Add(soon)))
		start := time.Now()
		if _, err := io.Copy(io.Discard, conn); err != nil || time.Since(start) > soon/2 {
			t.Errorf("slow %s: %v after %v", name, err, time.Since(start))
		}
		conn.Close()
	}
}
