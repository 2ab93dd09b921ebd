package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (s *session) storeCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check [PLACE]",
		Short: s.lang.text("逐笔检查:缺号、外来的改动、被隐藏的、读不懂的、与签名的根不符的", "look at every event: gaps, foreign edits, hidden ones, unreadable ones, what the signed heads do not cover"),
		Args:  cobra.MaximumNArgs(1),
		Long: s.lang.text(`每一处问题列一行:账簿、第几笔、什么问题;一本坏了,别的照查。有数据目录时还与签名的根核对。什么也不修。
退出码:0 没有问题;4 有;3 没有查完。`,
			`Everything that is found has a line: stream, version, what. After a bad stream it goes on to the others. With a data directory the trees are compared with the signed heads too. Nothing is repaired.
Exit codes: 0 nothing was found; 4 something was; 3 it could not be looked at to the end.`),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			p, err := s.placeNamed(cmd, args)
			if err != nil {
				return err
			}
			log, err := p.open(s.quietLogger())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, log.close()) }()
			c := &storeCheck{session: s, place: log, Found: []storeFault{}}
			err = c.all(cmd.Context())
			return c.conclude(err)
		},
	}
}

// storeFault is one thing that store check found.
type storeFault struct {
	Stream  string `json:"stream"`
	Version uint64 `json:"version"` // 0: only the stream as a whole
	What    string `json:"what"`
}

// storeCheck gathers what is found. Exported fields are told.
type storeCheck struct {
	session *session
	place   *openedPlace

	Streams int          `json:"streams"`
	Events  uint64       `json:"events"`
	Others  int          `json:"others"` // streams of other programs in a cluster; not looked at
	Found   []storeFault `json:"found"`
}

// faultsMax is how many events of one stream are told of, before the rest of the stream is left.
const faultsMax = 20

func (c *storeCheck) all(ctx context.Context) error {
	list, err := c.place.bare.List(ctx)
	if err != nil {
		return err
	}
	names := make(map[string]eventstore.Listing)
	for _, one := range list {
		names[one.Stream] = one
	}
	if c.place.heads != nil { // a head whose stream has vanished
		known, err := c.place.heads.Streams(ctx)
		if err != nil {
			return err
		}
		for _, name := range known {
			if _, ok := names[name]; !ok {
				names[name] = eventstore.Listing{Stream: name}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := c.stream(ctx, names[name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *storeCheck) found(stream string, version uint64, format string, args ...any) {
	f := storeFault{stream, version, fmt.Sprintf(format, args...)}
	if !slices.Contains(c.Found, f) {
		c.Found = append(c.Found, f)
	}
}

func (c *storeCheck) stream(ctx context.Context, one eventstore.Listing) error {
	switch {
	case !ours(one.Stream) && (c.place.cluster != nil || one.Deleted):
		c.Others++ // others may have streams in a cluster; what was erased tells nothing any more
		return nil
	case !ours(one.Stream):
		c.found(one.Stream, 1, notOurs)
		return nil
	}
	c.Streams++
	if one.Deleted {
		c.found(one.Stream, 0, "the stream was deleted; this program never deletes books")
	}
	if c.place.cluster != nil {
		hidden, err := c.place.cluster.Hidden(ctx, one.Stream)
		if err != nil {
			return err
		}
		if hidden != "" {
			c.found(one.Stream, 0, "somebody told the server to hide or remove its events: %s", hidden)
		}
	}
	before := len(c.Found)
	read, err := c.read(ctx, one.Stream)
	if err != nil {
		return err
	}
	if read < one.Version && len(c.Found) == before {
		c.found(one.Stream, read+1, "it ends here, though the store has had %d events", one.Version)
	}
	return c.heads(ctx, one.Stream)
}

// read looks at every event, also behind a bad one, and gives the version of the last it saw.
func (c *storeCheck) read(ctx context.Context, stream string) (at uint64, err error) {
	said := "" // a gap says the same of every version in it: once is enough
	for bad := 0; ; bad++ {
		if bad == faultsMax {
			c.found(stream, at, "more is wrong behind this version and not listed")
			return at, nil
		}
		again := false
		for e, err := range c.place.bare.Read(ctx, stream, at) {
			if err == nil {
				err = c.event(e)
				at, again = e.Version, err != nil
				if err == nil {
					c.Events++
					continue
				}
			}
			var damage *eventstore.CorruptError
			if !errors.As(err, &damage) {
				return at, err
			}
			if damage.Reason != said || !strings.HasPrefix(said, "the next event ") {
				c.found(stream, damage.Version, "%s", damage.Reason)
			}
			said = damage.Reason
			if damage.Version > at {
				at, again = damage.Version, true
			}
			break
		}
		if !again {
			return at, nil
		}
	}
}

// event checks one event: it decodes, and the first says which log this is.
func (c *storeCheck) event(e eventstore.Event) error {
	err := checkEvent(e)
	if err == nil && e.Version == 1 {
		if _, oerr := ledger.LogOrigin(e.Stream, e); oerr != nil {
			err = &eventstore.CorruptError{Stream: e.Stream, Version: 1, Reason: oerr.Error()}
		}
	}
	return err
}

// heads compares the tree of a stream with its signed head.
func (c *storeCheck) heads(ctx context.Context, stream string) error {
	if c.place.heads == nil {
		return nil
	}
	report, err := c.place.heads.Verify(ctx, stream)
	if err != nil {
		return err
	}
	if !report.OK {
		c.found(stream, report.FirstBad, "%s", report.Reason)
	}
	return nil
}

// conclude prints what was found, also when err ended the work early.
func (c *storeCheck) conclude(err error) error {
	s := c.session
	if err != nil && len(c.Found) == 0 {
		return err
	}
	if perr := c.print(); perr != nil {
		return perr
	}
	if err != nil {
		report(s.stderr, s.lang, err)
	}
	if len(c.Found) == 0 {
		return nil
	}
	fmt.Fprintf(s.stderr, s.lang.text("mingzhang: 发现 %d 处问题,什么也没有修。请停用 %s,查明是谁改的,并从备份恢复。\n",
		"mingzhang: Faults found: %d; nothing was repaired. Stop using %s, find out who changed it, restore a backup.\n"), len(c.Found), c.place.name())
	return errSaid{exitVerified}
}

func (c *storeCheck) print() error {
	s := c.session
	if s.json {
		return s.printJSON(c)
	}
	t := &table{columns: []column{
		{name: "stream", zh: "账簿", en: "Log"}, {name: "version", zh: "第几笔", en: "Version", right: true}, {name: "what", zh: "问题", en: "What"},
	}}
	for _, f := range c.Found {
		version := ""
		if f.Version > 0 {
			version = fmt.Sprint(f.Version)
		}
		t.add(f.Stream, version, damageIn(s.lang, f.What))
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	if len(c.Found) > 0 {
		return t.print(s.stdout, s.lang)
	}
	_, err := fmt.Fprintf(s.stdout, s.lang.text("没有问题:%d 本账簿,%d 笔。\n", "Nothing is wrong: %d streams, %d events.\n"), c.Streams, c.Events)
	return err
}
