package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/web"
)

// publishBoards writes the public pages of collectives beside their logs, and the first page of the directory, which lists also those whose pages
// were written before. What is the same already is left alone. A crash leaves whole files, of which some are older; the same command again
// writes the rest.
func (c *client) publishBoards(ctx context.Context, dir string, ids []string, private bool) error {
	before, err := boardsIn(dir)
	if err != nil {
		return err
	}
	listed := slices.Concat(ids, before)
	slices.Sort(listed)
	s := c.session
	files, size := 0, 0
	made := map[string]bool{} // directories
	err = web.Publish(ctx, web.Config{Services: c.dir.server.InProcess(), Clock: clock, Logger: slog.New(slog.DiscardHandler)}, slices.Compact(listed), ids,
		func(name string, data []byte) error {
			full := filepath.Join(dir, filepath.FromSlash(name))
			if parent := filepath.Dir(full); !made[parent] {
				mode := os.FileMode(0o755)
				if private {
					mode = 0o700
				}
				if err := os.MkdirAll(parent, mode); err != nil {
					return cannotWrite(dir, err)
				}
				made[parent] = true
			}
			files, size = files+1, size+len(data)
			if err := replaceFile(full, data, private); err != nil {
				return cannotWrite(dir, err)
			}
			return nil
		})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, s.lang.text("公示栏:%d 个文件,%d 字节,从 %s 看起\n", "board: %d files, %d bytes, beginning with %s\n"), files, size, filepath.Join(dir, "index.html"))
	return err
}

// boardsIn are the collectives whose pages a directory has.
func boardsIn(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "b", "*", "index.html"))
	if err != nil {
		return nil, cannotOpen(dir, err)
	}
	var ids []string
	for _, name := range found {
		if id := filepath.Base(filepath.Dir(name)); ledger.ValidCollectiveID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
