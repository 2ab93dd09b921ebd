//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes flock(2): it belongs to this opening of the file, so it also keeps out a second store of this process, and
// it ends with the process.
func tryLock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) }
