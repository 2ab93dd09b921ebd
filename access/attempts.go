package access

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	freeByName    = 5  // attempts that may fail in a row before one has to wait, by what was typed as a name
	freeByAddress = 20 // by address: a whole office may share one
	waitFirst     = 5 * time.Second
	waitMax       = 15 * time.Minute
	attemptsKept  = 10_000    // subjects remembered at most
	attemptsLife  = time.Hour // after which failures are forgotten
	knownKept     = 10_000    // pairs of a name and an address at most
	knownLife     = 30 * 24 * time.Hour
)

// attempts counts attempts to sign in that failed, by what was typed as a name, whether such an operator exists or not, and by address,
// in memory: each node for itself. From the fifth failure on the wait doubles from 5 seconds to 15 minutes. Whoever signed in from an address
// is counted there apart for 30 days, so that a stranger who goes on failing under his name does not keep him out. Its methods may be called at
// once.
type attempts struct {
	clock func() time.Time

	mu       sync.Mutex
	subjects map[string]*failures
	known    map[string]time.Time // when somebody last got in, by a name at an address
}

type failures struct {
	count int
	last  time.Time
}

func newAttempts(clock func() time.Time) *attempts {
	return &attempts{clock: clock, subjects: map[string]*failures{}, known: map[string]time.Time{}}
}

// attempt is one under way. It counts as failed until it is known to be right, so that many at once do not slip through.
type attempt struct {
	all           *attempts
	name, address string // as they are counted
	place         string // the name at the address; empty without one
}

// begin refuses with too_often an attempt that comes too soon, which then counts for nothing. An empty address is not counted.
func (a *attempts) begin(name, address string) (*attempt, error) {
	name, place := "name "+clipped(strings.ToLower(strings.TrimSpace(name))), ""
	if address != "" {
		address = "address " + clipped(address)
		place = name + " at " + address
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock()
	if last, known := a.known[place]; known && now.Sub(last) < knownLife {
		name = place
	}
	if wait := max(a.wait(name, freeByName, now), a.wait(address, freeByAddress, now)); wait > 0 {
		return nil, refuse(TooOften, "", "seconds", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	a.count(name, now)
	if address != "" {
		a.count(address, now)
	}
	return &attempt{a, name, address, place}, nil
}

// wait is how long a subject still has to wait.
func (a *attempts) wait(subject string, free int, now time.Time) time.Duration {
	f := a.subjects[subject]
	if f == nil || f.count < free || now.Sub(f.last) >= attemptsLife {
		return 0
	}
	wait := waitMax
	if doubled := f.count - free; doubled < 10 {
		wait = min(waitMax, waitFirst<<doubled)
	}
	return f.last.Add(wait).Sub(now)
}

func (a *attempts) count(subject string, now time.Time) {
	f := a.subjects[subject]
	if f == nil || now.Sub(f.last) >= attemptsLife {
		f = new(failures)
		a.makeRoom(now)
		a.subjects[subject] = f
	}
	f.count++
	f.last = now
}

// makeRoom forgets what is too old and, where that is not enough, whoever failed longest ago.
func (a *attempts) makeRoom(now time.Time) {
	if len(a.subjects) < attemptsKept {
		return
	}
	var oldest string
	for subject, f := range a.subjects {
		if now.Sub(f.last) >= attemptsLife {
			delete(a.subjects, subject)
		} else if oldest == "" || f.last.Before(a.subjects[oldest].last) {
			oldest = subject
		}
	}
	if len(a.subjects) >= attemptsKept {
		delete(a.subjects, oldest)
	}
}

// right takes the attempt back: the name is forgotten, and of the address this one attempt, for who knows one password must not clear
// what he tried with others.
func (t *attempt) right() {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	delete(t.all.subjects, t.name)
	t.undo(t.address)
}

// admitted is right for who is let in: from then on the address is known under the name.
func (t *attempt) admitted() {
	t.right()
	if t.place == "" {
		return
	}
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	t.all.known[t.place] = t.all.clock()
	if len(t.all.known) <= knownKept {
		return
	}
	oldest := t.place
	for place, last := range t.all.known {
		if last.Before(t.all.known[oldest]) {
			oldest = place
		}
	}
	delete(t.all.known, oldest)
}

// void takes back an attempt of which nobody knows whether it was right.
func (t *attempt) void() {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	t.undo(t.name)
	t.undo(t.address)
}

func (t *attempt) undo(subject string) {
	f := t.all.subjects[subject]
	if f == nil {
		return
	}
	if f.count--; f.count <= 0 {
		delete(t.all.subjects, subject)
	}
}

// clipped bounds what is kept of outside text.
func clipped(s string) string {
	const most = 100 // bytes
	return s[:min(len(s), most)]
}
