package main

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

type restore struct {
	session   *session
	from      string
	secret    string // file
	newSecret bool
	later     string   // newer copy of the log
	laterHead *logHead // of that, when it is a file of export jsonl

	lost, persons int // records of personal data that are not in the backup, and that are
}

func (s *session) restoreCmd() *cobra.Command {
	r := &restore{session: s}
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: s.lang.text("把备份恢复成一个新的数据目录", "make a new data directory of a backup"),
		Args:  cobra.ExactArgs(1),
		Long: s.lang.text(`--data 必须是新目录或空目录。每个文件、每一笔、每个签名的根都核对过,才会放到那里。
备份里没有签名的密钥时,用 --secret 给出原来的那一个。真的找不回来了,才用 --new-secret 换一个新的:
账簿照旧,但以前公布的根不能再用新密钥核对,要重新公示公钥。
账簿里批准过的删除,恢复时先执行,再给人看。备份以后才批准的,备份里的账簿不知道:请用 --erasures-from 给出更新的账簿(export jsonl 的文件、更新的备份或数据目录)。
它必须以备份里的账簿开头,多出来的记录原样接在后面,其中的删除随即执行。`,
			`--data has to be a new or an empty directory. Nothing is put there before every file, every event and every signed head is verified.
When the backup has no secret, give the one of the original directory with --secret. Only if it is lost for good, --new-secret makes another:
the books are the same, but heads published before are not signed by it, and its public keys have to be published anew.
Erasures approved in the log are carried out before anything is shown. Of those approved after the backup its log knows nothing: give a newer log with --erasures-from (a file of export jsonl, a newer backup or data directory).
It has to begin with the log of the backup; what it has beyond is appended to the byte, and the erasures in it are carried out.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.server != "" {
				return failed(exitUsage, "restore 在本机建立数据目录;请用 --data。", "restore makes a data directory on this machine: use --data.")
			}
			if s.store != "" {
				return failed(exitUsage, "restore 建立的目录有自己的账簿(events.db);请去掉 --store(%s),恢复以后再抄进集群:mingzhang store copy。",
					"restore makes a directory with a log of its own (events.db): leave --store (%s) out, then copy it into the cluster: mingzhang store copy.", envStore)
			}
			if s.signer != "" && (r.secret != "" || r.newSecret) {
				return failed(exitUsage, "给了 --signer,密钥在签名的进程那里;请去掉 --secret、--new-secret。", "With --signer the secret is with the signer: leave --secret and --new-secret out.")
			}
			if r.secret != "" && r.newSecret {
				return failed(exitUsage, "--secret 和 --new-secret 只能给一个。", "Give --secret or --new-secret, not both.")
			}
			r.from = args[0]
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&r.secret, "secret", "", s.lang.text("原数据目录的 secret 文件", "the file secret of the original data directory"))
	cmd.Flags().BoolVar(&r.newSecret, "new-secret", false, s.lang.text("原来的找不回来:换一个新的", "the original is lost: make another"))
	cmd.Flags().StringVar(&r.later, "erasures-from", "", s.lang.text("更新的账簿:export jsonl 的文件、备份或数据目录", "a newer log: a file of export jsonl, a backup or a data directory"))
	return cmd
}

func (r *restore) run(ctx context.Context) error {
	if err := checkEmpty(r.session.data); err != nil {
		return err
	}
	var m *manifest
	err := makeWhole(r.session.data, "restore", func(dir string) (err error) {
		if m, err = unpack(ctx, r.from, dir); err != nil {
			return err
		}
		if err := m.check(ctx, dir); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(dir, manifestFile)); err != nil {
			return err
		}
		return r.finish(ctx, m, dir)
	})
	if err != nil {
		return err
	}
	s := r.session
	if err := m.print(s); err != nil {
		return err
	}
	digest, err := m.digest()
	if err != nil {
		return err
	}
	if r.lost > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("注意:账簿里登记的个人信息有 %d 条不在备份里,verify 会一直报告它们缺失。\n", "Note: %d records of personal data that the log is committed to are not in the backup; verify will go on telling that they are missing.\n"), r.lost)
	}
	_, err = fmt.Fprintf(s.stdout, s.lang.text("清单的 SHA-256:%s\n签名都与 secret 相符,账簿都重做过。已恢复到 %s;操作员原有的密钥照用。\n",
		"SHA-256 of the manifest: %s\nThe heads fit the secret and all books were folded. It is restored in %s; operators' keys work as before.\n"), digest, s.data)
	return err
}

// finish puts the secret in its place, opens the directory as any start does, hashes every stream against its signed head and
// folds all books.
func (r *restore) finish(ctx context.Context, m *manifest, dir string) error {
	if err := r.putSecret(m, dir); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, keysDir), 0o700); err != nil {
		return err
	}
	if r.newSecret {
		if err := m.signAnew(ctx, dir); err != nil {
			return err
		}
	}
	return r.session.inDirectory(dir, func(d *directory) error {
		for _, s := range m.Streams {
			if err := s.compare(ctx, d); err != nil {
				return err
			}
		}
		if r.later != "" {
			if err := r.goOn(ctx, m, d); err != nil {
				return err
			}
		}
		if err := foldAll(ctx, d); err != nil {
			return err
		}
		return r.replayErasures(ctx, d)
	})
}

func (r *restore) putSecret(m *manifest, dir string) error {
	path := filepath.Join(dir, secretFile)
	switch {
	case r.session.signer != "" && m.WithSecret:
		return failed(exitUsage, "备份里有签名的密钥,不能再用别的签名进程;请去掉 --signer。", "The backup has the secret that signs and cannot have another signer: leave --signer out.")
	case r.session.signer != "":
		// What the directory itself had signed says nothing to that signer, which has its own memory.
		return errors.Join(os.RemoveAll(filepath.Join(dir, signerDir)), writeNew(filepath.Join(dir, signerSocketFile), r.session.signer+"\n"))
	case r.newSecret:
		if m.WithSecret {
			return failed(exitUsage, "备份里有原来的密钥,不必换新的;请去掉 --new-secret。", "The backup has the original secret, another is not needed: leave --new-secret out.")
		}
		secret := make([]byte, transparency.SecretBytes)
		rand.Read(secret) // never fails
		return writeNew(path, hex.EncodeToString(secret)+"\n")
	case r.secret != "":
		text, err := os.ReadFile(r.secret)
		if err != nil {
			return cannotOpen(r.secret, err)
		}
		if m.WithSecret { // the one that was asked for counts; it has to fit the heads anyway
			if err := os.Remove(path); err != nil {
				return err
			}
		}
		return writeNew(path, string(text))
	case !m.WithSecret:
		return failed(exitUsage, "备份里没有签名的密钥;请用 --secret 给出原数据目录的 secret 文件。", "The backup has no secret: give the file secret of the original data directory with --secret.")
	}
	return nil
}

// signAnew has the heads signed by another secret. They were verified with the public keys of the manifest before.
func (m *manifest) signAnew(ctx context.Context, dir string) (err error) {
	// What the original signed another key cannot go on with.
	if err := errors.Join(removeSigned(dir), removeIfThere(filepath.Join(dir, closedFile)), os.RemoveAll(filepath.Join(dir, signerDir))); err != nil {
		return err
	}
	lock, err := sqlite.Lock(dir)
	if err != nil {
		return err
	}
	log, err := openStored(dir, "", "", sqlite.Options{Lock: lock, MustExist: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	defer func() { err = errors.Join(err, log.Close(), lock.Release()) }()
	for _, s := range m.Streams {
		if _, err := log.AdoptHead(ctx, s.Stream); err != nil {
			return err
		}
	}
	return nil
}

// removeSigned removes every signed head. What says that a stream was deleted on purpose is not signed and stays.
func removeSigned(dir string) error {
	names, err := headNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, headsDir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if stream, ok := transparency.HeadStream(name); ok && transparency.IsTombstone(stream, content) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// compare hashes a stream of the restored directory against the head that its secret signed, and with the manifest.
func (s manifestStream) compare(ctx context.Context, d *directory) error {
	report, err := d.log.Verify(ctx, s.Stream)
	if err != nil {
		return err
	}
	if !report.OK {
		return damagedAt(s.Stream, report.FirstBad, report.Reason)
	}
	if report.Events != s.Version || hex.EncodeToString(report.Root[:]) != s.Root || report.HeadSize != s.Version {
		return badBackup("恢复出来的 %s 与清单不符", "the restored log %s is not that of the manifest", s.Stream)
	}
	return nil
}

// foldAll loads operators, rules and books of everything there is.
func foldAll(ctx context.Context, d *directory) error {
	if _, err := d.access.Operators(ctx); err != nil {
		return err
	}
	ids, err := d.ledger.Collectives(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := d.ledger.Facts(ctx, id); err != nil {
			return err
		}
		book, err := d.books.Book(ctx, id, 0)
		if err != nil {
			return err
		}
		if err := book.CheckInvariant(); err != nil {
			return damagedAt(ledger.StreamOf(id), 0, err.Error())
		}
	}
	return nil
}

// verify is backup --check.
func (b *backup) verify(ctx context.Context) error {
	m, err := b.checked(ctx)
	if err != nil {
		return err
	}
	if err := m.print(b.session); err != nil {
		return err
	}
	digest, err := m.digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.session.stdout, b.session.lang.text("清单的 SHA-256:%s\n", "SHA-256 of the manifest: %s\n"), digest)
	return err
}

// checked checks a directory where it lies; a tar file is unpacked into the place for temporary files (TMPDIR) first.
func (b *backup) checked(ctx context.Context) (m *manifest, err error) {
	info, err := os.Stat(b.check)
	if err != nil {
		return nil, cannotOpen(b.check, err)
	}
	dir := b.check
	if info.IsDir() {
		m, err = manifestIn(dir)
	} else {
		if dir, err = os.MkdirTemp("", "mingzhang-check-"); err != nil {
			return nil, fmt.Errorf("make a directory to check the backup: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		m, err = unpackTar(ctx, b.check, dir)
	}
	if err != nil {
		return nil, err
	}
	return m, m.check(ctx, dir)
}

func manifestIn(dir string) (*manifest, error) {
	file, err := os.Open(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, badBackup("没有 %s", "it has no %s", manifestFile)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readManifest(file)
}

// unpack copies what the manifest of a backup names into a directory, and nothing else.
func unpack(ctx context.Context, from, dir string) (*manifest, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, cannotOpen(from, err)
	}
	if !info.IsDir() {
		return unpackTar(ctx, from, dir)
	}
	m, err := manifestIn(from)
	if err != nil {
		return nil, err
	}
	for _, f := range append([]manifestEntry{{Name: manifestFile}}, m.Files...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to, err := placeFor(dir, f.Name)
		if err != nil {
			return nil, err
		}
		source := filepath.Join(from, filepath.FromSlash(f.Name))
		if info, err := os.Lstat(source); err == nil && !info.Mode().IsRegular() {
			return nil, badBackup("%s 不是普通文件", "%s is no plain file", f.Name)
		}
		if _, _, err := copyFile(source, to); errors.Is(err, fs.ErrNotExist) {
			return nil, badBackup("缺少文件 %s", "the file %s is missing", f.Name)
		} else if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// placeFor makes the directory of a file that a manifest names; readManifest has looked at the name.
func placeFor(dir, name string) (string, error) {
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	return to, nil
}

// makeTar lets fill make a directory, as makeWhole does, and writes it as one tar file, the manifest first.
func (s *session) makeTar(path, what string, fill func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"."+what+"-*")
	if err != nil {
		return cannotWrite(path, err)
	}
	defer func() { err = notWritten(errors.Join(err, os.RemoveAll(dir))) }()
	if err := fill(dir); err != nil {
		return err
	}
	return s.writeFile(path, func(part string) error {
		return writeInto(part, func(w io.Writer) error { return packTar(w, dir) })
	})
}

func packTar(w io.Writer, dir string) error {
	m, err := manifestIn(dir)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, f := range append([]manifestEntry{{Name: manifestFile}}, m.Files...) {
		if err := packFile(out, filepath.Join(dir, filepath.FromSlash(f.Name)), f.Name); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return out.Close()
}

func packFile(out *tar.Writer, path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

// unpackTar takes from a tar file what its manifest, the first entry, names, each once and in the size it gives; anything else
// ends it.
func unpackTar(ctx context.Context, from, dir string) (*manifest, error) {
	file, err := os.Open(from)
	if err != nil {
		return nil, cannotOpen(from, err)
	}
	defer file.Close()
	in := tar.NewReader(file)
	first, err := in.Next()
	if err != nil || first.Name != manifestFile || first.Size > manifestBytesMax {
		return nil, badBackup("它不是 mingzhang backup 写的 tar 文件", "it is no tar file that mingzhang backup wrote")
	}
	var text strings.Builder
	m, err := readManifest(io.TeeReader(in, &text))
	if err != nil {
		return nil, err
	}
	if err := writeNew(filepath.Join(dir, manifestFile), text.String()); err != nil {
		return nil, err
	}
	waiting := map[string]int64{}
	for _, f := range m.Files {
		waiting[f.Name] = f.Size
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badBackup("tar 文件断开或已损坏(%v)", "the tar file is cut off or damaged (%v)", err)
		}
		size, ok := waiting[entry.Name]
		if !ok || size != entry.Size || entry.Typeflag != tar.TypeReg {
			return nil, badBackup("%q 不在清单里,或大小不同", "%q is not in its manifest, or of another size", entry.Name)
		}
		delete(waiting, entry.Name)
		if err := unpackFile(in, dir, entry.Name); err != nil {
			return nil, err
		}
	}
	return m, nil // what is missing, check finds
}

func unpackFile(in io.Reader, dir, name string) error {
	to, err := placeFor(dir, name)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = badBackup("tar 文件断开", "the tar file is cut off")
	}
	return errors.Join(err, out.Sync(), out.Close())
}
