package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// explainVoucher tells how a voucher came to be: its event, the split or the tier behind it, request, resolution, papers, what
// it turns back or puts right, round or run, and its place in the log's tree.
func (s auditService) explainVoucher(ctx context.Context, told *story, at reading, collective, text string) error {
	number, err := ledger.ParseVoucherRef("voucher", text)
	if err != nil {
		return err
	}
	v, ok := at.book.ExplainVoucher(number, at.moment)
	if !ok {
		return refuse(ledger.VoucherUnknown, "voucher", "voucher", number.String())
	}
	stored, event, err := s.storedEvent(ctx, collective, v.Version)
	if err != nil {
		return err
	}
	tellVoucher(told, v)
	tellEvent(told, at.book, v, event)
	tellSplit(told, v, event)
	tellTier(told, v)
	tellSteps(told, v.Request, v.Steps)
	tellAuthority(told, v.Authority, v.Ref.String())
	tellPapers(told, v)
	tellRelations(told, v)
	tellPayout(told, v)
	return s.tellTree(ctx, told, at, collective, stored)
}

// storedEvent reads one event of a collective from the log.
func (s *Server) storedEvent(ctx context.Context, collective string, version uint64) (eventstore.Event, *eventv1.Event, error) {
	stream := ledger.StreamOf(collective)
	for stored, err := range s.config.Events.Read(ctx, stream, version-1) {
		if err != nil {
			return stored, nil, fmt.Errorf("read event %d of %s: %w", version, collective, err)
		}
		event, err := ledger.Decode(stored)
		return stored, event, err
	}
	return eventstore.Event{}, nil, &eventstore.CorruptError{Stream: stream, Version: version, Reason: "the log ends before an event that is in the books"}
}

func tellVoucher(told *story, v projections.VoucherStory) {
	var sum ledger.Fen
	lines := make([]string, len(v.Postings))
	for i, p := range v.Postings {
		sum += p.Amount
		lines[i] = string(p.Account) + " " + yuan(p.Amount)
	}
	told.hold(sum == 0)
	told.tell("voucher", []ref{{"voucher", v.Ref.String()}},
		[]figure{{"amount", v.Amount.String()}, {"occurred_on", v.OccurredOn.String()}, {"postings", number(len(v.Postings))}, {"purpose", v.Purpose}},
		fmt.Sprintf("凭证 %s,%s,%s,金额 %s:%s(借方为正),合计为零。", v.Ref, v.OccurredOn, v.Narration, yuan(v.Amount), strings.Join(lines, ";")),
		fmt.Sprintf("Voucher %s of %s, %s, amount %s: %s (debit positive), which sum to zero.", v.Ref, v.OccurredOn, v.Narration, yuan(v.Amount), strings.Join(lines, "; ")))
}

func tellEvent(told *story, book *projections.Book, v projections.VoucherStory, e *eventv1.Event) {
	id, _ := uuid.FromBytes(e.CommandId) // a stored event has 16 bytes; shown as zeros otherwise
	late := max(v.OccurredOn.DaysTo(book.RecordedOn(v.Version)), 0)
	zh, en := "", ""
	if late > 0 {
		zh, en = fmt.Sprintf(",比业务日期晚 %d 天", late), fmt.Sprintf(", %d days after its business day", late)
	}
	told.tell("event", []ref{{"event", number(v.Version)}, {"operator", v.Actor}, {"command", id.String()}},
		[]figure{{"type", v.Fact}, {"recorded_at", instant(v.RecordedAt)}, {"command_digest", hex.EncodeToString(e.CommandDigest)}, {"days_late", number(late)}},
		fmt.Sprintf("由第 %d 笔记录 %s 记入,操作员 %s,时间 %s%s。", v.Version, v.Fact, v.Actor, told.clock(v.RecordedAt), zh),
		fmt.Sprintf("Event %d, %s, booked it: by %s at %s%s.", v.Version, v.Fact, v.Actor, told.clock(v.RecordedAt), en))
}

// tellSplit tells how income was divided: the policy, and of each part the exact share and who took an odd fen.
func tellSplit(told *story, v projections.VoucherStory, e *eventv1.Event) {
	split := splitOf(v, e)
	if split == nil {
		return
	}
	var total ledger.Fen
	for _, p := range split.Parts {
		total += ledger.Fen(p.AmountFen)
	}
	told.hold(total == v.Amount)
	policy := number(split.PolicyVersion)
	if split.PolicyVersion == 0 {
		told.tell("placed", []ref{{"resolution", v.ResolutionID}}, []figure{{"kind", split.Kind}, {"amount", total.String()}},
			fmt.Sprintf("%s没有分配办法,按决议 %s 全部列入一项基金。", split.Kind, v.ResolutionID),
			fmt.Sprintf("No policy splits %s; by resolution %s all of it goes to one fund.", split.Kind, v.ResolutionID))
		return
	}
	rounding := strings.ToLower(strings.TrimPrefix(split.Rounding.String(), "ROUNDING_"))
	told.tell("policy", []ref{{"policy", policy}}, []figure{{"kind", split.Kind}, {"amount", total.String()}, {"rounding", rounding}},
		fmt.Sprintf("%s按第 %s 版分配办法分成 %d 份,零头用 %s 法。", split.Kind, policy, len(split.Parts), rounding),
		fmt.Sprintf("Policy %s splits %s into %d parts; odd fen go by %s.", policy, split.Kind, len(split.Parts), rounding))
	for _, p := range split.Parts {
		tellPart(told, policy, total, p)
	}
}

// splitOf is how the voucher of a story was divided; nil when it was not.
func splitOf(v projections.VoucherStory, e *eventv1.Event) *eventv1.IncomeRecorded {
	for i, booked := range e.Vouchers {
		if ledger.RefOf(booked.Ref) == v.Ref {
			return projections.SplitOf(e, i)
		}
	}
	return nil
}

func tellPart(told *story, policy string, total ledger.Fen, p *eventv1.SplitPart) {
	part, share, exact := ledger.Fen(p.AmountFen), ledger.FormatFraction(p.Share), exactPart(total, p.Share)
	told.tell("part", []ref{{"policy", policy}, {"fund", p.Fund}},
		[]figure{{"amount", total.String()}, {"share", share}, {"exact", exact}, {"part", part.String()}, {"odd_fen", fmt.Sprint(p.OddFen)}},
		fmt.Sprintf("fund/%s:%s × %s = %s,记 %s,零头 %d 分。", p.Fund, yuan(total), share, grouped(exact), yuan(part), p.OddFen),
		fmt.Sprintf("fund/%s: %s × %s = %s, booked %s, odd fen %d.", p.Fund, yuan(total), share, grouped(exact), yuan(part), p.OddFen))
}

// exactPart is a share of an amount in yuan, unrounded: as a decimal, or as a fraction where it has no end.
func exactPart(total ledger.Fen, f *eventv1.Fraction) string {
	if f.GetDenominator() == 0 {
		return ""
	}
	share := new(big.Rat).SetFrac(new(big.Int).SetUint64(f.Numerator), new(big.Int).SetUint64(f.Denominator))
	exact := share.Mul(share, big.NewRat(int64(total), 100))
	if digits, ends := exact.FloatPrec(); ends && digits <= 20 {
		return exact.FloatString(max(digits, 2))
	}
	return exact.RatString()
}

// tellTier tells the spending rule and the line of it that the outlay fell under.
func tellTier(told *story, v projections.VoucherStory) {
	if v.Rule == nil {
		return
	}
	rule := number(v.Rule.Version)
	refs := []ref{{"spending_rule", rule}, {"resolution", v.Rule.ResolutionId}}
	if tier := tierOfStory(v); tier != nil {
		body := tier.ResolutionBody
		zhBody, enBody := "不需决议", "no resolution"
		if body != "" {
			zhBody, enBody = "需 "+body+" 的决议", "a resolution of "+body
		}
		zhReview, enReview := "不需监督审核", "no review"
		if tier.Review {
			zhReview, enReview = "需监督审核", "a supervisor's review"
		}
		from := ledger.Fen(tier.FromFen)
		told.tell("tier", refs, []figure{{"operation", strings.ToLower(strings.TrimPrefix(tier.Operation.String(), "OPERATION_"))}, {"fund", tier.Fund}, {"purpose", tier.Purpose},
			{"from", from.String()}, {"approvals", number(tier.Approvals)}, {"review", fmt.Sprint(tier.Review)}, {"resolution_body", body}},
			fmt.Sprintf("依第 %s 版支出办法中 %s 起的一档:需 %d 人批准,%s,%s。", rule, yuan(from), tier.Approvals, zhReview, zhBody),
			fmt.Sprintf("Spending rule %s, the tier from %s: %d approvals, %s, %s.", rule, yuan(from), tier.Approvals, enReview, enBody))
		return
	}
	if v.Request != nil {
		made := v.Request.Made
		told.tell("tier", refs, []figure{{"approvals", number(made.Approvals)}, {"review", fmt.Sprint(made.Review)}},
			fmt.Sprintf("依第 %s 版支出办法,与原凭证同档:需 %d 人批准,监督审核:%t。", rule, made.Approvals, made.Review),
			fmt.Sprintf("Spending rule %s, in the tier of the original: %d approvals, review %t.", rule, made.Approvals, made.Review))
	}
}

// tierOfStory is the tier of what was asked for; nil for a correction, which goes by its original.
func tierOfStory(v projections.VoucherStory) *eventv1.Tier {
	if q := v.Request; q != nil {
		op, ok := map[string]eventv1.Operation{
			projections.RequestPayment: eventv1.Operation_OPERATION_PAYMENT, projections.RequestTransfer: eventv1.Operation_OPERATION_TRANSFER,
			projections.RequestDividend: eventv1.Operation_OPERATION_DIVIDEND,
		}[q.Kind]
		if !ok {
			return nil
		}
		return ledger.FindTier(v.Rule, false, op, q.Fund, q.Purpose, q.Amount)
	}
	if r := v.Round; r != nil {
		return ledger.FindTier(v.Rule, false, eventv1.Operation_OPERATION_GRANT_ROUND, r.Fund, r.Purpose, ledger.Fen(r.BudgetFen))
	}
	return nil
}

// tellSteps tells what was asked for and who did what to it.
func tellSteps(told *story, q *projections.Request, steps []projections.Step) {
	if q == nil {
		return
	}
	verbs := map[string][2]string{
		projections.StepMade: {"提出", "made"}, projections.StepReviewed: {"审核", "reviewed"}, projections.StepApproved: {"批准", "approved"},
		projections.RequestSettled: {"办结", "settled"}, projections.RequestRejected: {"驳回", "rejected"}, projections.RequestWithdrawn: {"撤回", "withdrawn"},
	}
	id, digest := number(q.Made.Number), hex.EncodeToString(q.Made.Digest)
	for _, step := range steps {
		verb := verbs[step.Kind]
		told.tell("request_"+step.Kind, []ref{{"request", id}, {"operator", step.By}, {"event", number(step.Version)}},
			[]figure{{"amount", q.Amount.String()}, {"at", instant(step.At)}, {"digest", digest}},
			fmt.Sprintf("第 %s 号申请(%s)由 %s 于 %s %s。", id, yuan(q.Amount), step.By, told.clock(step.At), verb[0]),
			fmt.Sprintf("Request %s (%s) was %s by %s at %s.", id, yuan(q.Amount), verb[1], step.By, told.clock(step.At)))
	}
}

// tellAuthority tells the vote behind an outlay, how its result was computed, and what of its authority was left.
func tellAuthority(told *story, a *projections.Authority, voucher string) {
	if a == nil {
		return
	}
	refs := []ref{{"resolution", a.Id}}
	votes := []figure{{"decided_on", ledger.Day(a.DecidedOn).String()}, {"electorate", number(a.Electorate)}, {"present", number(a.Present)}, {"votes_for", number(a.VotesFor)},
		{"votes_against", number(a.VotesAgainst)}, {"abstained", number(a.Abstained)}, {"minutes_sha256", hex.EncodeToString(a.MinutesSha256)},
		{"passed", fmt.Sprint(a.Passed)}, {"confirmed", fmt.Sprint(a.Confirmed)}}
	zh, en := "", ""
	if body := a.Voting; body != nil {
		base := a.Electorate
		if body.PassBase == eventv1.VoteBase_VOTE_BASE_PRESENT {
			base = a.Present
		}
		quorum, pass := leastOf(a.Electorate, body.Quorum, false), leastOf(base, body.Pass, body.PassStrictly)
		votes = append(votes, figure{"quorum", number(quorum)}, figure{"votes_needed", number(pass)})
		zh, en = fmt.Sprintf("(至少到 %d 人、%d 票赞成)", quorum, pass), fmt.Sprintf(" (needed: %d present, %d for)", quorum, pass)
		told.hold(a.Passed == (uint64(a.Present) >= quorum && uint64(a.VotesFor) >= pass && a.VotesFor > 0))
	}
	told.tell("resolution", refs, votes,
		fmt.Sprintf("决议 %s 于 %s 由 %s 表决:应到 %d 人,实到 %d 人,赞成 %d,反对 %d,弃权 %d%s。", a.Id, ledger.Day(a.DecidedOn), a.Body, a.Electorate, a.Present, a.VotesFor, a.VotesAgainst, a.Abstained, zh),
		fmt.Sprintf("Resolution %s of %s, voted on %s: %d of %d present, %d for, %d against, %d abstained%s.", a.Id, a.Body, ledger.Day(a.DecidedOn), a.Present, a.Electorate, a.VotesFor, a.VotesAgainst, a.Abstained, en))
	authority := ledger.Fen(a.AuthorityFen)
	if authority == 0 {
		return
	}
	before := authority - a.DrawnBefore
	after := before - a.Draws
	told.hold(a.DrawnBefore+a.Draws+after == authority)
	told.tell("authority", append(refs, ref{"voucher", voucher}),
		[]figure{{"authority", authority.String()}, {"before", before.String()}, {"draws", a.Draws.String()}, {"after", after.String()}},
		fmt.Sprintf("额度 %s:此前余 %s,本次用 %s,余 %s。", yuan(authority), yuan(before), yuan(a.Draws), yuan(after)),
		fmt.Sprintf("Authority %s: %s before, %s drawn, %s after.", yuan(authority), yuan(before), yuan(a.Draws), yuan(after)))
}

// leastOf is the smallest number that reaches a part of a whole, or that exceeds it.
func leastOf(whole uint32, part *eventv1.Fraction, exceed bool) uint64 {
	if part.GetDenominator() == 0 {
		return 0
	}
	product := new(big.Int).Mul(new(big.Int).SetUint64(uint64(whole)), new(big.Int).SetUint64(part.Numerator))
	least, rest := product.QuoRem(product, new(big.Int).SetUint64(part.Denominator), new(big.Int))
	if exceed || rest.Sign() > 0 {
		return least.Uint64() + 1
	}
	return least.Uint64()
}

func tellPapers(told *story, v projections.VoucherStory) {
	for _, d := range v.Documents {
		total, cited := ledger.Fen(d.TotalFen), ledger.Fen(d.CitedFen)
		told.tell("document", []ref{{"document", d.Issuer + "/" + d.Number}},
			[]figure{{"kind", d.Kind}, {"issuer", d.Issuer}, {"number", d.Number}, {"total", total.String()}, {"cited", cited.String()}, {"sha256", hex.EncodeToString(d.Sha256)}},
			fmt.Sprintf("原始凭证 %s %s 号(%s),票面 %s,本凭证用 %s。", d.Issuer, d.Number, d.Kind, yuan(total), yuan(cited)),
			fmt.Sprintf("Document %s of %s (%s), total %s, of which it cites %s.", d.Number, d.Issuer, d.Kind, yuan(total), yuan(cited)))
	}
}

// tellRelations tells which vouchers it turns back or puts right, and which did so to it.
func tellRelations(told *story, v projections.VoucherStory) {
	tell := func(kind, zh, en string, other ledger.VoucherRef) {
		if other == (ledger.VoucherRef{}) {
			return
		}
		told.tell(kind, []ref{{"voucher", other.String()}}, nil, fmt.Sprintf("%s %s。", zh, other), fmt.Sprintf("%s %s.", en, other))
	}
	tell("reverses", "冲销了", "It turns back", v.Reverses)
	tell("corrects", "更正了", "It puts right", v.Corrects)
	tell("reversed_by", "已被冲销,见", "It was turned back by", v.ReversedBy)
	for _, other := range v.CorrectedBy {
		tell("corrected_by", "已被更正,见", "It was put right by", other)
	}
}

// tellPayout tells the grant round or dividend run it belongs to.
func tellPayout(told *story, v projections.VoucherStory) {
	if g := v.Round; g != nil {
		told.tell("grant_round", []ref{{"grant_round", g.Id}, {"resolution", g.ResolutionId}},
			[]figure{{"state", g.State}, {"applicants", number(len(g.Lines))}, {"total", g.Total.String()}, {"paid", g.Paid.String()}, {"paid_count", number(g.PaidCount)},
				{"notice_from", g.NoticeFrom.String()}, {"notice_to", g.NoticeTo.String()}},
			fmt.Sprintf("属于 %s(%s):%d 人申请共 %s,公示 %s 至 %s,已付 %d 人共 %s。", g.Title, g.Id, len(g.Lines), yuan(g.Total), g.NoticeFrom, g.NoticeTo, g.PaidCount, yuan(g.Paid)),
			fmt.Sprintf("It belongs to %s (%s): %d applicants for %s, notice %s to %s, %d paid %s.", g.Title, g.Id, len(g.Lines), yuan(g.Total), g.NoticeFrom, g.NoticeTo, g.PaidCount, yuan(g.Paid)))
	}
	if d := v.Run; d != nil {
		rate := ledger.Fen(d.RateFen)
		told.tell("dividend_run", []ref{{"dividend_run", d.RunId}, {"resolution", d.Order.GetResolutionId()}},
			[]figure{{"state", d.State}, {"payees", number(d.Payees)}, {"rate", rate.String()}, {"declared", d.Declared.String()}, {"paid", d.Paid.String()},
				{"paid_count", number(d.PaidCount)}, {"owed", d.Owed.String()}, {"file", fileOf(v)}},
			fmt.Sprintf("属于分红 %s:%d 份,每份 %s,共 %s;已付 %d 位共 %s,待付 %s。", d.RunId, d.Payees, yuan(rate), yuan(d.Declared), d.PaidCount, yuan(d.Paid), yuan(d.Owed)),
			fmt.Sprintf("It belongs to dividend %s: %d shares at %s, %s in all; %d paid %s, %s owed.", d.RunId, d.Payees, yuan(rate), yuan(d.Declared), d.PaidCount, yuan(d.Paid), yuan(d.Owed)))
	}
}

func fileOf(v projections.VoucherStory) string {
	if v.DividendFile == 0 {
		return ""
	}
	return number(v.DividendFile)
}

// tellTree tells where the event stands in the log's Merkle tree; its leaf hash is made from the stored bytes.
func (s auditService) tellTree(ctx context.Context, told *story, at reading, collective string, stored eventstore.Event) error {
	head, _, err := s.config.Log.Head(ctx, ledger.StreamOf(collective))
	if err != nil {
		return err
	}
	entry := transparency.Entry(at.facts.Charter.GetLogOrigin(), stored.Type, stored.Data)
	leaf := sha256.Sum256(append([]byte{0}, entry...))
	index := stored.Version - 1
	told.tell("tree", []ref{{"event", number(stored.Version)}},
		[]figure{{"leaf_index", number(index)}, {"leaf_hash", hex.EncodeToString(leaf[:])}, {"size", number(head.Size)}, {"root", hex.EncodeToString(head.Root[:])}},
		fmt.Sprintf("它是日志树的第 %d 片叶子(从 0 起);树有 %d 片叶子,根 %x。", index, head.Size, head.Root[:]),
		fmt.Sprintf("It is leaf %d of the log's tree, counted from 0; the tree has %d leaves and the root %x.", index, head.Size, head.Root[:]))
	return nil
}
