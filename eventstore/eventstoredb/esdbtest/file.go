package esdbtest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// file keeps a log on disk: one frame a write, so that a write is there whole or not at all.
//
//	frame  = length of body (4 bytes), CRC-32C of body (4), body
//	body   = records, each: flags, id (16), number, offset, created, stream, kind, data, custom
//
// Numbers are varints and strings are led by their length. A crash while a frame is written leaves a tail that its length or
// checksum denies; opening cuts it off. Nobody was told of that write.
type file struct {
	f       *os.File
	sync    bool
	written int64 // bytes; guarded by the log's mu, as is buf
	buf     []byte
	broken  error // a write failed halfway; the file must not grow any more

	mu     sync.Mutex // held by the one that syncs
	synced int64
}

const frameLengthMax = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openFile opens or makes the file in dir and hands each write in it to restore.
func openFile(dir string, sync bool, restore func([]*record) error) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "events.log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	good, err := readFrames(f, restore)
	if err == nil {
		err = f.Truncate(good)
	}
	if err == nil {
		_, err = f.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("esdbtest: open %s: %w", f.Name(), err), f.Close())
	}
	return &file{f: f, sync: sync, written: good, synced: good}, nil
}

// readFrames returns how many bytes of r are whole frames.
func readFrames(r io.Reader, restore func([]*record) error) (good int64, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return good, nil // the end, or a torn length
		}
		length := binary.BigEndian.Uint32(head[:4])
		if length > frameLengthMax {
			return good, nil
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil || crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
			return good, nil
		}
		records, err := decodeRecords(body)
		if err != nil {
			return good, err
		}
		if err := restore(records); err != nil {
			return good, err
		}
		good += int64(len(head) + len(body))
	}
}

func (f *file) write(records []*record) error {
	if f.broken != nil {
		return f.broken
	}
	b := append(f.buf[:0], make([]byte, 8)...)
	for _, r := range records {
		b = appendRecord(b, r)
	}
	f.buf = b
	binary.BigEndian.PutUint32(b[:4], uint32(len(b)-8))
	binary.BigEndian.PutUint32(b[4:8], crc32.Checksum(b[8:], castagnoli))
	if _, err := f.f.Write(b); err != nil {
		f.broken = err
		return err
	}
	f.written += int64(len(b))
	return nil
}

// wait returns when everything up to that size is on disk. The first to come syncs for all that wait behind it.
func (f *file) wait(size int64) error {
	if !f.sync {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.synced >= size {
		return nil
	}
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	f.synced = info.Size()
	return nil
}

func (f *file) close() error { return f.f.Close() }

func appendRecord(b []byte, r *record) []byte {
	var flags byte
	if r.json {
		flags = 1
	}
	b = append(b, flags)
	b = append(b, r.id[:]...)
	for _, v := range [3]int64{r.number, r.offset, r.created} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	b = appendString(appendString(b, r.stream), r.kind)
	return appendString(appendString(b, r.data), r.custom)
}

func appendString[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errShortRecord = errors.New("record is cut short")

func decodeRecords(b []byte) (records []*record, err error) {
	for len(b) > 0 {
		r := &record{}
		if len(b) < 17 {
			return nil, errShortRecord
		}
		r.json = b[0]&1 != 0
		copy(r.id[:], b[1:17])
		b = b[17:]
		for _, v := range [3]*int64{&r.number, &r.offset, &r.created} {
			u, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, errShortRecord
			}
			*v, b = int64(u), b[n:]
		}
		var fields [4][]byte
		for i := range fields {
			u, n := binary.Uvarint(b)
			if n <= 0 || u > uint64(len(b)-n) {
				return nil, errShortRecord
			}
			fields[i], b = b[n:n+int(u)], b[n+int(u):]
		}
		r.stream, r.kind, r.data, r.custom = string(fields[0]), string(fields[1]), fields[2], fields[3]
		records = append(records, r)
	}
	return records, nil
}
