package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/mingzhang-ledger/mingzhang/internal/snapshot"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

const snapshotsDir = "snapshots"

// openSnapshots is where copies of states and books are kept between runs. Their key comes from the secret, so that who can
// write files but does not know it cannot put numbers into the books.
func openSnapshots(dir string, secret []byte, log *transparency.Store, logger *slog.Logger) ledger.Snapshots {
	key, err := hkdf.Key(sha256.New, secret, nil, "mingzhang/snapshots@v1", sha256.Size)
	build := executable()
	if err != nil || build == "" {
		logger.Warn("no snapshots are kept: this program cannot tell itself from others")
		return nil
	}
	return snapshot.NewStore(snapshot.Options{Dir: filepath.Join(dir, snapshotsDir), Key: key, Build: build, Log: anchors{log}, Logger: logger})
}

// executable names this very build, as far as its file tells: another may fold the same events otherwise.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	revision := ""
	if b, ok := debug.ReadBuildInfo(); ok {
		revision = b.GoVersion + " " + b.Main.Version
	}
	return fmt.Sprintf("%s %s %d %d", version(), revision, info.Size(), info.ModTime().UnixNano())
}

// anchors ties copies to the trees of the log.
type anchors struct{ log *transparency.Store }

func (a anchors) Anchor(ctx context.Context, collective string, version uint64) ([]byte, error) {
	return a.log.Anchor(ctx, ledger.StreamOf(collective), version)
}

func (a anchors) Holds(ctx context.Context, collective string, version uint64, anchor []byte) (bool, error) {
	return a.log.Holds(ctx, ledger.StreamOf(collective), version, anchor)
}

// checkBooks folds the books and the state of every collective anew, one after another and slowly, and compares them with
// those in use and with their copies (M14). What differs is dropped and made anew; it is told by whoever found it.
func (d *directory) checkBooks(ctx context.Context, logger *slog.Logger) {
	collectives, err := d.ledger.Collectives(ctx)
	if err != nil {
		logger.Error("books not checked", "error", err)
		return
	}
	differ := 0
	for _, id := range collectives {
		check, err := d.books.Check(ctx, id)
		if err == nil && !check.OK {
			differ++
		}
		if err == nil {
			_, _, err = d.ledger.CheckCopy(ctx, id)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			logger.Error("books not checked", "collective", id, "error", err)
		}
	}
	logger.Info("books checked", "collectives", len(collectives), "differ", differ)
}
