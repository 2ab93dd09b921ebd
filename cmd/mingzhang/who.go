package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

func (s *session) rolesCmd() *cobra.Command {
	r := new(apiv1.ListRolesRequest)
	cmd := &cobra.Command{
		Use:   "roles",
		Short: s.lang.text("岗位:谁从何时起任何职", "who holds which role since when"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "ListRoles")
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				answer, err := c.audit.ListRoles(ctx, r)
				if err != nil {
					return err
				}
				t := &table{columns: []column{
					{name: "operator", zh: "操作员", en: "Operator"},
					{name: "role", zh: "岗位", en: "Role"},
					{name: "since", zh: "自", en: "Since"},
					{name: "granted_by", zh: "授予人", en: "Granted by"},
					{name: "until", zh: "至", en: "Until"},
					{name: "revoked_by", zh: "收回人", en: "Revoked by"},
				}}
				for _, h := range answer.Roles {
					role := strings.ToLower(strings.TrimPrefix(h.Role.String(), "ROLE_"))
					t.add(h.Operator, role, h.Since, h.GrantedBy, h.Until, h.RevokedBy)
				}
				return s.show(answer, t, s.moment(r.AsOf, answer.Version))
			})
		},
	}
	cmd.Flags().BoolVar(&r.Past, "past", false, s.lang.text("也列出以前任职的", "also who held a role before"))
	s.momentFlags(cmd, &r.AsOf, &r.AsKnownAt)
	return cmd
}

func (s *session) eventsCmd() *cobra.Command {
	r := new(apiv1.ListEventsRequest)
	var limit int
	cmd := &cobra.Command{
		Use:   "events",
		Short: s.lang.text("操作日志:谁在何时办了什么", "the operation log: who did what when"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return failed(exitUsage, "--limit 不能为负。", "--limit cannot be negative.")
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "ListEvents")
				if err != nil {
					return err
				}
				r.CollectiveId = collective
				all := new(apiv1.ListEventsResponse)
				for {
					r.PageSize = journalPage
					if limit > 0 {
						r.PageSize = uint32(min(journalPage, limit-len(all.Events)))
					}
					page, err := c.audit.ListEvents(ctx, r)
					if err != nil {
						return err
					}
					all.Version = page.Version
					all.Events = append(all.Events, page.Events...)
					if r.PageToken = page.NextPageToken; r.PageToken == "" || limit > 0 && len(all.Events) >= limit {
						break
					}
				}
				return s.show(all, eventTable(all.Events, s.lang), s.moment("", all.Version))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Actor, "actor", "", s.lang.text("只看这位操作员的", "only commands of this operator"))
	f.StringVar(&r.Type, "type", "", s.lang.text("只看这一类,如 payment_settled", "only facts of this name, e.g. payment_settled"))
	f.StringVar(&r.Text, "text", "", s.lang.text("只看含这些字的:摘要、编号、凭证号、用途、标题、金额", "only events with this text: narrations, ids, voucher numbers, purposes, titles, amounts"))
	f.StringVar(&r.CommandId, "command", "", s.lang.text("只看这条命令的(命令编号)", "only events of this command id"))
	f.StringVar(&r.From, "from", "", s.lang.text("从哪天记入的", "recorded on this day or later"))
	f.StringVar(&r.To, "to", "", s.lang.text("到哪天记入的", "recorded by the end of this day"))
	f.IntVar(&limit, "limit", 0, s.lang.text("最多几条(默认:全部)", "events at most (default: all)"))
	f.BoolVar(&r.Descending, "newest-first", false, s.lang.text("新的在前", "newest first"))
	f.StringVar(&r.AsKnownAt, "as-known-at", "", s.lang.text("当时所知:第几笔、日期或 RFC 3339 时间", "what was known then: a version, a day or an RFC 3339 time"))
	return cmd
}

func eventTable(events []*apiv1.EventHeader, l language) *table {
	t := &table{columns: []column{
		{name: "version", zh: "第几笔", en: "Version", right: true},
		{name: "recorded_at", zh: "记入时间", en: "Recorded at"},
		{name: "actor", zh: "操作员", en: "Operator"},
		{name: "type", zh: "事项", en: "Type"},
		{name: "summary", zh: "办了什么", en: "What", whole: true},
		{name: "vouchers", zh: "凭证", en: "Vouchers"},
		{name: "command_id", zh: "命令编号", en: "Command"},
	}}
	for _, e := range events {
		t.add(strconv.FormatUint(e.Version, 10), e.RecordedAt, e.Actor, e.Type, l.text(e.SummaryZh, e.SummaryEn), strings.Join(e.Vouchers, " "), e.CommandId)
	}
	return t
}
