//go:build unix

package main

import (
	"compress/gzip"
	"context"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// BenchmarkPublish measures ten years of a busy village as static files, plain and as a web server compresses them.
func BenchmarkPublish(b *testing.B) {
	service, _, store := stackIn(b, b.TempDir())
	ctx, stream := b.Context(), ledger.StreamOf(lt.LiminbaID)
	v, play := newBusy(b, service)
	for year := 2021; year <= 2030; year++ {
		play(v.year(year))
	}
	secret := make([]byte, transparency.SecretBytes)
	signer, err := transparency.OpenSigner(b.TempDir(), secret)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { signer.Close() })
	signed, err := transparency.Open(eventstore.NewMemory(), b.TempDir(), signer, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer signed.Close()
	for e, err := range store.Read(ctx, stream, 0) {
		if err == nil {
			_, err = signed.Append(ctx, stream, e.Version-1, []eventstore.NewEvent{{Type: e.Type, Data: e.Data}})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	head, msg, err := signed.Head(ctx, stream)
	if err != nil {
		b.Fatal(err)
	}
	key := transparency.LogVerifierKey(secret, head.Origin)
	dir := filepath.Join(b.TempDir(), "out")
	start := time.Now()
	done, err := transparency.Publish(ctx, dir, transparency.Publication{Note: msg, VerifierKey: key,
		Read: func(ctx context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
			return signed.Read(ctx, stream, after)
		}})
	if err != nil {
		b.Fatal(err)
	}
	published := time.Since(start)
	start = time.Now()
	log, err := transparency.OpenPublished(ctx, transparency.Dir(dir), key)
	if err != nil {
		b.Fatal(err)
	}
	if err := newReplay(log.Head.Origin, nil).read(checkedEvents(ctx, log)); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(head.Size), "events")
	b.ReportMetric(float64(done.Files), "files")
	b.ReportMetric(float64(done.Bytes), "bytes")
	b.ReportMetric(float64(compressed(b, dir)), "gzip-bytes")
	b.ReportMetric(published.Seconds(), "publish-s")
	b.ReportMetric(time.Since(start).Seconds(), "verify-s")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// compressed is the size of all files of a directory, each compressed by itself.
func compressed(b *testing.B, dir string) int64 {
	var total counter
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		z := gzip.NewWriter(&total)
		if _, err := z.Write(data); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		b.Fatal(err)
	}
	return int64(total)
}
