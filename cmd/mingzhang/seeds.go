package main

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// peopleFile holds personal data beside the log, in the same form, so that it can go without touching the log.
const peopleFile = "people.db"

// seedKeeper keeps the seeds of disclosed rounds: in the cluster that has the log, else in a file that is made with the first of them.
type seedKeeper struct {
	dir    string
	lock   *sqlite.DirLock
	shared eventstore.Store // the cluster; nil without one

	mu   sync.Mutex
	file eventstore.Store // nil until it is needed
}

// store opens the file when it is needed for the first time.
func (s *seedKeeper) store() (rpc.SeedStreams, error) {
	if s.shared != nil {
		return rpc.SeedStreams{Store: s.shared}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		file, err := sqlite.Open(filepath.Join(s.dir, peopleFile), sqlite.Options{Lock: s.lock})
		if err != nil {
			return rpc.SeedStreams{}, err
		}
		s.file = file
	}
	return rpc.SeedStreams{Store: s.file}, nil
}

// Keep implements rpc.SeedKeeper.
func (s *seedKeeper) Keep(ctx context.Context, collective string, seed rpc.Seed) error {
	streams, err := s.store()
	if err != nil {
		return err
	}
	return streams.Keep(ctx, collective, seed)
}

// Seed implements rpc.SeedKeeper.
func (s *seedKeeper) Seed(ctx context.Context, record [16]byte) (rpc.Seed, error) {
	streams, err := s.store()
	if err != nil {
		return rpc.Seed{}, err
	}
	return streams.Seed(ctx, record)
}

// Close closes the file. The cluster stays its owner's to close.
func (s *seedKeeper) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
