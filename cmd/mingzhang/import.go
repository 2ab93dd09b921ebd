package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

func (s *session) importCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: s.lang.text("把 export jsonl 的文件读回来,一个字节不差", "read the file of export jsonl back, to the byte"),
		Args:  cobra.ExactArgs(1),
		Long: s.lang.text(`先把整个文件核对一遍(连续、每笔的哈希、最后一行的根和签名、账能重做),再写入。
--data 没有这个目录就新建一个(新的管理员和新的密钥);已有的数据目录里不能有这个集体。
操作员和密钥不随日志走:请用 operator add 加上同名的操作员,他们在集体里的角色还在。`,
			`The whole file is checked first (no gap, every hash, root and signature of the last line, the books fold), then stored.
--data names a directory to be made (with a new admin and a new secret), or one that does not have this collective.
Operators and keys do not travel with a log: add operators of the same ids with operator add; their roles in the collective are there.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.server != "" {
				return failed(exitUsage, "import 只用于数据目录;请用 --data。", "import is for a data directory: use --data.")
			}
			return s.importFile(cmd.Context(), args[0])
		},
	}
}

// imported is what was found in a log file, and in the end in the store.
type imported struct {
	name      string // of the file
	header    logHeader
	head      logHead
	digest    [32]byte // of the books
	operators []string // who ever had a role, sorted
}

func (s *session) importFile(ctx context.Context, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return cannotOpen(name, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return failed(exitUsage, "%s 要是一个普通文件:它要读两遍。", "%s has to be a plain file: it is read twice.", name)
	}
	in, err := examine(ctx, name, file)
	if err != nil {
		return err
	}
	store := func(dir string) error {
		return s.inDirectory(dir, func(d *directory) error { return s.storeLog(ctx, d, in, file) })
	}
	if empty, err := emptyOrAbsent(s.data); err != nil || !empty {
		return errors.Join(err, store(s.data))
	}
	if s.store != "" {
		return failed(exitUsage, "没有数据目录 %[1]s;请先给集群建一个节点:mingzhang init --data %[1]s --store …,再 import。",
			"There is no data directory %[1]s: make one for a node of the cluster first, mingzhang init --data %[1]s --store …, then import.", s.data)
	}
	err = makeWhole(s.data, "import", func(dir string) error {
		if _, err := makeDirectory(ctx, dir, making{}); err != nil {
			return err
		}
		return store(dir)
	})
	if err == nil {
		fmt.Fprintf(s.stdout, s.lang.text("数据目录 %[1]s 是新建的,管理员的密钥在 %[2]s;请和 %[1]s/secret 一起另存一份。\n",
			"The data directory %[1]s is new, its admin's key is in %[2]s; keep a copy of it and of %[1]s/secret elsewhere.\n"), s.data, keyPath(s.data, adminID))
	}
	return err
}

// inDirectory opens a data directory for f alone.
func (s *session) inDirectory(path string, f func(*directory) error) error {
	dir, err := openDirectory(path, s.quietLogger(), opening{store: s.store})
	if err != nil {
		return err
	}
	return errors.Join(f(dir), dir.Close())
}

// emptyOrAbsent says whether a directory can be made at a path.
func emptyOrAbsent(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, checkEmpty(path) // knows the words
	}
	return len(entries) == 0, nil
}

// makeWhole lets fill make a data directory beside the place where it is to be and puts it there when it is whole: nothing
// half made is ever at the place, and nothing is left after a failure. What is at the place must be absent or empty.
func makeWhole(path, what string, fill func(dir string) error) (err error) {
	path = filepath.Clean(path)
	part, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"."+what+"-*")
	if err != nil {
		return cannotWrite(path, err)
	}
	defer func() {
		if err != nil {
			err = notWritten(errors.Join(err, os.RemoveAll(part)))
		}
	}()
	if err := fill(part); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannotWrite(path, err)
	}
	if err := os.Rename(part, path); err != nil {
		return cannotWrite(path, err)
	}
	return syncDirectory(filepath.Dir(path))
}

// examine reads a log file to its end and believes it only then.
func examine(ctx context.Context, name string, file io.Reader) (*imported, error) {
	r := newLogReader(name, file)
	if err := r.start(); err != nil {
		return nil, err
	}
	book, state := projections.NewBook(r.header.Collective), ledger.NewCollective()
	var operators []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, event, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := errors.Join(book.Fold(event), evolve(state, event)); err != nil {
			return nil, r.bad("第 %d 笔与前面的账不合(%v)", "version %d does not follow from those before it (%v)", event.Version, err)
		}
		if event.Version == 1 {
			operators = append(operators, event.Actor)
		}
		if g := event.GetRoleGranted(); g != nil {
			operators = append(operators, g.Operator)
		}
	}
	slices.Sort(operators)
	return &imported{name, r.header, r.head, book.Digest(), slices.Compact(operators)}, nil
}

// evolve folds an event of unknown origin into the state that rules are judged by.
func evolve(state *ledger.Collective, e *eventv1.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	state.Evolve(e)
	return nil
}

// storeLog writes an examined file into a data directory and checks what is then there. The name of the collective is made known
// last: until then nobody sees its books, and an import that was interrupted goes on where it stopped.
func (s *session) storeLog(ctx context.Context, d *directory, in *imported, file io.ReadSeeker) error {
	id := in.header.Collective
	admin, err := s.adminOf(ctx, d)
	if err != nil {
		return err
	}
	known, err := d.ledger.Collectives(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(known, id) {
		return failed(exitRefused, "数据目录 %s 里已经有集体 %s,没有改动;请导入到另一个目录。",
			"The data directory %s has books of %s already and was not changed: import into another directory.", d.path, id)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s again: %w", in.name, err)
	}
	if err := appendLog(ctx, d, newLogReader(in.name, file)); err != nil {
		return err
	}
	if err := in.compare(ctx, d); err != nil {
		return err
	}
	if err := d.ledger.ReserveName(ctx, id, ledger.Meta{ID: ledger.NewCommandID(), Actor: admin}); err != nil {
		return err
	}
	if _, err := d.ledger.Facts(ctx, id); err != nil { // the rules can go on from here
		return err
	}
	return s.reportImport(ctx, d, in)
}

// adminOf is the admin in whose name it is done: --as, else the first there is.
func (s *session) adminOf(ctx context.Context, d *directory) (string, error) {
	admins, err := d.who(ctx, func(o access.Operator) bool { return o.Admin && (s.as == "" || o.ID == s.as) })
	if err != nil {
		return "", err
	}
	if len(admins) == 0 {
		return "", failed(exitRefused, "只有管理员可以导入;请用 --as 指明一位。", "Only an admin may import: name one with --as.")
	}
	return admins[0], nil
}

// importBatchBytes is the data of one append: enough that syncs cost little.
const importBatchBytes = eventstore.AppendBytesMax / 2

// appendLog appends what the store does not have yet. What it has already must be the beginning of the file.
func appendLog(ctx context.Context, d *directory, r *logReader) error {
	if err := r.start(); err != nil {
		return err
	}
	stream := ledger.StreamOf(r.header.Collective)
	have, stop := iter.Pull2(d.log.Read(ctx, stream, 0))
	defer stop()
	var batch []eventstore.NewEvent
	var version uint64
	bytesWaiting := 0
	flush := func() error {
		_, err := d.log.Append(ctx, stream, version-uint64(len(batch)), batch)
		batch, bytesWaiting = nil, 0
		return err
	}
	for there := true; ; {
		stored, _, err := r.next()
		if errors.Is(err, io.EOF) && there {
			if _, _, more := have(); more {
				return notTheBeginning(r.header.Collective)
			}
		}
		if errors.Is(err, io.EOF) {
			return flush()
		}
		if err != nil {
			return err
		}
		if there {
			old, err, ok := have()
			if err != nil {
				return err
			}
			if there = ok; ok && (old.Type != stored.Type || !bytes.Equal(old.Data, stored.Data)) {
				return notTheBeginning(r.header.Collective)
			}
		}
		if version = stored.Version; there {
			continue
		}
		batch = append(batch, eventstore.NewEvent{Type: stored.Type, Data: stored.Data})
		if bytesWaiting += len(stored.Data); bytesWaiting >= importBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

func notTheBeginning(collective string) error {
	return failed(exitRefused, "这里有 %s 没有导入完的账,它不是这个文件的开头;没有改动。请导入到另一个目录。",
		"There are unfinished books of %s here that are not the beginning of this file; nothing was changed. Import into another directory.", collective)
}

// compare wants the store to have the root of the file, from its stored bytes, and books of the same digest.
func (in *imported) compare(ctx context.Context, d *directory) error {
	stream := ledger.StreamOf(in.header.Collective)
	if _, _, err := d.log.Head(ctx, stream); err != nil {
		return err
	}
	report, err := d.log.Verify(ctx, stream)
	if err != nil {
		return err
	}
	if root := hex.EncodeToString(report.Root[:]); !report.OK || report.Events != in.head.Size || root != in.head.Root {
		return failed(exitVerified, "写入的账与文件不符(%s);请保留这个目录并报告此事。", "What was stored is not what the file says (%s): keep the directory and report this.", report.Reason)
	}
	book := projections.NewBook(in.header.Collective)
	for stored, err := range d.log.Read(ctx, stream, 0) {
		if err != nil {
			return err
		}
		event, err := ledger.Decode(stored)
		if err != nil {
			return err
		}
		if err := book.Fold(event); err != nil {
			return err
		}
	}
	if book.Digest() != in.digest {
		return failed(exitVerified, "重做的账与文件的不符;请保留这个目录并报告此事。", "The books folded anew are not those of the file: keep the directory and report this.")
	}
	return nil
}

// reportImport says what is there now, and who is still missing.
func (s *session) reportImport(ctx context.Context, d *directory, in *imported) error {
	signed := s.lang.text("文件没有签名的根", "the file has no signed head")
	if in.head.VerifierKey != "" {
		signed = s.lang.text("签名的公钥:", "signed by: ") + in.head.VerifierKey
	}
	fmt.Fprintf(s.stdout, s.lang.text("已导入 %s:%d 笔\n根:%s\n账簿摘要:%x\n%s\n", "%s is imported: %d events\nroot: %s\ndigest of the books: %x\n%s\n"),
		in.header.Collective, in.head.Size, in.head.Root, in.digest, signed)
	facts, err := d.ledger.Facts(ctx, in.header.Collective)
	if err != nil {
		return err
	}
	here, err := d.who(ctx, func(access.Operator) bool { return true })
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(in.operators), func(id string) bool { return len(facts.Roles(id)) == 0 || slices.Contains(here, id) })
	if len(missing) > 0 {
		fmt.Fprintf(s.stdout, s.lang.text("这些操作员有角色,这里还没有他们:%[1]s。请用 mingzhang operator add 逐个加上。\n",
			"These operators have roles and are not here yet: %[1]s. Add each with mingzhang operator add.\n"), strings.Join(missing, " "))
	}
	return nil
}
