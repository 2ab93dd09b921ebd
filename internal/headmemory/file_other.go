//go:build !linux

package headmemory

import "os"

func syncData(file *os.File) error { return file.Sync() }
