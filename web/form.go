package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/a-h/templ"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// words say one thing in both languages.
type words struct{ zh, en string }

// say picks the one of the visit's language.
func (v *visit) say(w words) string { return v.text(w.zh, w.en) }

// form is one command of a desk as a page. It is data: one handler shows it, previews what the command would do, lets it be confirmed, and
// gives it. Forms are never changed after they are made.
//
// Its request is written as the JSON of a line of a batch; every check is that of the services.
type form struct {
	name   string // last part of its address: income
	method string // BooksService/RecordIncome
	title  words
	about  words // what the command does and who acts next; one or two sentences
	roles  []apiv1.Role
	fields []*field
	// fixed are parts of the request that nobody fills in, by JSON path.
	fixed map[string]any
	// button is what the button that gives the command says; default 确认记账.
	button words
	// private says that what is typed is not kept as a draft on the device.
	private bool
	// apart says that the command is about no books: it has no collective and no version.
	apart bool
	// above is shown over the fields: what is left, a list to check; default: nothing.
	above func(*filling) (templ.Component, error)
	// view is the form to fill in where its fields stand on a page of their own; default: one below the other. It gets what above made.
	view func(*filling, templ.Component) templ.Component
	// done answers a command that was carried out; default: the page of what was recorded.
	done func(*filling, *apiv1.ApplyResult) (templ.Component, error)
}

// filling is a form under way: what was typed, what is wrong with it, what it would do.
type filling struct {
	*visit
	form     *form
	about    *apiv1.Collective // nil for a form apart
	values   map[string]string // by the name of the control
	wrong    map[string]string // sentence beside the control
	troubles []trouble         // of the form as a whole
	where    map[string]string // control of each JSON path of the request
	result   *apiv1.PreviewResult
	last     string              // last record of a demonstration, RFC 3339; empty when it was not asked for yet
	lists    map[*field][]choice // by field, once they are asked for
	known    map[string]string   // balances, once they are asked for
}

// trouble is a sentence over a form, with what to do next where that is worth saying.
type trouble struct {
	kind           string // of a notice
	text           string
	href, linkText string
}

// Steps of a form. "more:NAME" and "less:NAME.N" add a row to a group and take one away.
const (
	stepPreview = "preview"
	stepRecord  = "record"
	stepEdit    = "edit"
	stepName    = "step"
)

// formPage makes the page of a form, for GET and for POST, wherever its address is.
func (s *site) formPage(form *form) page {
	return func(v *visit) (templ.Component, error) {
		f := s.newFilling(v, nil, form)
		if !form.apart {
			answer, err := s.disclosure.GetCollective(v.ctx, &apiv1.GetCollectiveRequest{CollectiveId: v.collective()})
			if err != nil {
				return nil, err
			}
			f.about = answer.Collective
		}
		if v.request.Method != http.MethodPost {
			if err := s.mayGive(v, form); err != nil {
				return nil, err
			}
			f.begin()
			return f.page(http.StatusOK)
		}
		if err := f.read(); err != nil {
			return nil, err
		}
		step := f.values[stepName]
		delete(f.values, stepName)
		if id, err := uuid.Parse(f.values["command_id"]); err != nil || id == uuid.Nil {
			return nil, &problem{http.StatusBadRequest, "这张表单缺少编号,请重新打开。", "This form has lost its number: open it again."}
		}
		if name, ok := strings.CutPrefix(step, "more:"); ok {
			f.addRow(name)
			return f.page(http.StatusOK)
		}
		if name, ok := strings.CutPrefix(step, "less:"); ok {
			f.dropRow(name)
			return f.page(http.StatusOK)
		}
		switch step {
		case stepRecord:
			return f.record()
		case stepEdit:
			return f.page(http.StatusOK)
		}
		return f.preview()
	}
}

// newFilling is a form of a collective with nothing in it yet.
func (s *site) newFilling(v *visit, about *apiv1.Collective, form *form) *filling {
	return &filling{visit: v, about: about, form: form, values: map[string]string{}, wrong: map[string]string{}, where: map[string]string{}, lists: map[*field][]choice{}}
}

// begin fills a new form with what its address says and with its defaults.
func (f *filling) begin() {
	for name, all := range f.request.URL.Query() {
		if len(all) > 0 && name != stepName {
			f.values[name] = all[0]
		}
	}
	f.values["command_id"] = uuid.NewString()
	f.initials(f.form.fields, "")
}

func (f *filling) initials(fields []*field, prefix string) {
	for _, d := range fields {
		name := prefix + d.path
		if d.grouped() {
			for i := range f.count(d, name) {
				f.initials(d.fields, rowPrefix(name, i))
			}
			continue
		}
		if _, given := f.values[name]; !given && d.initial != nil {
			f.values[name] = d.initial(f)
		}
	}
}

// page shows the form for filling in.
func (f *filling) page(status int) (templ.Component, error) {
	var above templ.Component
	if f.form.above != nil {
		var err error
		if above, err = f.form.above(f); err != nil {
			return nil, err
		}
	}
	if err := f.loadChoices(f.form.fields); err != nil {
		return nil, err
	}
	if f.form.view != nil {
		return nil, f.render(status, f.form.view(f, above))
	}
	return nil, f.render(status, formView(f, above))
}

// preview asks what the command would do and shows it for confirming, or beside the fields why it would be refused. A page that asks while
// somebody is typing (X-Live) gets that part alone.
func (f *filling) preview() (templ.Component, error) {
	live := f.request.Header.Get("X-Live") != ""
	delete(f.values, versionName)
	delete(f.values, contentName)
	request, complete := f.requestJSON(0)
	if !complete {
		if live {
			return nil, f.render(http.StatusUnprocessableEntity, livePreview(f))
		}
		return f.page(http.StatusUnprocessableEntity)
	}
	answer, err := f.site.books.Preview(f.ctx, &apiv1.PreviewRequest{Line: &apiv1.ApplyLine{Method: f.form.method, RequestJson: request}})
	if err != nil {
		return f.failed(err)
	}
	f.result = answer.Result
	if f.result.Code != "" {
		f.refused(f.result.Refusal, f.result.Message)
		if live {
			return nil, f.render(http.StatusUnprocessableEntity, livePreview(f))
		}
		return f.page(http.StatusUnprocessableEntity)
	}
	if live {
		return nil, f.render(http.StatusOK, livePreview(f))
	}
	return f.confirmPage(http.StatusOK)
}

// loadChoices asks for the lists of a form. Who may not read one types instead.
func (f *filling) loadChoices(fields []*field) error {
	for _, d := range fields {
		if d.grouped() {
			if err := f.loadChoices(d.fields); err != nil {
				return err
			}
		}
		if d.choices == nil || f.lists[d] != nil {
			continue
		}
		list, err := d.choices(f)
		if err != nil && !forbidden(err) {
			return err
		}
		if list == nil && err == nil {
			list = []choice{}
		}
		f.lists[d] = list
	}
	return nil
}

func (f *filling) confirmPage(status int) (templ.Component, error) {
	if err := f.loadChoices(f.form.fields); err != nil {
		return nil, err
	}
	if v := versionBefore(f.result); v > 0 {
		f.values[versionName] = fmt.Sprint(v)
	}
	f.values[contentName] = f.content()
	return nil, f.render(status, confirmView(f))
}

// versionName is the hidden control that says at which version the preview was made: what was confirmed is what is booked.
const versionName = "seen_version"

// contentName is the hidden control with the digest of what was previewed: a form of which something was lost on its way is shown again.
const contentName = "seen_content"

// content is the digest of the request as it stands.
func (f *filling) content() string {
	request := f.requested()
	delete(request, momentName) // of a demonstration; it is no part of what is booked
	sum := sha256.Sum256([]byte(written(request)))
	return hex.EncodeToString(sum[:16])
}

// versionBefore is the version of the books that a preview was made at; 0 for a founding, for a repeated command, and for what has no books.
func versionBefore(r *apiv1.PreviewResult) uint64 {
	if r.GetReceipt() == nil || r.Repeated {
		return 0
	}
	return r.Receipt.Version - uint64(len(r.Receipt.Facts))
}

// record gives the command. The same form sent twice carries the same command id and gives the same answer.
func (f *filling) record() (templ.Component, error) {
	var seen uint64
	_, _ = fmt.Sscan(f.values[versionName], &seen) // absent for a founding
	request, complete := f.requestJSON(seen)
	if !complete {
		return f.page(http.StatusUnprocessableEntity)
	}
	if f.values[contentName] != f.content() {
		return f.preview()
	}
	answer, err := f.site.books.Apply(f.ctx, &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{{Method: f.form.method, RequestJson: request}}})
	if err != nil {
		return f.failed(err)
	}
	if len(answer.Results) != 1 {
		return nil, errors.New("the answer to one command has not one result")
	}
	result := answer.Results[0]
	switch reason := result.Refusal.GetReason(); {
	case result.Code == "":
		return f.recorded(result)
	case reason == "version_stale":
		f.troubles = append(f.troubles, trouble{kind: "warn", text: f.text("您查看以后,账簿又记了别的;下面是按现在的账重新算出的结果,请再看一遍。",
			"The books went on since you looked. This is what the command would do now: look again.")})
		return f.preview()
	case reason == reasonConfirm:
		status, again := f.site.confirmAgainPage(f.visit, "")
		return nil, f.render(status, again)
	case unknownOutcome[result.Code]:
		return f.again(result)
	}
	f.refused(result.Refusal, result.Message)
	return f.page(http.StatusUnprocessableEntity)
}

// unknownOutcome are the codes after which nobody knows whether the command was carried out. Giving it again with its id tells.
var unknownOutcome = map[string]bool{"unavailable": true, "deadline_exceeded": true, "canceled": true}

// again shows the confirming page once more after an outcome that is unknown.
func (f *filling) again(result *apiv1.ApplyResult) (templ.Component, error) {
	f.result = &apiv1.PreviewResult{CheckedOnly: true}
	seen := f.values[versionName]
	f.troubles = append(f.troubles, trouble{kind: "bad", text: f.sentence(result.Refusal, result.Message) +
		f.text("现在不知道记上没有;请过一会儿再按一次确认:同一张表单只会记一次。", " It is not known whether it was recorded. Press the button again in a while: one form is recorded once.")})
	component, err := f.confirmPage(http.StatusServiceUnavailable)
	f.values[versionName] = seen
	return component, err
}

// recorded goes on to the page of what was recorded.
func (f *filling) recorded(result *apiv1.ApplyResult) (templ.Component, error) {
	if f.form.done != nil {
		return f.form.done(f, result)
	}
	receipt, err := receiptOf(result)
	if err != nil {
		return nil, err
	}
	http.Redirect(f.writer, f.request, f.href("/d/"+f.collective()+"/done/"+f.form.name+"/")+"?"+outcomeQuery(receipt).Encode(), http.StatusSeeOther)
	return nil, nil
}

// receiptOf reads the receipt in the answer to a command on books; the answers of all of them have that one field.
func receiptOf(result *apiv1.ApplyResult) (*apiv1.Receipt, error) {
	answer := new(apiv1.RecordIncomeResponse)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(result.ResponseJson), answer); err != nil {
		return nil, fmt.Errorf("read the answer to a command: %w", err)
	}
	if answer.Receipt == nil {
		return nil, errors.New("the answer to a command has no receipt")
	}
	return answer.Receipt, nil
}

// failed shows the form again after a call that did not get through, with everything typed; what no form can help with is an error.
func (f *filling) failed(err error) (templ.Component, error) {
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated:
		f.troubles = append(f.troubles, trouble{kind: "bad", text: f.text("登录已过期。填的都在:请在新窗口登录,再回到这里按一次。",
			"You are signed out. What you typed is still here: sign in in a new window, come back and press again."), href: f.href("/sign-in/"), linkText: f.text("登录", "Sign in")})
		return f.page(http.StatusUnauthorized)
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted:
		if refusal := rpc.RefusalOf(err); refusal != nil {
			f.troubles = append(f.troubles, trouble{kind: "bad", text: f.say(words{refusal.SentenceZh, refusal.SentenceEn})})
			return f.page(httpStatus(connect.CodeOf(err)))
		}
	}
	return nil, err
}

// refused puts a refusal beside its field, or over the form where it has none.
func (f *filling) refused(r *apiv1.Refusal, message string) {
	text := f.sentence(r, message)
	if r == nil {
		f.troubles = append(f.troubles, trouble{kind: "bad", text: text})
		return
	}
	t := trouble{kind: "bad", text: text}
	if hint, ok := hints[r.Reason]; ok {
		t.text += f.text("", " ") + f.say(hint)
	}
	if r.Reason == "command_id_reused" {
		t.href, t.linkText = f.href(f.path), f.text("开一张新表单", "Begin a new form")
	}
	name := f.control(r.Field)
	for _, path := range reasonFields[r.Reason] {
		if name == "" {
			name = f.where[path]
		}
	}
	if name != "" && t.href == "" {
		f.wrong[f.narrowed(name, r)] = t.text
		return
	}
	f.troubles = append(f.troubles, t)
}

// narrowed is the control of a group whose value the refusal names, where the services name the group alone.
func (f *filling) narrowed(name string, r *apiv1.Refusal) string {
	if d := f.fieldOf(name); d == nil || !d.grouped() {
		return name
	}
	for _, control := range sortedNames(f.values) {
		for _, figure := range r.Figures {
			if typed := strings.TrimSpace(f.values[control]); typed != "" && typed == figure && strings.HasPrefix(control, name+".") {
				return control
			}
		}
	}
	return name
}

// sentence is a refusal in plain words. Where the services name a field of the request, the form says its label.
func (f *filling) sentence(r *apiv1.Refusal, message string) string {
	switch {
	case r == nil:
		return message
	case r.Reason == "field_invalid" || r.Reason == "text_invalid":
		return f.text(cmp.Or(r.Figures["problem_zh"], r.Figures["problem"]), r.Figures["problem"]) + f.text("。", ".")
	}
	text := f.text(r.SentenceZh, r.SentenceEn)
	if f.about == nil || f.lang == english {
		return text
	}
	for _, name := range sortedNames(r.Figures) { // ids become the names that people know
		value := r.Figures[name]
		switch {
		case value == "":
		case name == "account":
			text = strings.ReplaceAll(text, value, f.account(value))
		case name == "fund":
			text = strings.ReplaceAll(text, value, f.fundName(f.about, value))
		case name == "money_account":
			text = strings.ReplaceAll(text, value, f.account("money/"+value))
		case name == "purpose" || name == "kind" || name == "allowed":
			for _, id := range strings.FieldsFunc(value, separates) {
				text = strings.ReplaceAll(text, id, f.term(id))
			}
		case name == "body":
			for _, b := range f.about.Bodies {
				if b.Id == value {
					text = strings.ReplaceAll(text, value, b.Name)
				}
			}
		}
	}
	return text
}

// reasonFields are the fields beside which a refusal stands that names none: the first of them that the form has.
var reasonFields = map[string][]string{
	"fund_overdrawn": {"amount", "pool", "budget", "right_amount", "vouchers"}, "account_overdrawn": {"amount", "pool", "vouchers"}, "tier_missing": {"amount", "pool", "budget", "vouchers"},
	"voucher_unknown": {"vouchers", "reverses", "payment", "receipt", "difference_of", "voucher"}, "voucher_reversed": {"vouchers", "reverses", "payment", "receipt", "difference_of"},
	"voucher_is_reversal": {"vouchers", "reverses", "payment", "receipt", "difference_of"}, "voucher_not_reversible": {"vouchers", "reverses", "payment", "receipt", "difference_of"},
	"voucher_number_invalid": {"vouchers", "reverses", "payment", "receipt", "difference_of"}, "refund_exceeds": {"amount"}, "emergency_cap": {"amount"}, "budget_exceeded": {"applicants", "budget"},
	"resolution_needed": {"resolution_id"}, "resolution_exhausted": {"resolution_id"}, "resolution_lapsed": {"resolution_id"}, "resolution_unconfirmed": {"resolution_id"},
	"resolution_not_passed": {"resolution_id"}, "resolution_other_matter": {"resolution_id"}, "electorate_wrong": {"electorate"}, "votes_wrong": {"votes_for"}, "unbalanced": {"lines"}, "shares_not_one": {"shares"},
}

// control is the name of the control that a field of a refusal is about; empty when the form has none. Services name entries of lists as
// documents[1].number, and the ledger without a place, as items.voucher.
func (f *filling) control(path string) string {
	if path == "" || path == "command_id" || path == "collective_id" {
		return ""
	}
	if name, ok := f.where[path]; ok {
		return name
	}
	plain := withoutPlaces(path)
	names := make([]string, 0, len(f.where))
	for p := range f.where {
		names = append(names, p)
	}
	slices.Sort(names)
	for p := plain; p != ""; {
		for _, candidate := range names {
			if withoutPlaces(candidate) == p {
				return f.where[candidate]
			}
		}
		cut := strings.LastIndexByte(p, '.')
		if cut < 0 {
			break
		}
		p = p[:cut] // documents.number where no row has that control: beside the group
	}
	// A name alone: the ledger says kind where the request has transfers.kind.
	for _, candidate := range names {
		if strings.HasSuffix(withoutPlaces(candidate), "."+plain) {
			return f.where[candidate]
		}
	}
	return ""
}

// withoutPlaces takes the places in lists out of a path: documents[1].number is documents.number.
func withoutPlaces(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		switch r {
		case '[':
			inside = true
		case ']':
			inside = false
		default:
			if !inside {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// requestJSON writes the request. It says whether everything that is needed is there; what is not has a sentence beside it.
// A version other than 0 is the one that the books have to be at.
func (f *filling) requestJSON(version uint64) (text string, complete bool) {
	request := f.requested()
	if version > 0 && !f.form.apart {
		request["expected_version"] = fmt.Sprint(version)
	}
	return written(request), len(f.wrong) == 0
}

// requested is the request as it is filled in.
func (f *filling) requested() map[string]any {
	request := map[string]any{"command_id": f.values["command_id"]}
	if !f.form.apart {
		request["collective_id"] = f.collective()
		if f.about.SimulatedClock {
			if at, ok := f.moment(); ok {
				request[momentName] = at
			}
		}
	}
	for path, value := range f.form.fixed {
		put(request, path, value)
	}
	f.build(f.form.fields, "", "", request)
	return request
}

func written(request map[string]any) string {
	b, err := json.Marshal(request)
	if err != nil {
		panic("web: a request is not JSON: " + err.Error()) // maps, lists, texts and truths alone
	}
	return string(b)
}

// put writes a value at a path whose parts are joined by points.
func put(into map[string]any, path string, value any) {
	for {
		head, rest, more := strings.Cut(path, ".")
		if !more {
			into[head] = value
			return
		}
		inner, ok := into[head].(map[string]any)
		if !ok {
			inner = map[string]any{}
			into[head] = inner
		}
		into, path = inner, rest
	}
}

// today is the day in the collective's zone; for a demonstration, whose clock stands still, the day its form says or its last record's.
func (f *filling) today() string {
	if f.about == nil {
		return f.site.config.Clock().UTC().Format(time.DateOnly)
	}
	zone, err := time.LoadLocation(f.about.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	if f.about.SimulatedClock {
		if at, err := time.Parse(time.RFC3339, f.values[momentName]); err == nil {
			return at.In(zone).Format(time.DateOnly)
		}
		if day := normalDay(f.values[momentName]); isDay(day) {
			return day
		}
		if at, err := time.Parse(time.RFC3339, f.lastRecord(f.ctx)); err == nil {
			return at.In(zone).Format(time.DateOnly)
		}
	}
	return f.site.config.Clock().In(zone).Format(time.DateOnly)
}

// momentName is the control that a demonstration's forms have more: the day on which the command is given.
const momentName = "simulated_at"

// moment is the time a command of a demonstration is given at; none: that of the last record.
func (f *filling) moment() (string, bool) {
	text := strings.TrimSpace(f.values[momentName])
	f.where[momentName] = momentName
	if text == "" {
		return "", false
	}
	if _, err := time.Parse(time.RFC3339, text); err == nil {
		return text, true
	}
	day := normalDay(text)
	zone, err := time.LoadLocation(f.about.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	at, err := time.ParseInLocation(time.DateOnly, day, zone)
	if err != nil {
		return text, true // the services say what is wrong with it
	}
	if last, err := time.Parse(time.RFC3339, f.lastRecord(f.ctx)); err == nil && last.In(zone).Format(time.DateOnly) == day {
		return "", false
	}
	return at.Add(9 * time.Hour).Format(time.RFC3339), true
}

// lastRecord is when the newest event was stored; empty for callers who may not read the log of actions.
func (f *filling) lastRecord(ctx context.Context) string {
	if f.last == "" {
		f.last = "-"
		answer, err := f.site.audit.ListEvents(ctx, &apiv1.ListEventsRequest{CollectiveId: f.collective(), Descending: true, PageSize: 1})
		if err == nil && len(answer.Events) > 0 {
			f.last = answer.Events[0].RecordedAt
		}
	}
	return f.last
}

// outcomeQuery is what the page of an outcome is told. Whatever it says is only looked up again.
func outcomeQuery(r *apiv1.Receipt) url.Values {
	q := url.Values{"id": {r.CommandId}, "version": {fmt.Sprint(r.Version)}}
	for _, v := range r.Vouchers {
		q.Add("voucher", v.Number)
	}
	add := func(name string, number uint32) {
		if number > 0 {
			q.Set(name, fmt.Sprint(number))
		}
	}
	add("request", r.RequestNumber)
	add("rule", r.RuleVersion)
	add("file", r.File)
	add("hold", r.Hold)
	add("objection", r.Objection)
	add("edition", r.Edition)
	add("erasure", r.Erasure)
	add("payees", uint32(min(len(r.Payees), 1<<20)))
	if r.Passed != nil {
		q.Set("passed", fmt.Sprint(*r.Passed))
	}
	if r.Pin != "" {
		q.Set("pin", r.Pin)
	}
	return q
}
