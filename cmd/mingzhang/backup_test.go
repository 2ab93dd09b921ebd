package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// refused runs a command that has to end with a code and a sentence.
func refused(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	_, _, err := command(t, args...)
	if err == nil || explain(err).code != code || !strings.Contains(explain(err).en, want) {
		t.Errorf("mingzhang %s: %v, want code %d and %q", strings.Join(args, " "), err, code, want)
	}
}

// entries is what is in a directory.
func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// putDocument stores a file as the document store would.
func putDocument(t *testing.T, dir, content string) string {
	t.Helper()
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	path := filepath.Join(dir, documentsDir, name[:2], name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(documentsDir, name[:2], name)
}

// The drill: a server under load is backed up, killed, and restored elsewhere. Everything that was acknowledged before the
// backup began is there, heads and books are those of the original at that version, and the copy goes on.
func TestBackupUnderLoadAndRestore(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	document := putDocument(t, dir, "发票")
	must(t, "operator", "key", "treasurer", "--data", dir)
	key := filepath.Join(dir, keysDir, "treasurer.key")
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer server.kill()
	acked := new(acknowledged)
	stop := underLoad(t, server, key, acked)
	for begun := time.Now(); acked.len() < 100 && time.Since(begun) < serverTimeout; {
		time.Sleep(time.Millisecond)
	}
	before := slices.Clone(acked.all())
	tarFile, folder := filepath.Join(place, "b.tar"), filepath.Join(place, "folder")
	must(t, "backup", "--data", dir, "--out", tarFile)
	must(t, "backup", "--data", dir, "--out", folder, "--with-secret")
	during := acked.len() - len(before)
	server.kill()
	stop()
	if len(before) < 100 || during == 0 {
		t.Fatalf("%d commands were acknowledged before the backups, %d during them", len(before), during)
	}
	must(t, "backup", "--check", tarFile)
	must(t, "backup", "--check", folder)

	for from, more := range map[string][]string{tarFile: {"--secret", filepath.Join(dir, secretFile)}, folder: nil} {
		to := filepath.Join(place, "restored-"+filepath.Base(from))
		said := must(t, append([]string{"restore", from, "--data", to, "--lang", "en"}, more...)...)
		must(t, "verify", "--data", to)
		if read(t, filepath.Join(to, document)) != "发票" || !strings.Contains(said, "1 of them documents") {
			t.Errorf("the document is not there, or not mentioned:\n%s", said)
		}
		countOnce(t, to, before)
		sameUpTo(t, dir, to)
		goOn(t, to, key)
	}
	if left := entriesOf(t, place); len(left) != 4 {
		t.Errorf("beside the backups there is %v", left)
	}
}

// sameUpTo wants a restored log to be the beginning of the original, with its root and its books at that version.
func sameUpTo(t *testing.T, dir, restored string) {
	t.Helper()
	text := must(t, "export", "jsonl", "--data", restored, "--as", "treasurer")
	version := strconv.Itoa(strings.Count(text, "\n") - 2)
	if original := must(t, "export", "jsonl", "--data", dir, "--as", "treasurer", "--as-known-at", version); original != text {
		t.Errorf("at version %s the original is not what was restored", version)
	}
	ours, theirs := must(t, "export", "hledger", "--data", dir, "--as-known-at", version), must(t, "export", "hledger", "--data", restored)
	if ours != theirs {
		t.Errorf("at version %s the books are not those that were restored", version)
	}
}

// goOn starts a server on the restored directory; the key of before still opens it.
func goOn(t *testing.T, dir, key string) {
	t.Helper()
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	acked := new(acknowledged)
	load(t, server, key, acked)
	if acked.len() == 0 {
		t.Error("the restored books take nothing")
	}
	must(t, "verify", "--data", dir)
	countOnce(t, dir, acked.all())
}

func (a *acknowledged) all() []uuid.UUID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids
}

// underLoad sends commands from several clients until it is stopped or the server dies.
func underLoad(t *testing.T, server *process, keyFile string, acked *acknowledged) (stop func()) {
	t.Helper()
	key, err := readKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	header := map[string][]string{"Authorization": {"Bearer " + key}}
	books := apiv1connect.NewBooksServiceClient(connect.NewClient(connecthttp.NewTransport(keyed{header}, server.url)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 3)
	for range cap(ended) {
		go func() {
			defer func() { ended <- struct{}{} }()
			for ctx.Err() == nil && oneByOne(ctx, books, acked) == nil {
				time.Sleep(time.Millisecond) // the machine is shared with the backup
			}
		}()
	}
	return func() {
		cancel()
		for range cap(ended) {
			<-ended
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	b, to, secret := filepath.Join(place, "b"), filepath.Join(place, "to"), filepath.Join(dir, secretFile)
	must(t, "backup", "--data", dir, "--out", b)
	refused(t, exitUsage, "has no secret", "restore", b, "--data", to)
	other := filepath.Join(t.TempDir(), "other")
	must(t, "init", "--data", other)
	refused(t, exitVerified, "", "restore", b, "--data", to, "--secret", filepath.Join(other, secretFile))
	refused(t, exitUsage, "not both", "restore", b, "--data", to, "--secret", secret, "--new-secret")
	refused(t, exitUsage, "is a data directory already", "restore", b, "--data", other, "--secret", secret)
	refused(t, exitUsage, "there is no such file", "restore", filepath.Join(place, "none"), "--data", to, "--secret", secret)
	refused(t, exitUsage, "use --data", "restore", b, "--server", "http://127.0.0.1:1")
	refused(t, exitVerified, "no tar file", "restore", secret, "--data", to)
	if left := entriesOf(t, place); !slices.Equal(left, []string{"b"}) {
		t.Errorf("refused restores left %v", left)
	}
	must(t, "restore", b, "--data", to, "--secret", secret)
	sameLog(t, dir, to)
	before := read(t, filepath.Join(to, eventsFile))
	refused(t, exitUsage, "is a data directory already", "restore", b, "--data", to, "--secret", secret)
	if read(t, filepath.Join(to, eventsFile)) != before {
		t.Error("a refused restore changed the books")
	}
}

// Where the secret is lost the books live on under another one, and nothing else changes.
func TestRestoreWithANewSecret(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	look(t, dir, func(d *directory) { // a stream that was deleted stays deleted
		if err := d.log.Delete(t.Context(), "collective-gone"); err != nil {
			t.Fatal(err)
		}
	})
	must(t, "backup", "--data", dir, "--out", filepath.Join(place, "b.tar"))
	to := filepath.Join(place, "to")
	must(t, "restore", filepath.Join(place, "b.tar"), "--data", to, "--new-secret")
	must(t, "verify", "--data", to)
	sameLog(t, dir, to)
	if read(t, filepath.Join(to, secretFile)) == read(t, filepath.Join(dir, secretFile)) {
		t.Error("it is the same secret")
	}
	look(t, to, func(d *directory) {
		if _, err := d.log.Append(t.Context(), "collective-gone", 0, nil); err == nil {
			t.Error("the deleted stream is back")
		}
	})
	must(t, "backup", "--data", dir, "--out", filepath.Join(place, "with"), "--with-secret")
	refused(t, exitUsage, "another is not needed", "restore", filepath.Join(place, "with"), "--data", filepath.Join(place, "again"), "--new-secret")
}

// A backup is checked byte by byte: whichever bit changes in whichever file, the check and the restore say so.
func TestBackupNoticesEveryChange(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	putDocument(t, dir, "收据")
	b := filepath.Join(place, "b")
	must(t, "backup", "--data", dir, "--out", b, "--with-secret")
	names, err := filesIn(b)
	if err != nil {
		t.Fatal(err)
	}
	flips := 200
	if testing.Short() {
		flips = 7
	}
	for _, name := range names {
		path := filepath.Join(b, name)
		whole := []byte(read(t, path))
		for k := range min(flips, len(whole)) {
			i := k * (len(whole) - 1) / min(flips, len(whole))
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << (k % 8)
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := command(t, "backup", "--check", b); err == nil || explain(err).code != exitVerified {
				t.Errorf("bit %d of byte %d of %s: %v", k%8, i, name, err)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		refused(t, exitVerified, "", "backup", "--check", b)
		refused(t, exitVerified, "", "restore", b, "--data", filepath.Join(place, "to"))
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	more := filepath.Join(b, headsDir, "more")
	if err := os.WriteFile(more, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, exitVerified, "1 files that are not in its manifest", "backup", "--check", b)
	if err := os.Remove(more); err != nil {
		t.Fatal(err)
	}
	must(t, "backup", "--check", b)
	if left := entriesOf(t, place); !slices.Equal(left, []string{"b"}) {
		t.Errorf("it left %v", left)
	}
}

// Who makes a backup by hand whose digests all fit is caught by the hashes and signatures of the logs.
func TestBackupWithAMadeUpManifest(t *testing.T) {
	dir := demoDir(t)
	for name, c := range map[string]struct {
		change func(m *manifest, b string)
		want   string
	}{
		"a head of other books": {func(_ *manifest, b string) {
			copyOver(t, filepath.Join(b, headsDir, "access"), filepath.Join(b, headsDir, "collectives"))
		}, "the signed head of"},
		"a root":         {func(m *manifest, _ string) { m.Streams[0].Root = strings.Repeat("0", 64) }, "does not have the root"},
		"a log left out": {func(m *manifest, _ string) { m.Streams = m.Streams[1:] }, "is not in its manifest"},
		"a log that is not": {func(m *manifest, _ string) {
			m.Streams = append(m.Streams, manifestStream{Stream: "collective-none", Version: 1})
		}, "is not in it"},
		"another log": {func(m *manifest, b string) {
			other := filepath.Join(t.TempDir(), "other")
			must(t, "init", "--data", other)
			copyOver(t, filepath.Join(other, eventsFile), filepath.Join(b, eventsFile))
		}, "does not have the root"},
		"a way out":                  {func(m *manifest, _ string) { m.Files[0].Name = "../x" }, "the file name"},
		"a secret that is not there": {func(m *manifest, _ string) { m.WithSecret = true }, "says that it has none"},
		"a newer format":             {func(m *manifest, _ string) { m.Format = 2 }, "format 2"},
	} {
		t.Run(name, func(t *testing.T) {
			b := filepath.Join(t.TempDir(), "b")
			must(t, "backup", "--data", dir, "--out", b)
			m, err := manifestIn(b)
			if err != nil {
				t.Fatal(err)
			}
			c.change(m, b)
			for i, f := range m.Files {
				if size, sum, err := hashFile(filepath.Join(b, f.Name)); err == nil && filepath.IsLocal(f.Name) {
					m.Files[i].Size, m.Files[i].SHA256 = size, sum
				}
			}
			if err := errors.Join(os.Remove(filepath.Join(b, manifestFile)), m.write(b)); err != nil {
				t.Fatal(err)
			}
			refused(t, exitVerified, c.want, "backup", "--check", b)
			refused(t, exitVerified, c.want, "restore", b, "--data", filepath.Join(t.TempDir(), "to"), "--secret", filepath.Join(dir, secretFile))
		})
	}
}

func copyOver(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, []byte(read(t, from)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A tar file that was cut, or has what its manifest does not name, unpacks to nothing.
func TestBackupTarIsNotTrusted(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	file, bad, to := filepath.Join(place, "b.tar"), filepath.Join(place, "bad.tar"), filepath.Join(place, "to")
	must(t, "backup", "--data", dir, "--out", file, "--with-secret")
	whole := read(t, file)
	rewrite := func(change func(h *tar.Header) []*tar.Header) string {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		in := tar.NewReader(strings.NewReader(whole))
		for {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			content, err2 := io.ReadAll(in)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			for _, h := range change(h) {
				if h.Typeflag != tar.TypeReg {
					content = nil
				}
				_, err := w.Write(nil)
				if err = errors.Join(err, w.WriteHeader(h)); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(content); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	only := func(name string, change func(h tar.Header) []*tar.Header) string {
		return rewrite(func(h *tar.Header) []*tar.Header {
			if h.Name != name {
				return []*tar.Header{h}
			}
			return change(*h)
		})
	}
	for name, text := range map[string]string{
		"cut in a file":   whole[:len(whole)/2],
		"cut in its head": whole[:700],
		"a file left out": only(formatFile, func(tar.Header) []*tar.Header { return nil }),
		"a file twice":    only(formatFile, func(h tar.Header) []*tar.Header { return []*tar.Header{&h, &h} }),
		"another name":    only(formatFile, func(h tar.Header) []*tar.Header { h.Name = "../format"; return []*tar.Header{&h} }),
		"a link": only(formatFile, func(h tar.Header) []*tar.Header {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0
			return []*tar.Header{&h}
		}),
		"no manifest":      only(manifestFile, func(tar.Header) []*tar.Header { return nil }),
		"another tar file": only(manifestFile, func(h tar.Header) []*tar.Header { h.Name = "x"; return []*tar.Header{&h} }),
	} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"backup", "--check", bad}, {"restore", bad, "--data", to}} {
			if _, _, err := command(t, args...); err == nil || explain(err).code != exitVerified {
				t.Errorf("%s: %s: %v", name, args[0], err)
			}
		}
	}
	if left := entriesOf(t, place); !slices.Equal(left, []string{"b.tar", "bad.tar"}) {
		t.Errorf("it left %v", left)
	}
}

// Damaged books are not backed up: the backup of before is worth more.
func TestBackupRefusesDamage(t *testing.T) {
	place := t.TempDir()
	for name, c := range map[string]struct {
		damage func(dir string)
		want   string
	}{
		"an event":    {func(dir string) { flipIn(t, filepath.Join(dir, eventsFile), "绿化栽种") }, "damaged"},
		"a head":      {func(dir string) { flipIn(t, filepath.Join(dir, headsDir, "collective-liminba"), "172") }, "head"},
		"no head":     {func(dir string) { os.Remove(filepath.Join(dir, headsDir, "collective-liminba")) }, "no head"},
		"no secret":   {func(dir string) { os.Remove(filepath.Join(dir, secretFile)) }, "is missing"},
		"a document":  {func(dir string) { flipIn(t, filepath.Join(dir, putDocument(t, dir, "合同")), "合同") }, "not what its name says"},
		"not a place": {func(dir string) { os.RemoveAll(dir) }, "no data directory"},
	} {
		dir := demoDir(t)
		c.damage(dir)
		_, _, err := command(t, "backup", "--data", dir, "--out", filepath.Join(place, "b"))
		if err == nil || !strings.Contains(explain(err).en, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	dir := demoDir(t)
	refused(t, exitUsage, "cannot lie in the data directory", "backup", "--data", dir, "--out", filepath.Join(dir, "b"))
	refused(t, exitUsage, "exists already", "backup", "--data", dir, "--out", place)
	refused(t, exitUsage, "one of them", "backup", "--data", dir)
	refused(t, exitUsage, "use --data", "backup", "--server", "http://127.0.0.1:1", "--out", filepath.Join(place, "b"))
	if left := entriesOf(t, place); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

func flipIn(t *testing.T, path, text string) {
	t.Helper()
	whole := []byte(read(t, path))
	at := bytes.Index(whole, []byte(text))
	if at < 0 {
		t.Fatalf("%s has no %q", path, text)
	}
	whole[at] ^= 1
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A stream that began while the backup ran has a head in the data directory that was too late for the backup; only then it gets
// one. A head that is in neither place was taken away.
func TestBackupOfAStreamJustBegun(t *testing.T) {
	dir := demoDir(t)
	stream := ledger.StreamOf("liminba")
	for _, late := range []bool{true, false} {
		part := t.TempDir()
		if err := copyHeads(dir, part); err != nil {
			t.Fatal(err)
		}
		copyOver(t, filepath.Join(dir, eventsFile), filepath.Join(part, eventsFile))
		if err := os.Remove(filepath.Join(part, headsDir, stream)); err != nil {
			t.Fatal(err)
		}
		var later []string
		if late {
			later = []string{stream}
		}
		m := newManifest(false)
		signer, err := (&backup{session: &session{config: config{data: dir}}}).signer(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.seal(t.Context(), part, signer, dir, later); (err == nil) != late {
			t.Errorf("late %v: %v", late, err)
		}
		if late && !slices.ContainsFunc(m.Streams, func(s manifestStream) bool { return s.Stream == stream && s.Version == 172 }) {
			t.Errorf("the manifest has %v", m.Streams)
		}
	}
}

func TestBackupSaysWhatIsNotInIt(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, said, err := command(t, "backup", "--data", dir, "--out", filepath.Join(place, "b"), "--lang", "en")
	if err != nil || !regexp.MustCompile(`not in the backup: notes\.txt\n`).MatchString(said) || !strings.Contains(said, "The secret that signs is not in it") {
		t.Errorf("%v: %s", err, said)
	}
	for _, name := range []string{secretFile, keysDir, "notes.txt", nodesDir} {
		if _, err := os.Lstat(filepath.Join(place, "b", name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is in the backup", name)
		}
	}
	_, said, err = command(t, "backup", "--data", dir, "--out", filepath.Join(place, "s"), "--with-secret", "--lang", "en")
	if err != nil || !strings.Contains(said, "the secret that signs is in the backup") || read(t, filepath.Join(place, "s", secretFile)) != read(t, filepath.Join(dir, secretFile)) {
		t.Errorf("%v: %s", err, said)
	}
}

// TestManifestHasACheck: what nothing else in a backup contradicts, such as the day it was made, is covered by the manifest's
// own check; backups of v0.1.0 have none and are read all the same.
func TestManifestHasACheck(t *testing.T) {
	b := filepath.Join(t.TempDir(), "b")
	must(t, "backup", "--data", demoDir(t), "--out", b)
	name := filepath.Join(b, manifestFile)
	m, err := manifestIn(b)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole := read(t, name)
	put(strings.Replace(whole, `"madeAt": "2`, `"madeAt": "3`, 1))
	refused(t, exitVerified, "is not as it was written", "backup", "--check", b)
	m.Check = ""
	old, err := m.text()
	if err != nil {
		t.Fatal(err)
	}
	put(string(old))
	must(t, "backup", "--check", b)
}
