package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

const (
	manifestFile     = "manifest.json"
	manifestKind     = "backup"
	manifestFormat   = 1
	manifestBytesMax = 256 << 20 // about two million documents
)

// manifest says what a backup holds: every file with its digest, every stream with its head. It is not signed: that it is the
// one that was written shows its own digest, which was printed then, and the heads, which are signed.
type manifest struct {
	Mingzhang  string           `json:"mingzhang"`
	Format     int              `json:"format"`
	MadeAt     string           `json:"madeAt"`  // RFC 3339, UTC
	Program    string           `json:"program"` // version of mingzhang
	WithSecret bool             `json:"withSecret"`
	WithPeople bool             `json:"withPeople,omitempty"` // personal data is in it
	Streams    []manifestStream `json:"streams"`
	Files      []manifestEntry  `json:"files"`           // all but the manifest
	Check      string           `json:"check,omitempty"` // SHA-256 of the manifest without it, against lost bits; none in backups of v0.1.0
}

type manifestStream struct {
	Stream      string `json:"stream"`
	Version     uint64 `json:"version"`
	Origin      string `json:"origin"`
	Root        string `json:"root"` // hex
	VerifierKey string `json:"verifierKey"`
}

type manifestEntry struct {
	Name   string `json:"name"` // with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func newManifest(withSecret bool) *manifest {
	return &manifest{Mingzhang: manifestKind, Format: manifestFormat, MadeAt: clock().UTC().Format("2006-01-02T15:04:05Z"), Program: version(), WithSecret: withSecret}
}

func newHash() hash.Hash { return sha256.New() }

func (m *manifest) add(name string, size int64, sum string) {
	m.Files = append(m.Files, manifestEntry{name, size, sum})
}

// list adds every file in a directory.
func (m *manifest) list(dir string) error {
	names, err := filesIn(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		size, sum, err := hashFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		m.add(name, size, sum)
	}
	return nil
}

// filesIn is the names of all files in a directory, with slashes; anything else than files and directories is refused.
func filesIn(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err == nil && !entry.Type().IsRegular() {
			err = failed(exitVerified, "%s 不是普通文件。", "%s is no plain file.", path)
		}
		names = append(names, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return names, nil
}

func hashFile(name string) (int64, string, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	return copyHashed(io.Discard, file)
}

// encode gives the manifest its check and writes it.
func (m *manifest) encode() ([]byte, error) {
	m.Check = ""
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	m.Check = hex.EncodeToString(sum[:])
	return m.text()
}

// text writes the manifest as it is.
func (m *manifest) text() ([]byte, error) {
	slices.SortFunc(m.Files, func(a, b manifestEntry) int { return cmp.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", manifestFile, err)
	}
	return append(text, '\n'), nil
}

// digest is SHA-256 of the manifest as it was written or read.
func (m *manifest) digest() (string, error) {
	text, err := m.text()
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// write puts the manifest into the directory, as its last file.
func (m *manifest) write(dir string) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, manifestFile), string(text)); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// badBackup says what is wrong with a backup.
func badBackup(zh, en string, args ...any) *failure {
	return failed(exitVerified, "这份备份不对:"+zh+"。", "The backup is wrong: "+en+".", args...)
}

// readManifest reads a manifest and trusts nothing in it: names stay below the directory, no name comes twice.
func readManifest(r io.Reader) (*manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, manifestBytesMax+1))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, badBackup("清单断开", "its manifest is cut off")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestFile, err)
	}
	if len(text) > manifestBytesMax {
		return nil, badBackup("清单太大", "its manifest is too large")
	}
	m := new(manifest)
	var kind struct {
		Mingzhang string
		Format    int
	}
	switch {
	case json.Unmarshal(text, &kind) != nil || kind.Mingzhang != manifestKind:
		return nil, badBackup("没有 mingzhang 的清单", "it has no manifest of mingzhang")
	case kind.Format != manifestFormat:
		return nil, badBackup("格式是第 %d 版,本程序只认第 %d 版", "it has format %d, this program knows format %d", kind.Format, manifestFormat)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, badBackup("清单读不出来(%v)", "its manifest cannot be read (%v)", err)
	}
	again := m.encode
	if m.Check == "" {
		again = m.text
	}
	if written, err := again(); err != nil || !bytes.Equal(written, text) {
		return nil, badBackup("清单被改过", "its manifest is not as it was written")
	}
	seen := map[string]bool{manifestFile: true}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) || path.Clean(f.Name) != f.Name || strings.Contains(f.Name, `\`) || seen[f.Name] || f.Size < 0 {
			return nil, badBackup("清单里的文件名 %q 不对", "its manifest has the file name %q", f.Name)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{formatFile, eventsFile} {
		if !seen[name] {
			return nil, badBackup("缺少 %s", "it has no %s", name)
		}
	}
	if m.WithSecret != seen[secretFile] {
		return nil, badBackup("清单说的与有没有 secret 不符", "it has a secret and says that it has none, or the other way round")
	}
	if m.WithPeople != seen[peopleFile] {
		return nil, badBackup("清单说的与有没有 people.db 不符", "it has personal data and says that it has none, or the other way round")
	}
	return m, nil
}

// check compares a directory with the manifest: every file and its digest, no file more, every stream its length and root, every
// head its signature. It writes nothing.
func (m *manifest) check(ctx context.Context, dir string) error {
	names, err := filesIn(dir)
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		size, sum, err := hashFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return badBackup("缺少文件 %s", "the file %s is missing", f.Name)
		case err != nil:
			return err
		case size != f.Size || sum != f.SHA256:
			return badBackup("文件 %s 已不是备份时的内容", "the file %s is not what was backed up", f.Name)
		}
		if strings.HasPrefix(f.Name, documentsDir+"/") && path.Base(f.Name) != sum {
			return badBackup("文件 %s 的名字不是它的哈希", "the document %s is not named by its hash", f.Name)
		}
	}
	if extra := len(names) - 1 - len(m.Files); extra != 0 || !slices.Contains(names, manifestFile) {
		return badBackup("多出 %d 个清单里没有的文件", "it has %d files that are not in its manifest", extra)
	}
	return m.checkLogs(ctx, dir)
}

// checkLogs hashes every event again.
func (m *manifest) checkLogs(ctx context.Context, dir string) error {
	logs := map[string]*transparency.Hasher{}
	for e, err := range sqlite.Scan(ctx, filepath.Join(dir, eventsFile)) {
		if err != nil {
			return err
		}
		h := logs[e.Stream]
		if h == nil {
			if h, err = hasherOf(e); err != nil {
				return err
			}
			logs[e.Stream] = h
		}
		if e.Version != h.Size()+1 {
			return damagedAt(e.Stream, h.Size()+1, fmt.Sprintf("version %d stands there", e.Version))
		}
		if err := checkEvent(e); err != nil {
			return err
		}
		if _, err := h.Add(e.Type, e.Data); err != nil {
			return damagedAt(e.Stream, e.Version, err.Error())
		}
	}
	for _, s := range m.Streams {
		h := logs[s.Stream]
		delete(logs, s.Stream)
		if h == nil {
			return badBackup("没有账簿 %s", "the log %s is not in it", s.Stream)
		}
		if err := s.check(dir, h); err != nil {
			return err
		}
	}
	for stream := range logs {
		return badBackup("账簿 %s 不在清单里", "the log %s is not in its manifest", stream)
	}
	return nil
}

// check compares a stream with its events and with its signed head.
func (s manifestStream) check(dir string, h *transparency.Hasher) error {
	root := h.Root()
	if s.Version != h.Size() || s.Root != hex.EncodeToString(root[:]) {
		return badBackup("账簿 %s 的根与清单不符", "the log %s does not have the root of the manifest", s.Stream)
	}
	msg, err := os.ReadFile(filepath.Join(dir, headsDir, transparency.HeadFile(s.Stream)))
	if err != nil {
		return fmt.Errorf("read the head of %s: %w", s.Stream, err)
	}
	head, err := transparency.OpenHead(msg, s.VerifierKey)
	if err != nil || head != (transparency.Head{Origin: s.Origin, Size: s.Version, Root: root}) {
		return badBackup("账簿 %s 的签名不对", "the signed head of %s is wrong", s.Stream)
	}
	return nil
}

// print lists what was verified.
func (m *manifest) print(s *session) error {
	t := &table{columns: []column{
		{name: "stream", zh: "账簿", en: "Log"},
		{name: "events", zh: "笔数", en: "Events", right: true},
		{name: "root", zh: "根哈希", en: "Root"},
	}}
	var events uint64
	for _, one := range m.Streams {
		t.add(one.Stream, fmt.Sprint(one.Version), one.Root)
		events += one.Version
	}
	if err := t.print(s.stdout, s.lang); err != nil {
		return err
	}
	var size int64
	documents := 0
	for _, f := range m.Files {
		size += f.Size
		if strings.HasPrefix(f.Name, documentsDir+"/") {
			documents++
		}
	}
	_, err := fmt.Fprintf(s.stdout, s.lang.text("核对过:%d 个文件共 %d 字节,其中 %d 份原始凭证;%d 本账簿共 %d 笔,每个根都对。\n",
		"Verified: %d files of %d bytes, %d of them documents; %d logs of %d events, every root fits.\n"), len(m.Files), size, documents, len(m.Streams), events)
	return err
}
