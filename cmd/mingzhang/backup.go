package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// A backup is a directory, or a tar file of one, with
//
//	manifest.json  what is in it, first (see manifest)
//	format         of the data directory
//	events.db      every event that was acknowledged when the backup began, and maybe some after
//	heads/         the signed head of every stream, of exactly that length
//	signer/        what the signer had signed, of exactly that length too; absent where another process signs
//	closed         says that the heads are up to date (package transparency)
//	people.db      personal data, without what was erased by then; not with --without-people
//	documents/     the files behind the vouchers, each named by its SHA-256
//	secret         only with --with-secret
//
// Bearer keys (keys/) never are: who has one keeps it, and an admin can issue others in the data directory. What can be made
// again (nodes/) is not either.
const (
	headsDir   = "heads"
	closedFile = "closed"
	nodesDir   = "nodes"
	tarSuffix  = ".tar"
)

// leftOut are the entries of a data directory that a backup does not have, on purpose.
var leftOut = []string{secretFile, keysDir, nodesDir, snapshotsDir, snapshotsKeyFile, signerSocketFile, signerKeysFile, sqlite.LockFile, eventsFile + "-wal", eventsFile + "-shm",
	peopleFile + "-wal", peopleFile + "-shm"}

type backup struct {
	session    *session
	out        string
	check      string
	withSecret bool
	noPeople   bool
}

func (s *session) backupCmd() *cobra.Command {
	b := &backup{session: s}
	cmd := &cobra.Command{
		Use:   "backup",
		Short: s.lang.text("备份数据目录,服务开着也行;或核对一份备份", "back a data directory up, also while it is served; or check a backup"),
		Args:  cobra.NoArgs,
		Long: s.lang.text(`--out 以 .tar 结尾就是一个文件,否则是一个新目录。每个字节都先与签名的根核对过。
签名的密钥(secret)默认不在备份里,请另存(抄在纸上、放在别处);要放进去请加 --with-secret,备份就要像密钥一样保管。
个人信息(people.db)在备份里,不加密:这样的备份要锁好,三十五天内销毁,否则删除过的个人信息还在旧备份里;不要的话加 --without-people。
操作员的密钥(keys/)不在备份里。--check 只核对,不写任何东西。`,
			`--out that ends in .tar is one file, else a new directory. Every byte is compared with the signed heads first.
The secret that signs is not in a backup by default: keep it elsewhere (on paper). --with-secret puts it in; such a backup has to be guarded like the secret.
Personal data (people.db) is in a backup, not encrypted: keep such a backup locked away and destroy it within 35 days, or what was erased lives on in it; --without-people leaves it out.
Operators' keys (keys/) are not in a backup. --check only checks and writes nothing.`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case s.server != "":
				return failed(exitUsage, "backup 要在数据目录所在的机器上做;请用 --data。", "backup is made where the data directory is: use --data.")
			case (b.out == "") == (b.check == ""):
				return failed(exitUsage, "请给 --out 或 --check 中的一个。", "Give --out or --check, one of them.")
			case b.check != "":
				return b.verify(cmd.Context())
			}
			return b.make(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&b.out, "out", "o", "", s.lang.text("写到哪里:新目录,或 .tar 文件", "where to: a new directory, or a file that ends in .tar"))
	cmd.Flags().StringVar(&b.check, "check", "", s.lang.text("只核对这份备份", "only check this backup"))
	cmd.Flags().BoolVar(&b.withSecret, "with-secret", false, s.lang.text("把签名的密钥也放进去", "put the secret that signs in as well"))
	cmd.Flags().BoolVar(&b.noPeople, "without-people", false, s.lang.text("不放个人信息", "leave personal data out"))
	return cmd
}

// make makes the parts in a directory of their own beside the place, and puts the whole there.
func (b *backup) make(ctx context.Context) error {
	data, out := b.session.data, filepath.Clean(b.out)
	if err := readFormat(data); err != nil {
		return err
	}
	if connection, err := storeOf(data, b.session.store); err != nil {
		return err
	} else if connection != "" {
		return failed(exitUsage, "账簿在集群里,backup 备份不了;请用集群自己的备份,或先抄到一个目录再备份:mingzhang store copy %[1]s 新目录 --secret %[1]s/secret,然后 mingzhang backup --data 新目录。节点开着时,把 store copy 后的 %[1]s 换成 esdb://…。documents/ 和 secret 请另外备份。",
			"The log is in a cluster, which backup does not back up: use the cluster's own backup, or copy it into a directory and back that up: mingzhang store copy %[1]s NEW --secret %[1]s/secret, then mingzhang backup --data NEW. While the node is serving, write esdb://… in place of store copy's %[1]s. Back documents/ and secret up apart.", data)
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return failed(exitUsage, "%s 已经存在,没有改动;请用 --out 另给一个。", "%s exists already and was not changed: name another with --out.", out)
	}
	if inside(data, out) {
		return failed(exitUsage, "备份不能放在数据目录里;请用 --out 给另一个地方,最好是另一块盘。", "A backup cannot lie in the data directory: name another place with --out, best on another disk.")
	}
	var m *manifest
	fill := func(dir string) (err error) {
		if m, err = b.collect(ctx, dir); err != nil {
			return err
		}
		return m.copyDocuments(ctx, data, dir)
	}
	put := makeWhole
	if strings.HasSuffix(out, tarSuffix) {
		put = b.session.makeTar
	}
	if err := put(out, "backup", fill); err != nil {
		return err
	}
	return b.report(m)
}

// inside says whether a path lies in a directory.
func inside(dir, path string) bool {
	a, err1 := filepath.Abs(dir)
	p, err2 := filepath.Abs(path)
	relative, err := filepath.Rel(a, p)
	return err1 == nil && err2 == nil && err == nil && filepath.IsLocal(relative)
}

// collect copies the log and the heads into a directory and brings the heads up to the length of the copied log.
//
// The heads come first, so that none is longer than the log. The log is copied as it is at one moment; a stream that began
// between the two has no head yet and gets one. Every byte is then hashed and compared with the heads of before, and only then
// are new ones signed: a backup of a damaged log is not made.
func (b *backup) collect(ctx context.Context, dir string) (*manifest, error) {
	data := b.session.data
	signer, err := b.signer(dir)
	if err != nil {
		return nil, err
	}
	if err := copyHeads(data, dir); err != nil {
		return nil, err
	}
	if err := sqlite.Copy(ctx, filepath.Join(data, eventsFile), filepath.Join(dir, eventsFile)); err != nil {
		return nil, err
	}
	later, err := headNames(data)
	if err != nil {
		return nil, err
	}
	m := newManifest(b.withSecret)
	if m.WithPeople, err = b.copyPeople(ctx, dir); err != nil {
		return nil, err
	}
	if err := m.seal(ctx, dir, signer, data, later); err != nil {
		return nil, err
	}
	names := []string{formatFile}
	if b.withSecret {
		names = append(names, secretFile)
	}
	for _, name := range names {
		if _, _, err := copyFile(filepath.Join(data, name), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return m, m.list(dir)
}

// signer is who signs the heads of the copy: the secret of the data directory with a copy of its memory, from before the log was
// copied, so that the copied log has all that it remembers; or the signer in another process, which has its own memory.
func (b *backup) signer(dir string) (*dirSigner, error) {
	data := b.session.data
	socket, err := signerOf(data, "")
	if err != nil {
		return nil, err
	}
	if socket != "" {
		return openSigner(dir, socket)
	}
	secrets, err := readSecrets(data)
	if err != nil {
		return nil, err
	}
	if err := copyMemory(data, dir); err != nil {
		return nil, err
	}
	local, err := transparency.OpenSigner(filepath.Join(dir, signerDir), secrets...)
	if err != nil {
		return nil, err
	}
	return &dirSigner{local, local, secrets[0]}, nil
}

// copyMemory copies what the signer of a data directory remembers. A file that is being written has one slot that is whole.
func copyMemory(data, dir string) error {
	entries, err := os.ReadDir(filepath.Join(data, signerDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of before there was one
	}
	if err != nil {
		return fmt.Errorf("list the memory of the signer: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, signerDir), 0o700); err != nil {
		return fmt.Errorf("make %s: %w", signerDir, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".tmp") || strings.HasSuffix(e.Name(), ".new") {
			continue
		}
		if _, _, err := copyFile(filepath.Join(data, signerDir, e.Name()), filepath.Join(dir, signerDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// headNames are the files in heads/, without those being written.
func headNames(data string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(data, headsDir))
	if err != nil {
		return nil, fmt.Errorf("list heads: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), ".tmp") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func copyHeads(data, dir string) error {
	names, err := headNames(data)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, headsDir), 0o700); err != nil {
		return fmt.Errorf("make %s: %w", headsDir, err)
	}
	for _, name := range names {
		if _, _, err := copyFile(filepath.Join(data, headsDir, name), filepath.Join(dir, headsDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// seal opens the copy as what it is to become, a data directory, checks every stream and has its head signed at its length.
// later are the head files that the data directory had after the log was copied.
//
// A signer in another process signs for the data directory as well, and may be ahead of the copy: the leaf hashes of the data
// directory show it that what it signed last begins with the copy.
func (m *manifest) seal(ctx context.Context, dir string, signer *dirSigner, data string, later []string) (err error) {
	lock, err := sqlite.Lock(dir)
	if err != nil {
		return errors.Join(err, signer.Close())
	}
	log, err := openLog(dir, signer, sqlite.Options{Lock: lock, MustExist: true}, transparency.Options{Later: data})
	if err != nil {
		return errors.Join(err, signer.Close(), lock.Release())
	}
	defer func() {
		err = errors.Join(err, log.Close(), lock.Release())
		for _, made := range []string{nodesDir, sqlite.LockFile, signerKeysFile} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, made)))
		}
	}()
	if m.WithPeople {
		if m.WithPeople, err = alignCopy(ctx, dir, lock, log); err != nil {
			return err
		}
	}
	streams, err := log.Streams(ctx)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		head := filepath.Join(dir, headsDir, transparency.HeadFile(stream))
		if _, err := os.Lstat(head); errors.Is(err, fs.ErrNotExist) && slices.Contains(later, filepath.Base(head)) {
			if _, err := log.AdoptHead(ctx, stream); err != nil {
				return err
			}
		}
		if err := m.stream(ctx, log, stream); err != nil {
			return err
		}
	}
	return nil
}

// stream checks one stream and notes its head.
func (m *manifest) stream(ctx context.Context, log openedLog, stream string) error {
	report, err := log.Verify(ctx, stream)
	if err != nil {
		return err
	}
	if !report.OK {
		return damagedAt(stream, report.FirstBad, report.Reason)
	}
	head, _, err := log.Head(ctx, stream)
	if errors.Is(err, transparency.ErrNoLog) {
		return nil // deleted, or begun and never written
	}
	if err != nil {
		return err
	}
	if head.Size != report.Events || head.Root != report.Root {
		return damagedAt(stream, 0, "its head is not that of its events")
	}
	m.Streams = append(m.Streams, manifestStream{stream, head.Size, head.Origin, hex.EncodeToString(head.Root[:]), log.signer.verifierKey(head.Origin)})
	return nil
}

// report says what was made, and what is not in it.
func (b *backup) report(m *manifest) error {
	s := b.session
	if err := m.print(s); err != nil {
		return err
	}
	digest, err := m.digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, s.lang.text("备份在 %s。清单的 SHA-256:%s(请抄下来,恢复时核对)\n", "The backup is %s. SHA-256 of its manifest: %s (write it down, compare it at the restore)\n"), b.out, digest)
	if !m.WithSecret {
		fmt.Fprintln(s.stderr, s.lang.text("签名的密钥(secret)不在里面;恢复时要用 --secret 给出,请确认另有一份。", "The secret that signs is not in it; a restore needs it (--secret): make sure that there is a copy elsewhere."))
	} else {
		fmt.Fprintln(s.stderr, s.lang.text("注意:签名的密钥在备份里,谁拿到它就能替账簿签名;请像密钥一样保管。", "Note: the secret that signs is in the backup. Whoever has it can sign heads of these books: guard it like the secret."))
	}
	if m.WithPeople {
		fmt.Fprintln(s.stderr, s.lang.text("注意:个人信息在备份里,没有加密;请锁好,三十五天内销毁。", "Note: personal data is in the backup, not encrypted: lock it away, and destroy it within 35 days."))
	}
	if unknown := b.unknown(); len(unknown) > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("注意:数据目录里这些不认识的东西不在备份里:%s\n", "Note: the data directory has entries that this program does not know and that are not in the backup: %s\n"), strings.Join(unknown, " "))
	}
	return nil
}

// unknown are the entries of the data directory that neither are backed up nor left out on purpose.
func (b *backup) unknown() []string {
	entries, err := os.ReadDir(b.session.data)
	if err != nil {
		return nil // it was read a moment ago; there is only nothing to add
	}
	known := append([]string{formatFile, eventsFile, peopleFile, headsDir, closedFile, documentsDir, signerDir}, leftOut...)
	var names []string
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

var documentName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// copyDocuments adds the documents, after the log: every document that an event names is there by then, and none ever changes.
// Each is compared with its name. Other files (uploads under way) are left alone.
func (m *manifest) copyDocuments(ctx context.Context, data, dir string) error {
	root := filepath.Join(data, documentsDir)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !entry.Type().IsRegular() || !documentName.MatchString(entry.Name()) {
			return nil
		}
		relative, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, relative)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		size, sum, err := copyFile(path, to)
		if err != nil {
			return err
		}
		if sum != entry.Name() {
			return failed(exitVerified, "文件 %s 的内容已不是它的名字所说的;请找回原件,再做备份。", "The document %s is not what its name says: find the original, then back up.", path)
		}
		m.add(filepath.ToSlash(relative), size, sum)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Lstat(root); errors.Is(statErr, fs.ErrNotExist) {
			err = nil // none yet
		}
	}
	if err != nil {
		return fmt.Errorf("back up documents: %w", err)
	}
	return m.write(dir)
}

// copyFile copies a file to a new one, synced, for its owner alone, and gives its size and SHA-256.
func copyFile(from, to string) (size int64, sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	size, sum, err = copyHashed(out, in)
	return size, sum, errors.Join(err, out.Sync(), out.Close())
}

// copyHashed copies to the end and gives size and SHA-256 of what was copied.
func copyHashed(w io.Writer, r io.Reader) (int64, string, error) {
	h := newHash()
	n, err := io.Copy(io.MultiWriter(w, h), r)
	return n, hex.EncodeToString(h.Sum(nil)), err
}
