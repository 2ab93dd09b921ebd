package access

import (
	"fmt"
	"time"
)

// Hashings is how many passwords a door has hashed.
func Hashings(d *Door) uint64 { return d.hasher.done.Load() }

// TryNames tries so many names once each and says how many are remembered, and whether the last is.
func TryNames(clock func() time.Time, n int) (remembered int, last bool) {
	a := newAttempts(clock)
	name := ""
	for i := range n {
		name = fmt.Sprint("name-", i)
		if _, err := a.begin(name, ""); err != nil {
			return 0, false
		}
	}
	return len(a.subjects), a.subjects["name "+name] != nil
}

// SessionsKept is how many sessions the state remembers, and of how many when they were seen.
func SessionsKept(s *Service) (state, seen int) { return len(s.state.sessions), len(s.seen) }

// CeremoniesKept is how much is begun and not finished.
func CeremoniesKept(d *Door) int { return len(d.ceremonies.begun) }
