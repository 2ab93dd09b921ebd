// Command oracle asks another implementation, tessera's fsck, whether directories are published logs. It is a module of its own, so
// that nothing it needs comes into the program.
//
//	oracle VKEY DIR...
//
// prints a line for each directory: "sound", or why not. To hang, as fsck does on some bundles that were changed, counts as a
// refusal: "no answer".
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

const timeLimit = 20 * time.Second

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: oracle VKEY DIR...")
		os.Exit(2)
	}
	v, err := note.NewVerifier(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, dir := range os.Args[2:] {
		fmt.Println(check(v, dir))
	}
}

func check(v note.Verifier, dir string) string {
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- fsck.New(v.Name(), v, client.FileFetcher{Root: dir}, leafHashes, fsck.Opts{N: 1}).Check(ctx)
	}()
	select {
	case err := <-done:
		if err != nil {
			return strings.Join(strings.Fields(err.Error()), " ")
		}
		return "sound"
	case <-ctx.Done():
		return "no answer"
	}
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, e := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}
