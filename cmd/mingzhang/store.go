package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
)

func (s *session) storeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: s.lang.text("账簿的存放:抄到另一处、看一看、检查", "where the log is kept: copy it elsewhere, look at it, check it"),
		Long: s.lang.text(`账簿存放在数据目录里(events.db),或在 EventStoreDB、KurrentDB 集群里。
PLACE 是一个数据目录,或连接串 esdb://…;只写 esdb:// 就是 --store 或环境变量 MINGZHANG_STORE 里的集群,密码不必写在命令行上。`,
			`The log is kept in a data directory (events.db), or in an EventStoreDB or KurrentDB cluster.
A PLACE is a data directory, or a connection string esdb://…; esdb:// alone is the cluster of --store or MINGZHANG_STORE, so that no password has to be on the command line.`),
	}
	cmd.AddCommand(s.storeCopyCmd(), s.storeInfoCmd(), s.storeCheckCmd())
	return cmd
}

// placeNamed is the place of an argument, else the data directory of --data, else the cluster of --store.
func (s *session) placeNamed(cmd *cobra.Command, args []string) (place, error) {
	switch {
	case len(args) > 0 && args[0] != environmentPlace && cmd.Flags().Changed("store"):
		return place{}, s.storeLeftOut()
	case len(args) > 0:
		return s.placeOf(args[0])
	case s.store == "":
		return s.placeOf(s.data)
	case !cmd.Flags().Changed("data") && os.Getenv(envData) == "":
		return s.placeOf(environmentPlace)
	}
	p, err := s.placeOf(s.data)
	if err == nil {
		p.connection, err = storeOf(s.data, s.store)
	}
	return p, err
}

// storeLeftOut refuses a --store that no PLACE speaks of.
func (s *session) storeLeftOut() error {
	return failed(exitUsage, "给了 --store,就要有一处写 esdb://;或去掉 --store。", "With --store one place has to be esdb://, or leave --store out.")
}

// storeInfo is what store info tells.
type storeInfo struct {
	Engine   string `json:"engine"`
	Address  string `json:"address"` // a directory, or hosts and ports; never a login
	Answers  bool   `json:"answers"`
	Streams  int    `json:"streams"`
	Deleted  int    `json:"deleted"`
	Others   int    `json:"others"` // streams of other programs
	Events   uint64 `json:"events"`
	Bytes    uint64 `json:"bytes"` // of data
	Largest  string `json:"largest"`
	LargestN uint64 `json:"largestEvents"`
}

func (s *session) storeInfoCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "info [PLACE]",
		Short: s.lang.text("存放在哪里,有多少账簿、多少笔,连得上吗", "where it is, how many streams and events, whether it answers"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := s.placeNamed(cmd, args)
			if err != nil {
				return err
			}
			info := storeInfo{Engine: p.engine(), Address: p.name()}
			if p.connection != "" {
				info.Address = place{connection: p.connection}.name()
				p.dir = "" // nothing in the directory is looked at: it may be in use
			}
			err = info.look(cmd.Context(), s, p)
			if info.Answers = err == nil; !info.Answers && !errors.Is(err, eventstoredb.ErrUnreachable) {
				return err
			}
			return errors.Join(info.print(s), err)
		},
	}
}

// look counts. Streams of other programs and deleted ones are no part of the sums.
func (i *storeInfo) look(ctx context.Context, s *session, p place) (err error) {
	log, err := p.open(s.quietLogger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	list, err := log.bare.List(ctx)
	if err != nil {
		return err
	}
	counted := make(map[string]bool)
	for _, one := range list {
		switch {
		case one.Deleted:
			i.Deleted++
		case p.connection != "" && !ours(one.Stream):
			i.Others++
		default:
			counted[one.Stream] = true
			i.Streams++
			i.Events += one.Version
			if one.Version > i.LargestN {
				i.Largest, i.LargestN = one.Stream, one.Version
			}
		}
	}
	for e, err := range log.bare.ReadAll(ctx, 0) {
		if err != nil {
			return err
		}
		if counted[e.Stream] {
			i.Bytes += uint64(len(e.Data))
		}
	}
	return nil
}

func (i *storeInfo) print(s *session) error {
	if s.json {
		return s.printJSON(i)
	}
	yes, no := s.lang.text("是", "yes"), s.lang.text("否", "no")
	answers := no
	if i.Answers {
		answers = yes
	}
	t := &table{columns: []column{{name: "what", zh: "项目", en: "What"}, {name: "value", zh: "值", en: "Value"}}}
	t.add(s.lang.text("存储", "engine"), i.Engine)
	t.add(s.lang.text("位置", "address"), i.Address)
	t.add(s.lang.text("连得上", "answers"), answers)
	if i.Answers {
		t.add(s.lang.text("账簿", "streams"), fmt.Sprint(i.Streams))
		t.add(s.lang.text("已删除", "deleted"), fmt.Sprint(i.Deleted))
		t.add(s.lang.text("别的程序的", "of other programs"), fmt.Sprint(i.Others))
		t.add(s.lang.text("笔数", "events"), fmt.Sprint(i.Events))
		t.add(s.lang.text("数据字节", "bytes of data"), fmt.Sprint(i.Bytes))
		if i.LargestN > 0 {
			t.add(s.lang.text("最大的", "largest"), fmt.Sprintf("%s (%d)", i.Largest, i.LargestN))
		}
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	return t.print(s.stdout, s.lang)
}

func (s *session) printJSON(v any) error {
	out := json.NewEncoder(s.stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
