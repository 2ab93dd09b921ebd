package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/browser"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// publishPage puts the page that checks the logs in a browser into the root of a published directory, with the list of what is there,
// and prints its SHA-256, which belongs on the poster: the page comes from those whom it watches.
func (c *client) publishPage(dir string, private bool) error {
	page := browser.Page()
	ids, err := publishedIn(dir)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{browser.IndexName, []byte(ids)}, {browser.PageName, page}} {
		if err := replaceFile(filepath.Join(dir, file.name), file.data, private); err != nil {
			return cannotWrite(dir, err)
		}
	}
	if err := syncDirectory(dir); err != nil {
		return cannotWrite(dir, err)
	}
	s := c.session
	_, err = fmt.Fprintf(s.stdout, s.lang.text("%s:SHA-256 %x,请印在海报上\n", "%s: SHA-256 %x, to be printed on the poster\n"), browser.PageName, sha256.Sum256(page))
	return err
}

// publishedIn lists the collectives that have a checkpoint in a directory, one a line, each with the size of its newest seal if it has one.
func publishedIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", cannotOpen(dir, err)
	}
	var index strings.Builder
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(dir, e.Name(), transparency.CheckpointFile)); err != nil || !ledger.ValidCollectiveID(e.Name()) {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", cannotOpen(dir, err)
		}
		newest := uint64(0)
		for _, f := range files {
			if size, ok := strings.CutPrefix(f.Name(), transparency.CheckpointFile+"."); ok {
				if n, err := strconv.ParseUint(size, 10, 62); err == nil {
					newest = max(newest, n)
				}
			}
		}
		if index.WriteString(e.Name()); newest > 0 {
			fmt.Fprintf(&index, " %d", newest)
		}
		index.WriteByte('\n')
	}
	return index.String(), nil
}

// replaceFile puts a file in its place whole or not at all, and leaves one that is the same already. A crash may leave its part beside it,
// which the next call takes the place of.
func replaceFile(path string, data []byte, private bool) error {
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, data) {
		return nil
	}
	mode := fs.FileMode(0o644)
	if private {
		mode = 0o600
	}
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}
