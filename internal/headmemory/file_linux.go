package headmemory

import (
	"errors"
	"os"
	"syscall"
)

// syncData is fdatasync: the length of the file never changes, and the time of its last change need not be on the disk.
func syncData(file *os.File) error {
	for {
		err := syscall.Fdatasync(int(file.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
