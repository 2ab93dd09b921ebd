package telemetry

import (
	"net/http"
	"net/http/pprof"
)

// Admin is what the admin address serves. It has no keys: whoever reaches it may read it, so it stays on the machine.
type Admin struct {
	Metrics *Metrics
	Health  http.HandlerFunc // GET /healthz: whether the log is sound, as far as is known
	// Ready answers GET /readyz: why no calls should be sent here, in a word; empty when they may.
	Ready    func() string
	Profiles bool // serve /debug/pprof/
}

// Handler serves it.
func (a Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.Metrics.Handler())
	mux.HandleFunc("GET /healthz", a.Health)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		answer := "ready\n"
		if why := a.Ready(); why != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			answer = why + "\n"
		}
		_, _ = w.Write([]byte(answer)) // who left needs no answer
	})
	if a.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		// The command line stays out: it may name paths of secrets.
	}
	return mux
}
