package projections

import (
	"cmp"
	"fmt"
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file says what waits for whom (待办): what the rules of the ledger would accept next, and from whom. It decides nothing. A task is
// listed where its command's own preconditions hold on the books; what needs more than them (whether a fund covers an amount) is not looked
// at, for who acts is told.

// Kinds of tasks.
const (
	TaskRequestReview     = "request_review"     // 审核申请
	TaskRequestApprove    = "request_approve"    // 批准申请
	TaskRequestSettle     = "request_settle"     // 办理已批准的申请
	TaskRequestExpire     = "request_expire"     // 了结过期的申请
	TaskOpeningConfirm    = "opening_confirm"    // 确认期初余额
	TaskResolutionConfirm = "resolution_confirm" // 核对决议记录
	TaskMonthClose        = "month_close"        // 结账
	TaskMonthReview       = "month_review"       // 审查一个月
	TaskMonthSign         = "month_sign"         // 在一个月上签名; not in the books, see package witness
	TaskGrantReview       = "grant_review"       // 审核一轮救助或奖学
	TaskGrantNotice       = "grant_notice"       // 公示一轮
	TaskGrantAward        = "grant_award"        // 公示期满核定
	TaskGrantPay          = "grant_pay"          // 发放
	TaskObjectionAnswer   = "objection_answer"   // 答复异议
	TaskFlagRatify        = "flag_ratify"        // 追认
	TaskErasureDecide     = "erasure_decide"     // 决定个人信息的处置
	TaskDividendSend      = "dividend_send"      // 向银行发出分红文件
	TaskDividendRecord    = "dividend_record"    // 记银行发放结果
	TaskInquiryRead       = "inquiry_read"       // 阅看质询
	TaskInquiryAnswer     = "inquiry_answer"     // 答复质询
	TaskInquiryCorrect    = "inquiry_correct"    // 答复“将更正”的,更正之后再答复
)

// Task (待办) is something that waits for somebody.
type Task struct {
	Kind         string
	Subject      string         // what it is about: a number or id, see the API
	Amount       ledger.Fen     // 0: none
	Title        string         // public words as entered; empty for none
	Since        ledger.Day     // day since which it waits
	SinceVersion uint64         // event since which it waits; 0: the calendar brought it
	DueOn        ledger.Day     // last day; 0: none is set
	Method       string         // command that does it
	Roles        []eventv1.Role // that may give it
	Operators    []string       // who may give it now, sorted
}

// Tasks lists what waits for anybody on a day, as the books are at the moment: what has a last day first, by that day, then what waits
// longest.
func (b *Book) Tasks(on ledger.Day, m Moment) []Task {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := &tasks{b: b, w: b.view(m), on: on, holders: map[eventv1.Role][]string{}}
	if b.charter.founded == nil || t.w.version == 0 {
		return nil
	}
	for _, r := range b.roles {
		if b.recordedBy(r.since, t.w) && (r.revoked == 0 || !b.recordedBy(r.revoked, t.w)) && !slices.Contains(t.holders[r.role], r.operator) {
			t.holders[r.role] = append(t.holders[r.role], r.operator)
		}
	}
	t.requests()
	t.opening()
	t.resolutions()
	t.months()
	t.rounds()
	t.dividends()
	t.flags()
	t.erasures()
	t.inquiries()
	SortTasks(t.list)
	return t.list
}

// SortTasks puts tasks in the order of lists.
func SortTasks(list []Task) {
	last := func(day ledger.Day) ledger.Day {
		if day == 0 {
			return ledger.LastDay
		}
		return day
	}
	slices.SortStableFunc(list, func(x, y Task) int {
		return cmp.Or(cmp.Compare(last(x.DueOn), last(y.DueOn)), cmp.Compare(x.Since, y.Since), cmp.Compare(x.SinceVersion, y.SinceVersion))
	})
}

// tasks gathers tasks of a view.
type tasks struct {
	b       *Book
	w       view
	on      ledger.Day
	holders map[eventv1.Role][]string
	list    []Task
}

// add adds a task for those who hold a role that its method asks for, but for those whom the separation of duties keeps from it.
func (t *tasks) add(task Task, at mark, but ...string) {
	task.Since, task.SinceVersion = at.day, at.version
	task.Roles = ledger.Matrix[task.Method]
	for _, role := range task.Roles {
		for _, operator := range t.holders[role] {
			if !slices.Contains(but, operator) && !slices.Contains(task.Operators, operator) {
				task.Operators = append(task.Operators, operator)
			}
		}
	}
	slices.Sort(task.Operators)
	t.list = append(t.list, task)
}

// recorded is the mark of an event without a business day.
func (t *tasks) recorded(version uint64) mark { return mark{version, t.b.recordedOn(version)} }

// requests are tasks about open requests: who made, reviewed or approved one does not take the next step.
func (t *tasks) requests() {
	for _, q := range t.b.requests.items {
		if !t.w.counts(q.mark) || q.state(t.w) != RequestOpen {
			continue
		}
		maker, since, reviewer := t.b.actor(q.version), q.mark, ""
		var approvers []string
		for _, s := range q.steps {
			if !t.w.counts(s.mark) {
				continue
			}
			switch since = s.mark; s.kind {
			case stepReviewed:
				reviewer = t.b.actor(s.version)
			case stepApproved:
				approvers = append(approvers, t.b.actor(s.version))
			}
		}
		f := q.made
		task := Task{Subject: fmt.Sprint(f.Number), Amount: q.amount, Title: termsOf(f).narration, DueOn: ledger.Day(f.ExpiresOn)}
		without := func(list []string, more ...string) []string { return append(slices.Clone(list), more...) }
		missing := int(f.Approvals) - len(approvers)
		switch {
		case f.ExpiresOn != 0 && t.on > ledger.Day(f.ExpiresOn):
			task.Kind, task.Method = TaskRequestExpire, "ExpireRequest"
			t.add(task, since)
		case f.Review && reviewer == "":
			task.Kind, task.Method = TaskRequestReview, "ReviewRequest"
			t.add(task, since, without(approvers, maker)...)
		case f.GetDividend() != nil && missing <= 1: // declaring it is the last approval
			task.Kind, task.Method = TaskRequestSettle, "DeclareDividend"
			if missing == 1 {
				t.add(task, since, without(approvers, maker, reviewer)...)
			} else {
				t.add(task, since)
			}
		case missing > 0:
			task.Kind, task.Method = TaskRequestApprove, "ApproveRequest"
			t.add(task, since, without(approvers, maker, reviewer)...)
		case f.GetTransfer() != nil:
			task.Kind, task.Method = TaskRequestSettle, "BookTransfer"
			t.add(task, since)
		case f.GetCorrection() != nil:
			task.Kind, task.Method = TaskRequestSettle, "BookCorrection"
			t.add(task, since)
		default:
			task.Kind, task.Method = TaskRequestSettle, "SettlePayment"
			t.add(task, since, without(approvers, reviewer)...)
		}
	}
}

// opening waits for somebody else than who proposed it.
func (t *tasks) opening() {
	b := t.b
	var proposed uint64
	var fact *eventv1.OpeningProposed
	for _, p := range b.charter.opening {
		if b.recordedBy(p.version, t.w) {
			proposed, fact = p.version, p.fact
		}
	}
	if proposed == 0 || b.happened("opening_confirmed", proposed, t.w.version) {
		return
	}
	var sum ledger.Fen
	for _, l := range fact.Lines {
		sum += max(ledger.Fen(l.AmountFen), 0)
	}
	t.add(Task{Kind: TaskOpeningConfirm, Subject: "opening", Amount: sum, Method: "ConfirmOpening"}, t.recorded(proposed), b.actor(proposed))
}

// happened says whether an event with a fact came after one version, up to another.
func (b *Book) happened(fact string, after, upTo uint64) bool {
	kind, known := b.headers.kinds.ids[fact]
	for version := after + 1; known && version <= upTo; version++ {
		if int32(*b.headers.facts.at(int(version - 1))) == kind {
			return true
		}
	}
	return false
}

// resolutions wait for somebody else than who recorded them. One that did not pass is confirmed too: its record may be wrong.
func (t *tasks) resolutions() {
	for _, r := range t.b.resolutions.items {
		if !t.w.counts(r.recorded) || t.w.counts(r.confirmed) {
			continue
		}
		t.add(Task{Kind: TaskResolutionConfirm, Subject: r.fact.Id, Amount: ledger.Fen(r.fact.AuthorityFen), Title: r.fact.Title, Method: "ConfirmResolution"},
			t.recorded(r.recorded.version), t.b.actor(r.recorded.version))
	}
}

// months are the next month to close, once it is over and no correction inside it is open, and for each supervisor the closed months that
// he has not reviewed.
func (t *tasks) months() {
	b := t.b
	next := ledger.Day(b.charter.founded.FirstDay).Month()
	for _, c := range b.charter.closed {
		if !b.recordedBy(c.version, t.w) {
			break
		}
		next = c.month.Next()
		var reviewed []string
		for _, r := range b.reviews.list {
			if ledger.Month(r.fact.Month) == c.month && b.recordedBy(r.version, t.w) {
				reviewed = append(reviewed, b.names.texts[r.actor])
			}
		}
		before := len(t.list)
		t.add(Task{Kind: TaskMonthReview, Subject: c.month.String(), Method: "ReviewPeriod"}, t.recorded(c.version), reviewed...)
		if len(reviewed) > 0 && len(t.list[before].Operators) == 0 { // everybody has
			t.list = t.list[:before]
		}
	}
	if t.on > next.Last() && !t.correcting(next) {
		t.add(Task{Kind: TaskMonthClose, Subject: next.String(), Method: "ClosePeriod"}, mark{day: next.Next().First()})
	}
}

// correcting says whether a correction is open that is asked for with a day in a month.
func (t *tasks) correcting(month ledger.Month) bool {
	return slices.ContainsFunc(t.b.requests.items, func(q *request) bool {
		on, last := ledger.Day(q.made.GetCorrection().GetOccurredOn()), ledger.Day(q.made.ExpiresOn)
		return on != 0 && on.Month() == month && (last == 0 || t.on <= last) && t.w.counts(q.mark) && q.state(t.w) == RequestOpen
	})
}

// rounds are the next steps of grant rounds, and objections without an answer.
func (t *tasks) rounds() {
	b := t.b
	holds := b.held(eventv1.Benefit_BENEFIT_GRANT, false, t.on, t.w)
	for _, r := range b.rounds.items {
		if !t.w.counts(r.mark) {
			continue
		}
		opener, reviewer, since := b.actor(r.version), "", r.mark
		for _, s := range r.steps {
			if !t.w.counts(s.mark) {
				continue
			}
			if since = s.mark; s.state == RoundReviewed {
				reviewer = b.actor(s.version)
			}
		}
		for _, l := range r.lines {
			if t.w.counts(l.mark) && l.version > since.version {
				since = l.mark
			}
		}
		g := b.grantRound(r, t.w)
		task := Task{Subject: r.opened.Id, Amount: g.Total, Title: r.opened.Title}
		unanswered := false
		for _, o := range g.Objections {
			if o.State != ObjectionOpen || g.State == RoundAwarded || g.State == RoundCancelled {
				continue
			}
			unanswered = true
			t.add(Task{Kind: TaskObjectionAnswer, Subject: fmt.Sprintf("%s/%d", r.opened.Id, o.Number), Title: o.Text, DueOn: g.NoticeTo, Method: "AnswerObjection"},
				t.recorded(r.objections[o.Number-1].version), o.RaisedBy, opener, reviewer)
		}
		switch {
		case g.State == RoundAwarded:
			task.Amount = 0
			for _, l := range g.Lines {
				if l.State == LineAwarded && holds[l.Member] == 0 {
					task.Amount += l.Amount
				}
			}
			if task.Kind, task.Method = TaskGrantPay, "PayGrant"; task.Amount != 0 {
				t.add(task, since)
			}
		case g.Total == 0 || unanswered:
		case g.State == RoundOpen && r.opened.Review:
			task.Kind, task.Method = TaskGrantReview, "ReviewGrantRound"
			t.add(task, since, opener)
		case g.State == RoundOpen || g.State == RoundReviewed:
			task.Kind, task.Method = TaskGrantNotice, "PublishGrantNotice"
			t.add(task, since)
		case g.State == RoundNotice && t.on > g.NoticeTo:
			task.Kind, task.Method = TaskGrantAward, "AwardGrants"
			t.add(task, mark{since.version, g.NoticeTo.Add(1)}, opener, reviewer)
		}
	}
}

// dividends are payees to send to the bank, and files whose results are to be recorded.
func (t *tasks) dividends() {
	for _, r := range t.b.runs.items {
		if r.fact == nil || !t.w.counts(r.declared) {
			continue
		}
		d := t.b.dividend(r, t.w)
		if d.State == RunCancelled || d.Owed == 0 {
			continue
		}
		since := r.declared
		for i, f := range r.files {
			if f.state(t.w) == FileSent {
				t.add(Task{Kind: TaskDividendRecord, Subject: fmt.Sprintf("%s/%d", r.fact.RunId, i+1), Amount: ledger.Fen(f.sent.TotalFen), Title: r.order.GetNarration(),
					Method: "RecordDividendResults"}, f.at)
			} else if t.w.counts(f.when) {
				since = f.when
			}
		}
		lines := r.entitlements(0, len(r.payees), t.w)
		markHeld(lines, t.b.held(eventv1.Benefit_BENEFIT_DIVIDEND, r.fact.Basis == eventv1.DividendBasis_DIVIDEND_BASIS_HOUSEHOLD, t.on, t.w))
		var owed ledger.Fen
		for _, l := range lines {
			if l.State == EntitlementOwed || l.State == EntitlementReturned {
				owed += l.Amount
			}
		}
		if owed != 0 {
			t.add(Task{Kind: TaskDividendSend, Subject: r.fact.RunId, Amount: owed, Title: r.order.GetNarration(), Method: "SendDividendFile"}, since)
		}
	}
}

// flags are open flags of vouchers that stand.
func (t *tasks) flags() {
	b := t.b
	for _, f := range b.flags {
		if by := b.journal.reversed[f.place]; !b.seen(f.place, t.w) || t.w.counts(f.ratified) || by != 0 && b.seen(by, t.w) {
			continue
		}
		r := b.journal.rows.at(int(f.place - 1))
		t.add(Task{Kind: TaskFlagRatify, Subject: r.ref().String(), Amount: ledger.Fen(f.flag.AmountFen), Title: b.journal.prose.at(r.narration),
			DueOn: ledger.Day(f.flag.RatifyBy), Method: "RatifyFlag"}, mark{r.version, r.day})
	}
}

// erasures wait for somebody else than who asked.
func (t *tasks) erasures() {
	for _, q := range t.b.erasures {
		if t.b.recordedBy(q.version, t.w) && (q.decided == 0 || !t.b.recordedBy(q.decided, t.w)) {
			t.add(Task{Kind: TaskErasureDecide, Subject: fmt.Sprint(q.fact.Number), Method: "ApproveErasure"}, t.recorded(q.version), t.b.actor(q.version))
		}
	}
}

// inquiries wait to be read, then to be answered, and where the answer is that the books will be put right, for that. The clock runs from
// the day of receipt to the first answer.
func (t *tasks) inquiries() {
	for _, q := range t.b.inquiries.list {
		if !t.w.counts(q.received) {
			continue
		}
		task := Task{Subject: fmt.Sprint(q.fact.Number), Title: q.published.GetWording(), DueOn: ledger.Day(q.fact.DueOn)}
		switch q.state(t.w) {
		case InquiryReceived:
			task.Kind, task.Method, task.Title = TaskInquiryRead, "PublishInquiry", ""
			t.add(task, q.received)
		case InquiryPublished:
			task.Kind, task.Method = TaskInquiryAnswer, "AnswerInquiry"
			t.add(task, q.read)
		case InquiryAnswered:
			last := q.answers[0]
			for _, a := range q.answers {
				if t.w.counts(a.mark) {
					last = a
				}
			}
			if last.fact.Outcome == eventv1.InquiryOutcome_INQUIRY_OUTCOME_WILL_CORRECT {
				task.Kind, task.Method, task.DueOn = TaskInquiryCorrect, "AnswerInquiry", 0
				t.add(task, last.mark)
			}
		}
	}
}
