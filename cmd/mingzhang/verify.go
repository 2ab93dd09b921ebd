package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (s *session) verifyCmd() *cobra.Command {
	var adopt bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: s.lang.text("核验:每个字节对照签名的根,账簿重做一遍对照", "hash every byte again against the signed heads, and fold the books anew"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if adopt && s.server != "" {
				return failed(exitUsage, "--adopt-heads 只用于数据目录。", "--adopt-heads is for a data directory.")
			}
			return s.with(func(c *client) error {
				v := &verification{client: c, table: &table{columns: []column{
					{name: "stream", zh: "账簿", en: "Log"},
					{name: "events", zh: "笔数", en: "Events", right: true},
					{name: "result", zh: "结果", en: "Result"},
					{name: "root", zh: "根哈希", en: "Root"},
				}}}
				if err := v.all(cmd.Context(), adopt); err != nil {
					return err
				}
				return v.conclude()
			})
		},
	}
	cmd.Flags().BoolVar(&adopt, "adopt-heads", false, s.lang.text("查明原因以后,为缺少签名根的账簿按现状签一个",
		"after looking into the reason: sign a head for logs that have none, as they are now"))
	return cmd
}

// verification gathers what was found wrong.
type verification struct {
	client *client
	table  *table
	bad    []*failure
}

func (v *verification) all(ctx context.Context, adopt bool) error {
	if v.client.dir == nil {
		return v.server(ctx)
	}
	streams, err := v.client.dir.log.Streams(ctx)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		if err := v.stream(ctx, stream, adopt); err != nil {
			return err
		}
	}
	return v.books(ctx)
}

// stream checks one log of the data directory.
func (v *verification) stream(ctx context.Context, stream string, adopt bool) error {
	log, s := v.client.dir.log, v.client.session
	report, err := log.Verify(ctx, stream)
	if err != nil {
		return err
	}
	if adopt && !report.OK {
		head, err := log.AdoptHead(ctx, stream)
		if err != nil {
			fmt.Fprintf(s.stderr, s.lang.text("没有为 %s 签名:%v\n", "%s is not signed: %v\n"), stream, err)
		} else {
			fmt.Fprintf(s.stderr, s.lang.text("已为 %s 按现状签名:%d 笔。\n", "%s is signed as it is: %d events.\n"), stream, head.Size)
		}
		if report, err = log.Verify(ctx, stream); err != nil {
			return err
		}
	}
	v.note(stream, report.Events, report.OK, report.FirstBad, report.Reason, report.Root.String())
	return nil
}

// note adds a line to the table.
func (v *verification) note(stream string, events uint64, ok bool, firstBad uint64, reason, root string) {
	result := v.client.session.lang.text("相符", "sound")
	if !ok {
		f := damagedAt(stream, firstBad, reason)
		v.bad = append(v.bad, f)
		root = ""
		result = v.client.session.lang.text("损坏", "DAMAGED")
		if firstBad != 0 {
			result += fmt.Sprintf(v.client.session.lang.text(",第 %d 笔", " at version %d"), firstBad)
		}
	}
	v.table.add(stream, fmt.Sprint(events), result, root)
}

// books compares the books in use with books folded anew, for each collective whose log is sound, through the service.
func (v *verification) books(ctx context.Context) error {
	collectives, err := v.client.dir.ledger.Collectives(ctx)
	if err != nil {
		return v.skip(err)
	}
	for _, id := range collectives {
		if v.isBad(ledger.StreamOf(id)) {
			continue
		}
		v.client.session.collective = id
		ctx, _, err := v.client.reading(ctx, "VerifyLog")
		if err != nil {
			s, f := v.client.session, explain(err)
			fmt.Fprintf(s.stderr, s.lang.text("%s 的账簿没有对照:%s\n", "the books of %s are not compared: %s\n"), id, s.lang.text(f.zh, f.en))
			continue
		}
		answer, err := v.client.audit.VerifyLog(ctx, &apiv1.VerifyLogRequest{CollectiveId: id})
		if err != nil {
			return err
		}
		v.book(id, answer)
	}
	return nil
}

// skip passes over an error that the streams have told already.
func (v *verification) skip(err error) error {
	if len(v.bad) > 0 {
		return nil
	}
	return err
}

func (v *verification) isBad(stream string) bool {
	for _, row := range v.table.rows {
		if row[0] == stream {
			return row[3] == ""
		}
	}
	return false
}

func (v *verification) book(collective string, a *apiv1.VerifyLogResponse) {
	if a.Ok && !a.BookOk {
		v.bad = append(v.bad, failed(exitVerified, "%s 的账簿与重做的不符;请重新启动服务并报告此事。",
			"The books of %s in use differ from books folded anew: start the server again and report this.", collective))
	}
}

// server checks the collectives of a server, or the one of --collective.
func (v *verification) server(ctx context.Context) error {
	ids := []string{v.client.session.collective}
	if ids[0] == "" {
		answer, err := v.client.disclosure.ListCollectives(ctx, &apiv1.ListCollectivesRequest{PageSize: 1000})
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, c := range answer.Collectives {
			ids = append(ids, c.Id)
		}
	}
	for _, id := range ids {
		answer, err := v.client.audit.VerifyLog(ctx, &apiv1.VerifyLogRequest{CollectiveId: id})
		if err != nil {
			return err
		}
		v.note(ledger.StreamOf(id), answer.Events, answer.Ok, answer.FirstBadVersion, answer.Problem, answer.Root)
		v.book(id, answer)
	}
	return nil
}

// conclude prints the table and gives the first thing that is wrong.
func (v *verification) conclude() error {
	s := v.client.session
	var err error
	switch {
	case s.json:
		err = v.table.printJSON(s.stdout)
	case s.csv:
		err = v.table.printCSV(s.stdout)
	default:
		err = v.table.print(s.stdout, s.lang)
	}
	if err != nil || len(v.bad) == 0 {
		return err
	}
	for _, f := range v.bad {
		report(s.stderr, s.lang, f)
	}
	return errSaid{exitVerified}
}
