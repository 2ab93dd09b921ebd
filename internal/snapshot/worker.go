package snapshot

import (
	"context"
	"sync"
	"time"
)

// Worth says whether a copy at a version pays in the background, when the last one kept is of version kept (0: none): an
// eighth more of the log is then read from the copy and not folded, and a log is copied about eight times while it doubles.
func Worth(kept, version uint64) bool { return version >= kept+max(5000, version/8) }

// WorthAtEnd says the same for a value that is about to leave memory. It is copied sooner, so that the next start has
// little to fold.
func WorthAtEnd(kept, version uint64) bool { return version >= kept+max(1000, version/50) }

// Worker does jobs in the background, one at a time. Its methods may be called at once. The zero Worker is ready.
type Worker struct {
	mu      sync.Mutex
	waiting map[string]func(context.Context)
	order   []string
	working chan struct{} // closed when the goroutine has ended; nil when there is none
	closed  bool
	stop    context.CancelFunc
}

// Do has a job done soon. While one of the same name waits, it does nothing; after Close neither.
func (w *Worker) Do(name string, job func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.waiting[name] != nil {
		return
	}
	if w.waiting == nil {
		w.waiting = map[string]func(context.Context){}
	}
	w.waiting[name] = job
	w.order = append(w.order, name)
	if w.working != nil {
		return
	}
	w.working = make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go w.work(ctx, stop, w.working)
}

func (w *Worker) work(ctx context.Context, stop context.CancelFunc, working chan struct{}) {
	defer close(working)
	defer stop()
	for {
		w.mu.Lock()
		if len(w.order) == 0 || w.closed {
			w.working = nil
			w.mu.Unlock()
			return
		}
		name := w.order[0]
		job := w.waiting[name]
		w.order = w.order[1:]
		delete(w.waiting, name)
		w.mu.Unlock()
		job(ctx)
	}
}

// Wait returns when all jobs are done.
func (w *Worker) Wait() {
	for {
		w.mu.Lock()
		working := w.working
		w.mu.Unlock()
		if working == nil {
			return
		}
		<-working
	}
}

// Close tells the job at work to stop and waits for it. Jobs that wait are never begun.
func (w *Worker) Close() {
	w.mu.Lock()
	w.closed = true
	working := w.working
	if working != nil {
		w.stop()
	}
	w.mu.Unlock()
	if working != nil {
		<-working
	}
}

// Pacer slows work in the background down to half of one core.
type Pacer struct {
	from time.Time
	n    int
}

// stride is how many steps are taken between two rests.
const stride = 1024

// Step is called for every event. Now and then it rests as long as the steps before it took, or until the context ends.
func (p *Pacer) Step(ctx context.Context) error {
	if p.from.IsZero() {
		p.from = time.Now()
	}
	if p.n++; p.n%stride != 0 {
		return nil
	}
	rest := time.NewTimer(time.Since(p.from))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.from = time.Now()
	return nil
}
