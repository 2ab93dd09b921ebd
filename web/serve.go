package web

import (
	"bytes"
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzhttp"

	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// Config is what the pages are made with. Only what says its default may be left out.
type Config struct {
	// Services is the way to the API in this process: rpc.Server.InProcess().
	Services connect.Transport
	// Origin is the address that people type, scheme and host, without a slash at the end: https://books.example. Default: none, and
	// cookies are not marked Secure; for a server on this machine alone.
	Origin string
	// TrustProxy takes the address of a visitor from the last entry of X-Forwarded-For, which the proxy in front adds.
	TrustProxy bool
	// Clock gives today; default time.Now.
	Clock func() time.Time
	// Logger takes what visitors are not told; default slog.Default().
	Logger *slog.Logger
}

// site is the pages, with the services they ask.
type site struct {
	config    Config
	published []string // collectives whose pages are written to files; nil for a server

	disclosure apiv1connect.DisclosureServiceClient
	audit      apiv1connect.AuditServiceClient
	books      apiv1connect.BooksServiceClient
	governance apiv1connect.GovernanceServiceClient
	registry   apiv1connect.RegistryServiceClient
	documents  apiv1connect.DocumentsServiceClient
	session    apiv1connect.SessionServiceClient
}

// page makes one page of a visit. A nil component says that the page has written its answer itself.
type page func(v *visit) (templ.Component, error)

// newSite makes the pages of a configuration.
func newSite(c Config) *site {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	client := connect.NewClient(c.Services)
	return &site{
		config:     c,
		disclosure: apiv1connect.NewDisclosureServiceClient(client),
		audit:      apiv1connect.NewAuditServiceClient(client),
		books:      apiv1connect.NewBooksServiceClient(client),
		governance: apiv1connect.NewGovernanceServiceClient(client),
		registry:   apiv1connect.NewRegistryServiceClient(client),
		documents:  apiv1connect.NewDocumentsServiceClient(client),
		session:    apiv1connect.NewSessionServiceClient(client),
	}
}

// New gives the handler of all pages. It answers every path that begins with one of Prefixes, and "/".
func New(c Config) http.Handler {
	compressed, err := gzhttp.NewWrapper(gzhttp.SuffixETag(gzipSuffix))
	if err != nil {
		panic("web: " + err.Error()) // options of this program
	}
	forms := http.NewCrossOriginProtection()
	if c.Origin != "" { // the proxy in front may call this server by another name
		if err := forms.AddTrustedOrigin(c.Origin); err != nil {
			panic("web: " + err.Error()) // the door has refused such an origin
		}
	}
	return compressed(forms.Handler(newSite(c).routes()))
}

// routes sends every path to its page, in each language and print.
func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, page := range s.pages() {
		method, path, _ := strings.Cut(pattern, " ")
		for _, prefix := range []string{"", largePrefix, englishPrefix, englishPrefix + largePrefix} {
			mux.Handle(method+" "+prefix+path, s.frame(page))
		}
	}
	mux.HandleFunc("GET /assets/", serveAsset)
	mux.Handle("/", s.frame(func(*visit) (templ.Component, error) { return nil, errNotFound }))
	return mux
}

// Prefixes are the beginnings of the paths that New's handler answers, beside "/" itself.
var Prefixes = []string{"/b/", "/d/", "/en/", "/large/", "/assets/", "/sign-in/", "/sign-out/", "/invitation/", "/confirm/", "/account/", "/admin/"}

// pages lists every page by its pattern, without the language. Each part of the site adds its own.
func (s *site) pages() map[string]page {
	all := map[string]page{"GET /{$}": s.home}
	for _, part := range []map[string]page{
		s.boardPages(), s.outputsPages(), s.signInPages(), s.accountPages(), s.adminPages(), s.deskPages(), s.receiptPages(), s.committeePages(),
	} {
		for pattern, page := range part {
			all[pattern] = page
		}
	}
	return all
}

// errNotFound is that of an address that has no page.
var errNotFound = errors.New("no such page")

// problem is an error that a page knows the words for.
type problem struct {
	status int
	zh, en string
}

func (p *problem) Error() string { return p.en }

// policy is the content policy of every page: nothing but this site's own files, no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"

// frame makes a handler of a page: the head of the answer, and a page for whatever goes wrong.
func (s *site) frame(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.newVisit(w, r)
		h := w.Header()
		h.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-store")
		status, component := s.confirmFirst(v)
		var err error
		if component == nil {
			status = http.StatusOK
			component, err = p(v)
		}
		if own, ok := component.(withStatus); ok {
			status, component = own.status, own.Component
		}
		if err != nil {
			h.Del("ETag")
			h.Set("Cache-Control", "private, no-store")
			status, component = s.trouble(v, err)
		}
		if component == nil {
			return
		}
		if err := v.render(status, component); err != nil && r.Context().Err() == nil {
			s.config.Logger.ErrorContext(r.Context(), "a page could not be made", "error", err)
		}
	})
}

// render writes a whole page: it is made in memory first, so that a fault in the middle is an error and not half a page.
func (v *visit) render(status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(v.ctx, &b); err != nil {
		http.Error(v.writer, v.text("服务器内部出错。", "The server made a mistake."), http.StatusInternalServerError)
		return err
	}
	v.writer.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.writer.WriteHeader(status)
	_, _ = v.writer.Write(b.Bytes()) // who left needs no answer
	return nil
}

// trouble is the page that says what went wrong, in the words of the refusal where there is one.
func (s *site) trouble(v *visit, err error) (int, templ.Component) {
	var known *problem
	switch refusal := rpc.RefusalOf(err); {
	case errors.Is(err, errNotFound):
		return http.StatusNotFound, troublePage(v, v.text("没有这一页", "There is no such page"), v.text("网址可能抄错了,或者这一页已经不在。", "The address may be mistyped, or the page is gone."))
	case refusal != nil && refusal.Reason == reasonSignedOut:
		return s.signedOut(v)
	case refusal != nil && refusal.Reason == reasonConfirm && v.request.Method == http.MethodPost:
		return s.confirmAgainPage(v, "")
	case errors.As(err, &known):
		return known.status, troublePage(v, v.text("这一步没有办成", "This was not done"), v.text(known.zh, known.en))
	case refusal != nil:
		return httpStatusOf(err), troublePage(v, v.text("这一步没有办成", "This was not done"), v.text(refusal.SentenceZh, refusal.SentenceEn))
	default:
		s.config.Logger.ErrorContext(v.request.Context(), "a page failed", "page", v.request.Pattern, "error", err) // not the address: that of an invitation is a secret
		return http.StatusInternalServerError, troublePage(v, v.text("服务器内部出错", "The server made a mistake"), v.text("已经记下,请稍后再试。", "It is in the log; try again later."))
	}
}

// httpStatusOf is the status of a page whose call ended with an error.
func httpStatusOf(err error) int { return httpStatus(connect.CodeOf(err)) }

// httpStatus is the status of a page whose call ended with a code.
func httpStatus(code connect.Code) int {
	return cmp.Or(map[connect.Code]int{
		connect.CodeInvalidArgument: http.StatusBadRequest, connect.CodeNotFound: http.StatusNotFound, connect.CodeUnauthenticated: http.StatusUnauthorized,
		connect.CodePermissionDenied: http.StatusForbidden, connect.CodeFailedPrecondition: http.StatusConflict, connect.CodeAlreadyExists: http.StatusConflict,
		connect.CodeAborted: http.StatusConflict, connect.CodeResourceExhausted: http.StatusTooManyRequests, connect.CodeUnavailable: http.StatusServiceUnavailable,
		connect.CodeDeadlineExceeded: http.StatusGatewayTimeout,
	}[code], http.StatusInternalServerError)
}

// cookieName is that of the session's key: bound to this host alone where there is TLS.
func (s *site) cookieName() string {
	if strings.HasPrefix(s.config.Origin, "https://") {
		return "__Host-mingzhang"
	}
	return "mingzhang"
}

// addressOf is where a visitor comes from, without a port.
func (s *site) addressOf(r *http.Request) string {
	if forwarded := r.Header.Values("X-Forwarded-For"); s.config.TrustProxy && len(forwarded) > 0 {
		all := strings.Split(forwarded[len(forwarded)-1], ",")
		return strings.TrimSpace(all[len(all)-1])
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
