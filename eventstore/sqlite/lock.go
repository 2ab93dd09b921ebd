package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// LockFile is the name of the lock file in a data directory.
const LockFile = "mingzhang.lock"

// DirLock keeps other processes out of a data directory until it is released or the process ends, however it ends: the
// operating system holds the lock, the file only says who. A file left by a dead process locks nobody out. While nobody has the
// lock, the file says how the stores of the directory were when they were closed in order; after a crash it does not.
type DirLock struct {
	file *os.File
	dir  string

	mu   sync.Mutex
	open map[string]bool  // files that a store of this process has open
	left map[string]stamp // files that were closed in order, by their names in the directory
}

// LockedError says that a data directory is in use.
type LockedError struct {
	Dir  string
	PID  int    // 0 when the lock file does not tell
	Host string // empty when the lock file does not tell
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("data directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("data directory %s is in use by process %d on host %s", e.Dir, e.PID, e.Host)
}

// errHeld is what the platform's tryLock gives when somebody else has the lock.
var errHeld = errors.New("lock is held")

// Lock takes the lock of a data directory without waiting. It gives *LockedError when the directory is in use, also by
// another part of this process, and an error that wraps fs.ErrNotExist or fs.ErrPermission when it is missing or cannot be
// written. The directory must be on a local disk: locks over network file systems cannot be trusted.
func Lock(dir string) (*DirLock, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("data directory %s does not exist: %w", dir, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("look at data directory: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("data directory %s is not a directory", dir)
	}
	file, err := os.OpenFile(filepath.Join(dir, LockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be written: %w", dir, err)
	}
	if err := tryLock(file); err != nil {
		defer file.Close()
		if errors.Is(err, errHeld) {
			return nil, holder(dir, file)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	left := readStamps(file)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if err := writeHolder(file, fmt.Sprintf("%d %s\n", os.Getpid(), host)); err != nil {
		file.Close()
		return nil, fmt.Errorf("write %s: %w", file.Name(), err)
	}
	return &DirLock{file: file, dir: dir, open: make(map[string]bool), left: left}, nil
}

// claim keeps a second store of this process away from a file: the lock of the directory may be shared, a file may not. It
// gives how the file was when it was last closed in order, once, and nothing when it was not.
func (l *DirLock) claim(path string) (stamp, error) {
	if filepath.Dir(path) != l.dir {
		return stamp{}, fmt.Errorf("%s is not in the locked directory %s", path, l.dir)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[path] {
		return stamp{}, fmt.Errorf("%s is open already in this process", path)
	}
	l.open[path] = true
	left := l.left[filepath.Base(path)]
	delete(l.left, filepath.Base(path))
	return left, nil
}

// unclaim ends a claim; left is how the file was closed, nothing when it was not in order.
func (l *DirLock) unclaim(path string, left stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, path)
	if left != (stamp{}) {
		l.left[filepath.Base(path)] = left
	}
}

// Release gives the lock back. The file stays: removing it could take away the lock of one who has just opened it.
func (l *DirLock) Release() error {
	// The name of a process that holds nothing would only mislead; failing to replace it does no harm.
	_ = writeHolder(l.file, encodeStamps(l.left))
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release %s: %w", l.file.Name(), err)
	}
	return nil
}

// writeHolder replaces the content. When there is no room for it the lock is held all the same and the name is missing.
func writeHolder(file *os.File, text string) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte(text), 0); err != nil && !noSpace(err) {
		return err
	}
	return nil
}

// holder reads who has the lock.
func holder(dir string, file *os.File) *LockedError {
	locked := &LockedError{Dir: dir}
	text := make([]byte, 300)
	n, _ := file.ReadAt(text, 0)
	var pid int
	var host string
	if k, _ := fmt.Sscanf(strings.TrimSpace(string(text[:n])), "%d %s", &pid, &host); k == 2 {
		locked.PID, locked.Host = pid, host
	}
	return locked
}
