//go:build unix

package headmemory

import (
	"errors"
	"os"
	"syscall"
)

// lock takes flock(2): it belongs to this opening of the file and ends with the process.
func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}
