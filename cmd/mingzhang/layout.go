package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// A data directory:
//
//	format          "mingzhang data directory 1", written last: without it the directory is not finished
//	copying         instead of format while store copy makes the directory, which alone opens it then
//	secret          32 bytes in hex, 0600: from it come the keys that sign the heads (signing.go says what there is instead)
//	signer/         what was signed last of each log (package transparency)
//	events.db       the log (package sqlite); absent when it is in a cluster
//	people.db       personal data (package people), apart from the log; absent when the log is in a cluster
//	store           0600: the connection string of the cluster that the log is in (package eventstoredb); absent for events.db
//	heads/ nodes/   signed heads and leaf hashes (package transparency)
//	snapshots/      copies of states and books (package internal/snapshot); may be deleted
//	keys/           bearer keys of operators made here, 0600
//	documents/      the bytes of papers (package documents)
//	mingzhang.lock  who has the directory open
const (
	formatFile    = "format"
	formatPrefix  = "mingzhang data directory "
	formatVersion = 1

	secretFile = "secret"
	eventsFile = "events.db"
	keysDir    = "keys"

	adminID = "admin" // the operator that init makes
)

// making says what a new data directory is made of. The zero value is one with a secret and a log of its own.
type making struct {
	secret string // file with the secret; empty: a new one
	signer string // socket of the signer in another process; empty: the directory signs for itself
	store  string // connection string of the cluster for the log; empty: events.db
}

// makeDirectory makes a data directory with one admin and the admin's key file. It refuses one that has anything in it. A
// crash on the way leaves a directory without a format file, which nothing opens.
//
// In a cluster that has operators no admin is made. What the cluster keeps it from leaves nothing at the place. A crash may leave
// its admin without a key file: the directory of the next node can issue another.
func makeDirectory(ctx context.Context, dir string, m making) (result made, err error) {
	if err := checkEmpty(dir); err != nil {
		return made{}, err
	}
	secret, err := m.readSecret()
	if err != nil {
		return made{}, err
	}
	fill := func(dir string) (err error) {
		result, err = m.fill(ctx, dir, secret)
		return err
	}
	if m.store == "" && m.signer == "" {
		err = fill(dir)
	} else {
		err = makeWhole(dir, "init", fill)
	}
	return result, err
}

// fill makes everything in an empty or absent directory.
func (m making) fill(ctx context.Context, dir string, secret []byte) (made, error) {
	if err := m.layOut(dir, secret); err != nil {
		return made{}, err
	}
	lock, err := sqlite.Lock(dir)
	if err != nil {
		return made{}, err
	}
	defer lock.Release()
	log, err := openStored(dir, m.store, m.signer, sqlite.Options{Lock: lock}, slog.New(slog.DiscardHandler))
	if err != nil {
		return made{}, err
	}
	admin, err := makeAdmin(ctx, dir, log)
	if err := errors.Join(err, log.Close()); err != nil {
		return made{}, err
	}
	return made{admin}, finishDirectory(dir)
}

// made is what came of making a data directory.
type made struct {
	admin bool // with its key; else the store has operators
}

func (m making) readSecret() ([]byte, error) {
	if m.secret == "" {
		secret := make([]byte, transparency.SecretBytes)
		rand.Read(secret) // never fails
		return secret, nil
	}
	text, err := os.ReadFile(m.secret)
	if err != nil {
		return nil, cannotOpen(m.secret, err)
	}
	secret, err := parseSecret(text)
	if err != nil {
		return nil, failed(exitUsage, "%s 不是 secret 文件:它有一行 64 位十六进制数。", "%s is no file secret: that has one line of 64 hexadecimal digits.", m.secret)
	}
	return secret, nil
}

func parseSecret(text []byte) ([]byte, error) {
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err == nil && len(secret) != transparency.SecretBytes {
		err = fmt.Errorf("%d bytes, not %d", len(secret), transparency.SecretBytes)
	}
	return secret, err
}

// layOut makes what a data directory has before its log. With a signer in another process it gets no secret.
func (m making) layOut(dir string, secret []byte) error {
	if err := os.MkdirAll(filepath.Join(dir, keysDir), 0o700); err != nil {
		return fmt.Errorf("make data directory %s: %w", dir, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory %s: %w", dir, err)
	}
	var err error
	if m.signer != "" {
		err = writeNew(filepath.Join(dir, signerSocketFile), m.signer+"\n")
	} else {
		err = writeSecret(dir, secret)
	}
	if err != nil || m.store == "" {
		return err
	}
	return writeNew(filepath.Join(dir, storeFile), m.store+"\n")
}

func writeSecret(dir string, secret []byte) error {
	return writeNew(filepath.Join(dir, secretFile), hex.EncodeToString(secret)+"\n")
}

// finishDirectory makes a directory with everything in it a data directory.
func finishDirectory(dir string) error {
	if err := writeNew(filepath.Join(dir, formatFile), formatPrefix+strconv.Itoa(formatVersion)+"\n"); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return failed(exitUsage, "%s 是一个文件,没有改动;请用 --data 给一个新目录或空目录。", "%s is a file and was not changed: give a new or an empty directory with --data.", dir)
		}
		return failed(exitStorage, "不能建立目录 %s:它的上级不是目录;请用 --data 另给一个。", "The directory %s cannot be made, what it should be in is no directory: name another with --data.", dir)
	case err != nil:
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.Name() == formatFile {
			return failed(exitUsage, "%s 已经是数据目录,没有改动。", "%s is a data directory already; nothing was changed.", dir)
		}
	}
	if len(entries) > 0 {
		return failed(exitUsage, "%s 不是空目录,没有改动;请给一个新目录或空目录。", "%s is not empty and was not changed: give a new or an empty directory.", dir)
	}
	return nil
}

// makeAdmin makes the admin of a log that has no operators.
func makeAdmin(ctx context.Context, dir string, log openedLog) (made bool, err error) {
	operators := access.NewService(log, clock)
	if some, err := operators.Operators(ctx); err != nil || len(some) > 0 {
		return false, err
	}
	key, err := operators.CreateOperator(ctx, access.CreateOperator{Operator: adminID, DisplayName: "管理员", Admin: true, IssueKey: true},
		access.Meta{ID: ledger.NewCommandID(), Actor: adminID})
	if err != nil {
		if some, rerr := operators.Operators(ctx); rerr == nil && len(some) > 0 {
			return false, nil // another node's init was first
		}
		return false, err
	}
	return true, writeNew(keyPath(dir, adminID), key+"\n")
}

// openLog opens the log that a data directory has itself: the store in the file, and the signed heads around it.
func openLog(dir string, signer *dirSigner, options sqlite.Options, heads transparency.Options) (openedLog, error) {
	store, err := sqlite.Open(filepath.Join(dir, eventsFile), options)
	if err != nil {
		return openedLog{}, err
	}
	heads.Check, heads.Rotation = checkEvent, rotationOf
	log, err := transparency.Open(store, dir, signer, originOf, heads)
	if err != nil {
		return openedLog{}, errors.Join(err, store.Close())
	}
	return openedLog{Store: log, bare: store, signer: signer}, nil
}

func keyPath(dir, operator string) string { return filepath.Join(dir, keysDir, operator+".key") }

// writeNew writes a file that must not exist yet, readable by its owner alone, and syncs it.
func writeNew(path, content string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.WriteString(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// readFormat refuses a path that is no data directory, or one of a newer version.
func readFormat(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return failed(exitStorage, "没有数据目录 %[1]s;请先运行:mingzhang init --data %[1]s。", "There is no data directory %[1]s: run mingzhang init --data %[1]s first.", dir)
	case err != nil:
		return fmt.Errorf("look at data directory %s: %w", dir, err)
	case !info.IsDir():
		return failed(exitStorage, "%s 不是目录;请检查 --data。", "%s is not a directory: check --data.", dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, formatFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && isUnfinished(dir):
		return failed(exitStorage, "%[1]s 还没有抄完;请再运行一次原来的 mingzhang store copy,它会接着做。",
			"The copy into %[1]s is not finished: run the same mingzhang store copy again, it goes on where it stopped.", dir)
	case errors.Is(err, fs.ErrNotExist):
		return failed(exitStorage, "%s 不是(完整的)数据目录,缺少 format 文件;请检查 --data,或另建一个:mingzhang init。",
			"%s is no (complete) data directory, it has no format file: check --data, or make one with mingzhang init.", dir)
	case err != nil:
		return fmt.Errorf("read format of data directory: %w", err)
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(string(text)), formatPrefix)
	version, err := strconv.Atoi(number)
	switch {
	case !ok || err != nil || version < 1:
		return failed(exitVerified, "%s 的 format 文件已损坏;请从备份恢复。", "The format file of %s is damaged: restore a backup.", dir)
	case version > formatVersion:
		return failed(exitStorage, "数据目录 %s 由更新版本的 mingzhang 建立(格式 %d,本程序只认到 %d);请改用那个版本。",
			"A newer version of mingzhang made the data directory %s (format %d, this program knows up to %d): use that version.", dir, version, formatVersion)
	}
	return nil
}
