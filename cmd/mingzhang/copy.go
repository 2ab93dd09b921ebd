package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
)

func (s *session) storeCopyCmd() *cobra.Command {
	var secret string
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: s.lang.text("把账簿逐字节抄到另一处,抄完两边重读核对;断了再运行就接着抄", "copy the log to another place, to the byte, and compare both; run it again when it was cut off"),
		Args:  cobra.ExactArgs(2),
		Long: s.lang.text(`FROM 和 TO 各是一个数据目录或集群(esdb://…)。TO 是没有的目录就新建(新的 secret,或 --secret 给出的);操作员和密钥的登记、个人信息随账簿一起抄,密钥文件、凭证文件不抄。
目录不能正在使用。从目录读的每个字节都与签名的根核对;TO 里已有的必须是 FROM 的开头,一个字节不差,否则拒绝,退出码 4。FROM 里删除了的,TO 里也删除。
最后两边重读一遍,每本账簿的笔数、SHA-256 和根哈希都相同才算抄完。中断、断电以后,用同样的命令接着抄。`,
			`FROM and TO are each a data directory or a cluster (esdb://…). TO may be a directory that does not exist: it is made, with a new secret or that of --secret. Operators, what is known of their keys, and personal data are copied with the log; key files and documents are not copied.
A directory must not be in use. Every byte read from a directory is compared with the signed heads. What TO has must be the beginning of FROM, to the byte, or it is refused with exit code 4. What was deleted in FROM is deleted in TO.
In the end both are read again, and versions, SHA-256 and root of every stream must be equal. After an interruption or a crash the same command goes on.`),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("store") && args[0] != environmentPlace && args[1] != environmentPlace {
				return s.storeLeftOut()
			}
			from, err := s.placeOf(args[0])
			if err != nil {
				return err
			}
			to, err := s.placeOf(args[1])
			if err != nil {
				return err
			}
			if from == to || from.connection != "" && from.connection == to.connection {
				return failed(exitUsage, "FROM 和 TO 是同一处。", "FROM and TO are the same place.")
			}
			return s.copyLog(cmd.Context(), from, to, secret)
		},
	}
	cmd.Flags().StringVar(&secret, "secret", "", s.lang.text("新建的目录用这个 secret 文件(默认:新的)", "file secret for a directory to be made (default: a new one)"))
	return cmd
}

// copyLog copies and, when the target is a directory that was made for it, finishes that.
func (s *session) copyLog(ctx context.Context, from, to place, secret string) (err error) {
	source, err := from.open(s.quietLogger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, begun, err := to.openTarget(secret, s.quietLogger())
	if err != nil {
		return err
	}
	c := &copying{session: s, from: source, to: target, bytesMax: copyBytesMax}
	err = c.run(ctx)
	if closing := target.close(); closing != nil {
		return errors.Join(err, closing)
	}
	if err != nil {
		return err
	}
	if begun {
		if err := to.finish(); err != nil {
			return err
		}
	}
	return c.print()
}

// copyBytesMax bounds one append as the port does. Servers from 24.10.4 on count the names of types too, twice.
const copyBytesMax = eventstore.AppendBytesMax

// copying is one run of store copy.
type copying struct {
	session  *session
	from, to *openedPlace
	bytesMax int // of one append
	progress *progress

	streams []*copiedStream
	gone    []string // deleted in the source, and not yet in the target
	others  int      // streams of other programs in the source
	persons int      // records of personal data that both have
	done    int64    // events compared, stored and read again, for the bar
}

// copiedStream is one stream of the source. Exported fields are told.
type copiedStream struct {
	Stream string `json:"stream"`
	streamDigest
	Copied uint64 `json:"copied"` // events stored by this run

	version uint64 // as of the beginning: what a source in use gets later is not copied
	had     uint64 // events that the target had
}

func (c *copying) run(ctx context.Context) error {
	if err := c.plan(ctx); err != nil {
		return err
	}
	var work int64
	for _, st := range c.streams {
		work += int64(3 * st.version) // compared or stored, then read on both sides
	}
	c.progress = newProgress(c.session, c.session.lang.text("抄写和核对(笔)", "copying and comparing (events)"), work)
	if c.progress != nil {
		c.progress.count = true
	}
	defer c.progress.end()
	// Nothing is changed before everything that the target has is known to be right.
	if err := c.each(ctx, c.compare); err != nil {
		return err
	}
	if err := c.bury(ctx); err != nil {
		return err
	}
	if err := c.copyPeople(ctx); err != nil {
		return err
	}
	if err := c.each(ctx, c.store); err != nil {
		return err
	}
	return c.each(ctx, c.verify)
}

func (c *copying) each(ctx context.Context, step func(context.Context, *copiedStream) error) error {
	for _, st := range c.streams {
		if err := step(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// plan lists both sides and refuses what cannot be made equal. The streams come in an order in which a copy that is cut off shows
// no collective: the list of their names is last.
func (c *copying) plan(ctx context.Context) error {
	source, err := c.from.log.List(ctx)
	if err != nil {
		return err
	}
	target, err := c.to.log.List(ctx)
	if err != nil {
		return err
	}
	there := make(map[string]eventstore.Listing)
	for _, one := range target {
		there[one.Stream] = one
	}
	here := make(map[string]bool)
	for _, one := range source {
		if people.Kept(one.Stream) {
			continue // copyPeople looks after it
		}
		at := there[one.Stream]
		here[one.Stream] = true
		switch {
		case one.Deleted && !c.travels(one.Stream):
			c.others++
		case one.Deleted && !at.Deleted:
			c.gone = append(c.gone, one.Stream)
		case one.Deleted:
		case !ours(one.Stream):
			if err := c.notOurs(ctx, one.Stream); err != nil {
				return err
			}
			c.others++
		case at.Deleted:
			return failed(exitVerified, "账簿 %s 在目标里已删除,源里还在;什么也没有写入。", "The stream %s is deleted in the target and not in the source; nothing was stored.", one.Stream)
		default:
			c.streams = append(c.streams, &copiedStream{Stream: one.Stream, version: one.Version, had: at.Version})
		}
	}
	for _, one := range target {
		if !here[one.Stream] && !one.Deleted && (ours(one.Stream) || c.to.cluster == nil) {
			return failed(exitVerified, "目标里有源里没有的账簿 %s;什么也没有写入。请换一个空的目标。", "The target has the stream %s that the source has not; nothing was stored. Name an empty target.", one.Stream)
		}
	}
	slices.SortFunc(c.streams, func(a, b *copiedStream) int { return cmp.Compare(copyRank(a.Stream), copyRank(b.Stream)) })
	return nil
}

func copyRank(stream string) string {
	switch stream {
	case ledger.StreamCollectives:
		return "3"
	case ledger.StreamAccess:
		return "2"
	}
	return "1" + stream
}

// personPrefix begins the names of streams with personal data. When such a stream is erased its events do not travel, but that
// the name is used up does.
const personPrefix = "person-"

// travels says whether a deleted stream is of this program. Of one that is gone only the name tells, where others have streams too.
func (c *copying) travels(stream string) bool {
	return c.from.cluster == nil || ours(stream) || strings.HasPrefix(stream, personPrefix)
}

// notOurs decides about a stream that this program does not write: in a cluster others may, and it is left alone, if it is theirs.
func (c *copying) notOurs(ctx context.Context, stream string) error {
	if c.from.cluster != nil {
		for _, err := range c.from.bare.Read(ctx, stream, 0) {
			var damage *eventstore.CorruptError
			if errors.As(err, &damage) {
				return nil // what stands there has no id of ours
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return failed(exitVerified, "源里有本程序不认识的账簿 %s;请用写它的那个版本来抄。什么也没有写入。", "The source has a stream %s that this program does not know: copy with the version that wrote it. Nothing was stored.", stream)
}

// bury deletes in the target what was deleted in the source, whether it was ever there or not: the name is used up.
func (c *copying) bury(ctx context.Context) error {
	for _, stream := range c.gone {
		if err := c.to.log.Delete(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// compare holds what the target has of a stream to the beginning of the source's.
func (c *copying) compare(ctx context.Context, st *copiedStream) error {
	if st.had > st.version {
		return c.differs(st.Stream, st.version+1, "目标里多出来了", "the target has more")
	}
	if st.had == 0 {
		return nil
	}
	next, stop := pull(c.from.log.Read(ctx, st.Stream, 0))
	defer stop()
	at := uint64(0)
	for b, err := range c.to.log.Read(ctx, st.Stream, 0) {
		if err != nil {
			return err
		}
		if at++; at > st.had {
			break
		}
		a, err := next()
		if err != nil {
			return err
		}
		if !sameEvent(a, b) {
			return c.differs(st.Stream, at, "内容不同", "they differ")
		}
		c.step(1)
	}
	return nil
}

func (c *copying) differs(stream string, version uint64, zh, en string) error {
	return failed(exitVerified, "目标里的 %[1]s 不是源的开头:从第 %[2]d 笔起"+zh+"。没有写入;请换一个空的目标,或查明原因。",
		"%[1]s in the target is not the beginning of the source's: from version %[2]d on "+en+". Nothing was stored: name an empty target, or find out why.", stream, version)
}

// store appends what the target lacks of a stream, in appends as large as they may be. Each is durable when it returns, so a cut
// leaves a beginning, which the next run goes on from; whether an append of unknown outcome is there, that run sees.
func (c *copying) store(ctx context.Context, st *copiedStream) error {
	at, from := st.had, st.had
	var batch []eventstore.NewEvent
	size := 0
	flush := func() error {
		if err := c.append(ctx, st.Stream, from, batch); err != nil {
			return err
		}
		st.Copied += uint64(len(batch))
		c.step(len(batch))
		from, batch, size = at, nil, 0
		return nil
	}
	for e, err := range c.from.log.Read(ctx, st.Stream, st.had) {
		if err == nil && e.Version > st.version {
			break
		}
		if err == nil && c.from.heads == nil {
			err = checkEvent(e)
		}
		if err != nil {
			return err
		}
		cost := len(e.Data) + 2*len(e.Type)
		if size+cost > c.bytesMax && len(batch) > 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, eventstore.NewEvent{Type: e.Type, Data: e.Data})
		size += cost
		at = e.Version
	}
	if len(batch) == 0 {
		return nil
	}
	return flush()
}

// append appends events, in halves where the server takes less at once.
func (c *copying) append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) error {
	_, err := c.to.log.Append(ctx, stream, expected, events)
	if half := len(events) / 2; half > 0 && errors.Is(err, eventstore.ErrTooLarge) {
		if err := c.append(ctx, stream, expected, events[:half]); err != nil {
			return err
		}
		return c.append(ctx, stream, expected+uint64(half), events[half:])
	}
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) {
		return failed(exitStorage, "有别的程序同时在往目标里写 %s(到了第 %d 笔);请停下它,再运行同一命令。", "Something else writes to %s in the target, which is at version %d: stop it and run the same command again.", stream, conflict.Actual)
	}
	return err
}

func (c *copying) step(events int) {
	c.done += int64(events)
	c.progress.at(c.done)
}

// print tells what was copied and that it is the same.
func (c *copying) print() error {
	s := c.session
	var events, copied uint64
	for _, st := range c.streams {
		events, copied = events+st.Events, copied+st.Copied
	}
	slices.SortFunc(c.streams, func(a, b *copiedStream) int { return strings.Compare(a.Stream, b.Stream) })
	if c.others > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("源里有 %d 个别的程序的流,没有抄。\n", "The source has %d streams of other programs; they were not copied.\n"), c.others)
	}
	if s.json {
		return s.printJSON(struct {
			Streams []*copiedStream `json:"streams"`
			Deleted int             `json:"deleted"` // by this run
			Events  uint64          `json:"events"`
			Copied  uint64          `json:"copied"` // by this run
			Persons int             `json:"persons"`
		}{append([]*copiedStream{}, c.streams...), len(c.gone), events, copied, c.persons})
	}
	t := &table{columns: []column{
		{name: "stream", zh: "账簿", en: "Log"}, {name: "events", zh: "笔数", en: "Events", right: true}, {name: "root", zh: "根哈希", en: "Root"},
	}}
	for _, st := range c.streams {
		t.add(st.Stream, fmt.Sprint(st.Events), st.Root)
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	if err := t.print(s.stdout, s.lang); err != nil {
		return err
	}
	if c.persons > 0 {
		fmt.Fprintf(s.stdout, s.lang.text("个人信息 %d 条两边都有。\n", "Both have %d records of personal data.\n"), c.persons)
	}
	_, err := fmt.Fprintf(s.stdout, s.lang.text("两边相同:%d 本账簿,%d 笔;这次抄了 %d 笔,删除 %d 本。\n", "Both are the same: %d streams, %d events; %d copied and %d streams deleted by this run.\n"),
		len(c.streams), events, copied, len(c.gone))
	return err
}
