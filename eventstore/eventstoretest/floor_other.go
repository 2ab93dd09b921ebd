//go:build !linux

package eventstoretest

import "os"

// datasync has no cheaper form everywhere: here the floor is a little higher than it could be.
func datasync(file *os.File) error { return file.Sync() }
