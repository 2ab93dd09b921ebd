package transparency

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// files is the directory in which heads and leaf hashes lie. It knows nothing of locks: who changes the files of a stream
// holds that stream's files lock.
type files struct {
	dir string
}

const (
	headsDir      = "heads"
	nodesDir      = "nodes"
	edgeSuffix    = ".edge"
	tmpSuffix     = ".tmp" // never part of a file name made by fileName, which has no dot
	fileNameMax   = 200    // leaves room for the suffix below the 255 bytes of common file systems
	tombstoneLine = "mingzhang/deleted@v1\n"
)

var base32hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// makeDirs creates the directories, for their owner alone: leaf hashes of personal data are personal data.
func (f files) makeDirs() error {
	for _, sub := range []string{headsDir, nodesDir} {
		if err := os.MkdirAll(filepath.Join(f.dir, sub), 0o700); err != nil {
			return fmt.Errorf("make directory for the heads of the log: %w", err)
		}
	}
	return syncDir(f.dir)
}

// fileName turns the name of a stream into a file name that is safe everywhere, also where case does not count.
func fileName(stream string) string {
	var b strings.Builder
	for i := range len(stream) {
		c := stream[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() > fileNameMax {
		return "%%" + strings.ToLower(base32hex.EncodeToString([]byte(stream)))
	}
	return b.String()
}

// streamName is the stream whose file has this name; false for a file that is none of ours.
func streamName(file string) (string, bool) {
	var stream []byte
	if long, ok := strings.CutPrefix(file, "%%"); ok {
		b, err := base32hex.DecodeString(strings.ToUpper(long))
		if err != nil {
			return "", false
		}
		stream = b
	} else {
		for i := 0; i < len(file); i++ {
			if file[i] != '%' {
				stream = append(stream, file[i])
				continue
			}
			if i+2 >= len(file) {
				return "", false
			}
			c, err := strconv.ParseUint(file[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			stream = append(stream, byte(c))
			i += 2
		}
	}
	return string(stream), fileName(string(stream)) == file
}

func (f files) headPath(stream string) string {
	return filepath.Join(f.dir, headsDir, fileName(stream))
}

func (f files) nodesPath(stream string) string {
	return filepath.Join(f.dir, nodesDir, fileName(stream))
}

// readHead is the content of the head file, nil when there is none.
func (f files) readHead(stream string) ([]byte, error) {
	file, err := os.Open(f.headPath(stream))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read head of %s: %w", stream, err)
	}
	defer file.Close()
	// One byte more than a head may have: ParseHead then refuses it, and a huge file does no harm.
	msg, err := io.ReadAll(io.LimitReader(file, noteBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read head of %s: %w", stream, err)
	}
	if msg == nil {
		msg = []byte{}
	}
	return msg, nil
}

// writeHead replaces the head file. The content is synced before the rename: on some file systems a rename outlives the
// loss of power and the bytes do not, which would leave an empty head and a log that is refused for no reason. A crash
// before the rename leaves the old head, which is behind the log as after any crash, and a temporary file that the next
// write takes over. durable also syncs the directory: without it the loss of power may bring back the old head, no more.
func (f files) writeHead(stream string, msg []byte, durable bool) error {
	path := f.headPath(stream)
	if err := writeSynced(path+tmpSuffix, msg); err != nil {
		return fmt.Errorf("write head of %s: %w", stream, err)
	}
	if err := os.Rename(path+tmpSuffix, path); err != nil {
		return fmt.Errorf("write head of %s: %w", stream, err)
	}
	if durable {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// writeTombstone replaces the head file by the note that the stream was deleted on purpose.
func (f files) writeTombstone(stream string) error {
	return f.writeHead(stream, []byte(tombstoneLine+stream+"\n"), true)
}

func isTombstone(stream string, msg []byte) bool { return string(msg) == tombstoneLine+stream+"\n" }

func (f files) removeNodes(stream string) error {
	for _, path := range []string{f.nodesPath(stream), f.nodesPath(stream) + edgeSuffix} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove leaf hashes of %s: %w", stream, err)
		}
	}
	return syncDir(filepath.Join(f.dir, nodesDir))
}

// heads is the names of all streams that have a head file, deleted ones included.
func (f files) heads() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(f.dir, headsDir))
	if err != nil {
		return nil, fmt.Errorf("list heads: %w", err)
	}
	var streams []string
	for _, e := range entries {
		if stream, ok := streamName(e.Name()); ok {
			streams = append(streams, stream)
		}
	}
	return streams, nil
}

// writeNodes puts the leaf hashes behind the first n of the leaf file and cuts off whatever stood there. The file is not
// synced: it is derived, and what a crash leaves of it is compared with the head before it is believed. A file that has lost
// the first n gets zeros for them, which fit nothing and so are made again by whoever looks at them next.
func (f files) writeNodes(stream string, n uint64, leaves []tlog.Hash) (err error) {
	file, err := os.OpenFile(f.nodesPath(stream), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write leaf hashes of %s: %w", stream, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf := make([]byte, 0, len(leaves)*tlog.HashSize)
	for i := range leaves {
		buf = append(buf, leaves[i][:]...)
	}
	at := int64(n) * tlog.HashSize
	if _, err := file.WriteAt(buf, at); err != nil {
		return fmt.Errorf("write leaf hashes of %s: %w", stream, err)
	}
	if err := file.Truncate(at + int64(len(buf))); err != nil {
		return fmt.Errorf("cut leaf hashes of %s: %w", stream, err)
	}
	return nil
}

// syncDir makes renames in a directory durable. Windows has no such call and needs none.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}

// leaves gives known leaf hashes of one stream: the first from its leaf file, the rest from memory. It is for one
// goroutine and must be closed. A leaf file that is absent, short or unreadable has no answer; that is never an error.
type leaves struct {
	path   string
	stored uint64      // leaves 0 to stored-1 are asked of the file
	memory []tlog.Hash // leaves stored, stored+1, …

	file  *os.File
	gone  bool   // the file could not be opened
	first uint64 // the leaf at the start of buf
	buf   []byte
}

const leavesAtOnce = 1024

func (l *leaves) at(i uint64) (tlog.Hash, bool) {
	if i >= l.stored {
		if i -= l.stored; i < uint64(len(l.memory)) {
			return l.memory[i], true
		}
		return tlog.Hash{}, false
	}
	if i < l.first || i-l.first >= uint64(len(l.buf)/tlog.HashSize) {
		l.fill(i)
	}
	from := (i - l.first) * tlog.HashSize
	if uint64(len(l.buf)) < from+tlog.HashSize {
		return tlog.Hash{}, false
	}
	return tlog.Hash(l.buf[from:]), true
}

func (l *leaves) fill(i uint64) {
	l.first, l.buf = i, l.buf[:0]
	if l.file == nil && !l.gone {
		file, err := os.Open(l.path)
		l.file, l.gone = file, err != nil
	}
	if l.gone {
		return
	}
	if l.buf == nil {
		l.buf = make([]byte, leavesAtOnce*tlog.HashSize)
	}
	n, _ := l.file.ReadAt(l.buf[:cap(l.buf)], int64(i)*tlog.HashSize)
	l.buf = l.buf[:n]
}

// tree is the tree of the first n leaves, false when one of them is not known.
func (l *leaves) tree(n uint64) (tree, bool) {
	var t tree
	for i := range n {
		leaf, ok := l.at(i)
		if !ok {
			return tree{}, false
		}
		t.add(leaf)
	}
	return t, true
}

func (l *leaves) close() {
	if l.file != nil {
		l.file.Close()
		l.file, l.gone = nil, true
	}
}
