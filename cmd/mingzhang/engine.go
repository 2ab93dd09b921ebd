package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// storeFile of a data directory says that its log is in a cluster: one line, the connection string. It may hold a password, so it
// is for its owner alone, and what is in it is never printed, logged or put into an error.
const storeFile = "store"

// The engines, as GetVersion and store info name them.
const (
	engineSQLite  = "sqlite"
	engineCluster = "eventstoredb"
)

// storeOf is where the log of a data directory is: the connection string of a cluster, or empty for its own events.db. instead, if
// there is one, counts for this run and not what the directory says.
func storeOf(dir, instead string) (connection string, err error) {
	if connection, err = readStore(dir); err != nil {
		return "", err
	}
	if instead != "" {
		connection = instead
	}
	if connection == "" {
		return "", nil
	}
	if _, err := os.Lstat(filepath.Join(dir, eventsFile)); err == nil {
		return "", twoLogs(dir)
	}
	return connection, nil
}

// twoLogs refuses a directory with a log of its own when another is named: one of the two would be left out in silence.
func twoLogs(dir string) error {
	return failed(exitUsage, "%[1]s 里有自己的账簿(events.db),不能同时指向集群。请把它抄进集群:mingzhang store copy %[1]s esdb://…;再给节点另建目录:mingzhang init --data 新目录 --store esdb://… --secret %[1]s/secret。",
		"%[1]s has a log of its own (events.db) and cannot be pointed at a cluster as well. Copy it there: mingzhang store copy %[1]s esdb://…; then make the node another directory: mingzhang init --data NEW --store esdb://… --secret %[1]s/secret.", dir)
}

// readStore reads the connection string of a data directory; empty when it has none.
func readStore(dir string) (string, error) {
	path := filepath.Join(dir, storeFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look where the log is: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", failed(exitUsage, "%[1]s 别人也能读,里面可能有密码;请先运行:chmod 600 %[1]s。", "Others can read %[1]s, which may hold a password: run chmod 600 %[1]s first.", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read where the log is: %w", err)
	}
	connection := strings.TrimSpace(string(text))
	if strings.ContainsAny(connection, " \t\r\n") || !eventstoredb.IsConnectionString(connection) {
		return "", failed(exitUsage, "%s 应只有一行:集群的连接串 esdb://…。", "%s should hold one line, the connection string of a cluster, esdb://….", path)
	}
	return connection, nil
}

// openedLog is the log of a data directory: a store of either engine, and the signed heads around it.
type openedLog struct {
	*transparency.Store
	bare    listed              // the store inside; closed with the log
	cluster *eventstoredb.Store // the same, when it is in a cluster
	signer  *dirSigner
}

// Close closes the log, and then what signs its heads.
func (l openedLog) Close() error { return errors.Join(l.Store.Close(), l.signer.Close()) }

// listed is a store that can name its streams.
type listed interface {
	eventstore.Store
	eventstore.Lister
}

// openStored opens the log of a data directory wherever it is. Neither the cluster nor the signer is waited for. socket is that of
// a signer that counts instead of what the directory says.
func openStored(dir, connection, socket string, options sqlite.Options, logger *slog.Logger) (log openedLog, err error) {
	signer, err := openSigner(dir, socket)
	if err != nil {
		return openedLog{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, signer.Close())
		}
	}()
	if connection == "" {
		return openLog(dir, signer, options, transparency.Options{})
	}
	cluster, err := openCluster(connection, logger)
	if err != nil {
		return openedLog{}, err
	}
	// Shared: other nodes found streams and append, each with heads of its own.
	heads, err := transparency.Open(booksOnly{cluster}, dir, signer, originOf, transparency.Options{Check: checkEvent, Rotation: rotationOf, Shared: true})
	if err != nil {
		return openedLog{}, errors.Join(err, cluster.Close())
	}
	return openedLog{heads, cluster, cluster, signer}, nil
}

func openCluster(connection string, logger *slog.Logger) (*eventstoredb.Store, error) {
	cluster, err := eventstoredb.Open(connection, eventstoredb.Options{Logger: logger})
	if err != nil {
		return nil, failed(exitUsage, "集群的连接串不能用(%v);请检查 --store 或数据目录里的 store 文件。", "The connection string of the cluster cannot be used (%v): check --store, or the file store of the data directory.", err)
	}
	return cluster, nil
}

// engine names the kind of store that the log is in.
func (d *directory) engine() string {
	if d.cluster != nil {
		return engineCluster
	}
	return engineSQLite
}
