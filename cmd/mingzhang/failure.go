package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"connectrpc.com/connect/v2"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// Exit codes.
const (
	exitRefused  = 1
	exitUsage    = 2
	exitStorage  = 3
	exitVerified = 4 // verification failed
)

// failure is an error as it is told: one sentence that says what happened and what to do, in two languages.
type failure struct {
	code   int
	reason string // stable code of a refusal; empty for none
	zh, en string
	cause  error
}

func (f *failure) Error() string { return f.en }

func (f *failure) Unwrap() error { return f.cause }

// failed makes a failure; both sentences take the same arguments.
func failed(code int, zh, en string, args ...any) *failure {
	f := &failure{code: code, zh: fmt.Sprintf(zh, args...), en: fmt.Sprintf(en, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.cause = err
		}
	}
	return f
}

// errSaid ends a command whose failure has been printed already.
type errSaid struct{ code int }

func (e errSaid) Error() string { return fmt.Sprintf("exit %d", e.code) }

// report prints an error and gives the exit code.
func report(stderr io.Writer, l language, err error) int {
	if err == nil {
		return 0
	}
	var said errSaid
	if errors.As(err, &said) {
		return said.code
	}
	f := explain(err)
	sentence := l.text(f.zh, f.en)
	if f.reason != "" {
		sentence += " [" + f.reason + "]"
	}
	fmt.Fprintln(stderr, "mingzhang:", sentence)
	return f.code
}

// explain puts any error into words for the person at the keyboard.
func explain(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	if r := rpc.RefusalOf(err); r != nil { // first: it was made for callers, whatever error of ours it wraps
		return &failure{codeOf(connect.CodeOf(err)), r.Reason, r.SentenceZh, r.SentenceEn, err}
	}
	if f := explainStorage(err); f != nil {
		return f
	}
	var coded *connect.Error
	switch {
	case errors.As(err, &coded) && coded.Code() == connect.CodeUnavailable:
		return failed(exitStorage, "连不上服务器:%v。请检查 --server 的地址和服务器是否在运行;重做同一命令不会重复记账。",
			"The server cannot be reached: %v. Check the address of --server and whether it runs; giving the same command again books nothing twice.", err)
	case errors.As(err, &coded):
		return failed(codeOf(coded.Code()), "服务器答复:%v。", "The server says: %v.", err)
	case errors.Is(err, context.Canceled):
		return failed(exitStorage, "已中断。", "Interrupted.")
	}
	return failed(exitStorage, "出错:%v。", "It failed: %v.", err)
}

// codeOf is the exit code for a code of the protocol.
func codeOf(code connect.Code) int {
	switch code {
	case connect.CodeDataLoss:
		return exitVerified
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeInternal, connect.CodeUnknown, connect.CodeCanceled:
		return exitStorage
	}
	return exitRefused
}

// refusedWith is the failure of a line of a batch.
func refusedWith(r *apiv1.ApplyResult) *failure {
	if r.Refusal == nil {
		return failed(exitStorage, "%s", "%s", strings.TrimSpace(r.Code+" "+r.Message))
	}
	f := &failure{code: exitRefused, reason: r.Refusal.Reason, zh: r.Refusal.SentenceZh, en: r.Refusal.SentenceEn}
	var code connect.Code
	if err := code.UnmarshalText([]byte(r.Code)); err == nil {
		f.code = codeOf(code)
	}
	return f
}

// engineDamaged is what the database engine says of a bad page in the middle of a read, where package sqlite hands its words on.
const engineDamaged = "database disk image is malformed"

// explainStorage knows the errors of a data directory; nil when it is none of them.
func explainStorage(err error) *failure {
	var locked *sqlite.LockedError
	var corrupt *eventstore.CorruptError
	var refusal *ledger.Refusal
	switch {
	case errors.As(err, &refusal):
		return &failure{exitRefused, string(refusal.Reason), refusal.Chinese(), refusal.English(), err}
	case errors.As(err, &locked):
		return explainLocked(locked)
	case errors.As(err, &corrupt):
		return damagedAt(corrupt.Stream, corrupt.Version, corrupt.Reason)
	case errors.Is(err, eventstore.ErrNoSpace), errors.Is(err, syscall.ENOSPC):
		return failed(exitStorage, "磁盘已满,什么也没有写入;请腾出空间后重试。", "The disk is full and nothing was written: make room and try again.")
	case errors.Is(err, eventstoredb.ErrUnreachable):
		return failed(exitStorage, "连不上存放账簿的集群(%v),什么也没有写入。请检查 --store、数据目录里的 store 文件和网络,再重做同一命令。",
			"The cluster with the log cannot be reached (%v); nothing was stored. Check --store, the file store of the data directory and the network, then give the same command again.", err)
	case errors.Is(err, eventstoredb.ErrUnknown):
		return failed(exitStorage, "集群没有及时答复,不知道是否已经写入(%v);请用同一编号重做同一命令,不会重复记账。",
			"The cluster did not answer in time and it is not known whether it was stored (%v): give the same command with the same id again, nothing is booked twice.", err)
	case errors.Is(err, eventstoredb.ErrDenied):
		return failed(exitStorage, "集群不认这个用户名和密码,或不许它读写(%v);请检查连接串。", "The cluster denies it to this login (%v): check the connection string.", err)
	case errors.Is(err, eventstoredb.ErrRewound):
		return failed(exitVerified, "集群被换成了较早的状态(%v);请停用并查明原因。", "The cluster was put back to an older state (%v): stop using it and find out why.", err)
	case errors.Is(err, sqlite.ErrNewer):
		return failed(exitStorage, "这个数据目录由更新版本的 mingzhang 建立;请改用那个版本(%v)。", "A newer version of mingzhang made this data directory: use that version (%v).", err)
	case errors.Is(err, sqlite.ErrDamaged), strings.Contains(err.Error(), engineDamaged):
		return &failure{exitVerified, "", "数据文件 " + eventsFile + " 已损坏,有些页读不出来;请停用,原样保留这个目录,并从备份恢复。",
			"The data file " + eventsFile + " is damaged, some of its pages cannot be read: stop using it, keep the directory as it is, restore a backup.", err}
	case errors.Is(err, sqlite.ErrNotStore):
		return failed(exitStorage, "这不是 mingzhang 的数据文件;请检查 --data(%v)。", "This is no data file of mingzhang: check --data (%v).", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return failed(exitStorage, "没有写权限或目录只读;请改用可写的目录,或以拥有它的用户运行(%v)。",
			"It cannot be written: use a directory that can be, or run as the user who owns it (%v).", err)
	case errors.Is(err, fs.ErrNotExist):
		return failed(exitStorage, "缺少文件;请检查 --data,或从备份恢复(%v)。", "A file is missing: check --data or restore a backup (%v).", err)
	}
	return nil
}

// cannotOpen says why a file that the user named cannot be read, cannotWrite why one cannot be made.
func cannotOpen(name string, err error) *failure {
	zh, en := problemOf(err)
	return &failure{exitUsage, "", "打不开文件 " + name + ":" + zh + "。", "The file " + name + " cannot be opened: " + en + ".", err}
}

func cannotWrite(name string, err error) *failure {
	zh, en := problemOf(err)
	if errors.Is(err, fs.ErrNotExist) {
		zh, en = "没有目录 "+filepath.Dir(name), "there is no directory "+filepath.Dir(name)
	}
	return &failure{exitStorage, "", "不能写文件 " + name + ":" + zh + ";请用 -o 另给一个。", "The file " + name + " cannot be written: " + en + "; name another with -o.", err}
}

// problemOf is what the system says of a file, in words.
func problemOf(err error) (zh, en string) {
	for _, known := range []struct {
		err    error
		zh, en string
	}{
		{fs.ErrNotExist, "没有这个文件", "there is no such file"},
		{fs.ErrPermission, "没有权限", "permission denied"},
		{syscall.EISDIR, "它是一个目录", "it is a directory"},
		{syscall.ENOTDIR, "它的上级不是目录", "what it should be in is no directory"},
		{syscall.EROFS, "那里只能读", "that place is read-only"},
		{syscall.ENOSPC, "磁盘已满", "the disk is full"},
	} {
		if errors.Is(err, known.err) {
			return known.zh, known.en
		}
	}
	return err.Error(), err.Error()
}

func explainLocked(e *sqlite.LockedError) *failure {
	if e.PID == 0 {
		return failed(exitStorage, "数据目录 %s 正被另一个进程使用;请先停下它,或用 --server 连到它。",
			"The data directory %s is in use by another process: stop it, or reach it with --server.", e.Dir)
	}
	return failed(exitStorage, "数据目录 %s 正被主机 %s 上的进程 %d 使用;请先停下它,或用 --server 连到它。",
		"The data directory %s is in use, on host %s by process %d: stop it, or reach it with --server.", e.Dir, e.Host, e.PID)
}

// damagedAt says that a stream is not what was stored. version 0: only the stream as a whole is known to be wrong.
func damagedAt(stream string, version uint64, reason string) *failure {
	zh := damageIn(chinese, reason)
	if version == 0 {
		return &failure{exitVerified, "", fmt.Sprintf("账簿 %s 已损坏:%s。请停用并从备份恢复。", stream, zh),
			fmt.Sprintf("The log %s is damaged: %s. Stop using it and restore a backup.", stream, reason), nil}
	}
	return &failure{exitVerified, "", fmt.Sprintf("账簿 %s 从第 %d 笔起已损坏:%s。请停用并从备份恢复。", stream, version, zh),
		fmt.Sprintf("The log %s is damaged at version %d: %s. Stop using it and restore a backup.", stream, version, reason), nil}
}
