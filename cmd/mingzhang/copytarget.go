package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
)

// unfinishedFile marks a directory that store copy makes. It has the content of the file format and becomes it by a rename when
// everything is there and compared: until then store copy alone opens the directory.
const unfinishedFile = "copying"

func isUnfinished(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, unfinishedFile))
	return err == nil
}

// openTarget opens where a log is copied to. A directory that is absent or empty is begun, with the secret in a file or a new one;
// one that an earlier copy began is gone on with. A crash in here leaves nothing, an empty directory, or one with the mark.
func (p place) openTarget(secretFrom string, logger *slog.Logger) (to *openedPlace, begun bool, err error) {
	if p.dir == "" {
		if secretFrom != "" {
			return nil, false, failed(exitUsage, "--secret 只用于新建的目录;集群里没有 secret。", "--secret is for a directory to be made: a cluster has no secret.")
		}
		to, err = p.open(logger)
		return to, false, err
	}
	switch _, err := os.Lstat(filepath.Join(p.dir, formatFile)); {
	case err == nil && secretFrom != "":
		return nil, false, failed(exitUsage, "%s 已有自己的 secret;请去掉 --secret。", "%s has a secret already: leave --secret out.", p.dir)
	case err == nil:
		to, err = p.open(logger)
		return to, false, err
	case !errors.Is(err, fs.ErrNotExist) && !isUnfinished(p.dir):
		return nil, false, checkEmpty(p.dir) // knows the words
	}
	if !isUnfinished(p.dir) {
		if err := p.begin(); err != nil {
			return nil, false, err
		}
	}
	lock, err := sqlite.Lock(p.dir)
	if err != nil {
		return nil, false, err
	}
	if err := p.putSecret(secretFrom); err != nil {
		return nil, false, errors.Join(err, lock.Release())
	}
	to, err = p.openLocked(lock, false, logger)
	return to, true, err
}

// begin makes the directory and puts the mark there first of all.
func (p place) begin() error {
	if err := checkEmpty(p.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return cannotWrite(p.dir, err)
	}
	if err := os.Chmod(p.dir, 0o700); err != nil {
		return cannotWrite(p.dir, err)
	}
	if err := writeNew(filepath.Join(p.dir, unfinishedFile), formatPrefix+strconv.Itoa(formatVersion)+"\n"); err != nil {
		return err
	}
	return syncDirectory(p.dir)
}

// putSecret sees to it that there is a secret, the one in the file if one is named, and the directory of keys. One that a crash
// has left half written has signed nothing and is written again.
func (p place) putSecret(secretFrom string) error {
	if err := os.MkdirAll(filepath.Join(p.dir, keysDir), 0o700); err != nil {
		return fmt.Errorf("make data directory %s: %w", p.dir, err)
	}
	wanted, err := making{secret: secretFrom}.readSecret()
	if err != nil {
		return err
	}
	is, err := readSecrets(p.dir)
	switch {
	case err == nil && secretFrom != "" && !bytes.Equal(is[0], wanted):
		return failed(exitUsage, "%s 是用另一个 secret 开始抄的;请去掉 --secret,或删去这个目录重来。", "The copy into %s was begun with another secret: leave --secret out, or remove the directory and begin again.", p.dir)
	case err == nil:
		return nil
	}
	if _, err := os.Lstat(filepath.Join(p.dir, eventsFile)); err == nil {
		return failed(exitStorage, "%s 里没有能用的 secret;请删去这个目录,重新抄一遍。", "%s has no secret that can be used: remove the directory and copy again.", p.dir)
	}
	if err := removeIfThere(filepath.Join(p.dir, secretFile)); err != nil {
		return err
	}
	return writeSecret(p.dir, wanted)
}

// finish makes what the copy began a data directory. Its log is closed.
func (p place) finish() error {
	if err := os.Rename(filepath.Join(p.dir, unfinishedFile), filepath.Join(p.dir, formatFile)); err != nil {
		return fmt.Errorf("finish data directory %s: %w", p.dir, err)
	}
	return syncDirectory(p.dir)
}
