package transparency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Files are the files of one published log, wherever they lie: a Dir or the Web. Read may be called at once from many goroutines.
type Files interface {
	// Read gives a file by its path below the directory of the log, with slashes, of at most so many bytes. A file that is not
	// there is fs.ErrNotExist; one that is longer, or that no publisher wrote, is a *PublishedError; any other error says that it
	// could not be read, and nothing about what it holds.
	Read(ctx context.Context, name string, most int64) ([]byte, error)
}

// Dir is the directory of a published log as Files. Only plain files count: what could never end is refused.
type Dir string

// Read implements Files.
func (d Dir) Read(_ context.Context, name string, most int64) ([]byte, error) {
	return readRegular(string(d), name, most)
}

// has says whether there is anything under a name.
func (d Dir) has(name string) bool {
	_, err := os.Lstat(filepath.Join(string(d), filepath.FromSlash(name)))
	return !errors.Is(err, fs.ErrNotExist)
}

// Web is a published log behind a web server as Files: a GET for each file, below one address. It believes the server nothing.
// What fails for a moment (no connection, 429, 5xx) is tried webTries times; a redirect to another host is refused.
type Web struct {
	base   string // ends with a slash
	client *http.Client
	pause  time.Duration // before the second try; doubled for the next
}

// Bounds of reading from the web.
const (
	webTries     = 4
	webPause     = 250 * time.Millisecond
	webTimeout   = 60 * time.Second // for one file, however it trickles
	webRedirects = 3
	webAtOnce    = 8 // files that are fetched at once
)

// NewWeb is the log at an address with http or https. Nothing is fetched yet.
func NewWeb(address string) (*Web, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of a published log: http or https, a host, and no '?' or '#'", address)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second,
		MaxConnsPerHost: webAtOnce, MaxIdleConnsPerHost: webAtOnce, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}
	return &Web{base: strings.TrimSuffix(u.String(), "/") + "/", pause: webPause,
		client: &http.Client{Transport: transport, Timeout: webTimeout, CheckRedirect: sameHost}}, nil
}

// Close ends the connections that wait for the next file.
func (w *Web) Close() { w.client.CloseIdleConnections() }

var errOtherHost = errors.New("the server sends on to another host")

func sameHost(to *http.Request, via []*http.Request) error {
	if len(via) > webRedirects {
		return errors.New("the server sends on and on")
	}
	if to.URL.Host != via[0].URL.Host || to.URL.Scheme != via[0].URL.Scheme {
		return errOtherHost
	}
	return nil
}

// Read implements Files.
func (w *Web) Read(ctx context.Context, name string, most int64) (data []byte, err error) {
	pause := w.pause
	for try := 1; ; try++ {
		var again bool
		data, again, err = w.get(ctx, name, most)
		if !again || try == webTries {
			return data, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("fetch %s: %w", name, ctx.Err())
		}
		pause *= 2
	}
}

// get fetches a file once; again says whether it may go better another time.
func (w *Web) get(ctx context.Context, name string, most int64) (data []byte, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+name, nil)
	if err != nil {
		return nil, false, fmt.Errorf("fetch %s: %w", name, err)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, ctx.Err() == nil && !errors.Is(err, errOtherHost), fmt.Errorf("fetch %s: %w", name, err)
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return nil, false, fmt.Errorf("fetch %s: %w", name, fs.ErrNotExist)
	case code != http.StatusOK:
		return nil, code == http.StatusTooManyRequests || code >= 500, fmt.Errorf("fetch %s: the server answers %s", name, answer.Status)
	}
	data, err = io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return nil, ctx.Err() == nil, fmt.Errorf("fetch %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, false, &PublishedError{File: name, Reason: fmt.Sprintf("it has more than %d bytes", most)}
	}
	return data, false, nil
}
