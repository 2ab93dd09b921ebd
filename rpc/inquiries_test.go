package rpc_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// What an invented resident asks; it names a person, as such texts do.
const (
	askedText    = "欧阳晓枫家的租金为什么\n少了两千元?"
	askedWording = "市场租金为什么少了两千元?"
)

const (
	questioned  = "收2021-1"
	lineKind    = apiv1.InquiryKind_INQUIRY_KIND_LINE
	topicKind   = apiv1.InquiryKind_INQUIRY_KIND_TOPIC
	isExplained = apiv1.InquiryOutcome_INQUIRY_OUTCOME_EXPLAINED
)

// questioning is an open village with one voucher that may be asked about.
func questioning(t *testing.T) *village {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("96000.00"))
	return v
}

func asking(command string) *apiv1.RaiseInquiryRequest {
	return &apiv1.RaiseInquiryRequest{CommandId: command, CollectiveId: "lmb", Kind: lineKind, Voucher: questioned, Text: askedText}
}

func (v *village) raise(as string, r *apiv1.RaiseInquiryRequest) *apiv1.Receipt {
	v.t.Helper()
	return v.must(as, r).(*apiv1.RaiseInquiryResponse).Receipt
}

func (v *village) inquiries(r *apiv1.ListInquiriesRequest) *apiv1.ListInquiriesResponse {
	v.t.Helper()
	r.CollectiveId = "lmb"
	return v.must("", r).(*apiv1.ListInquiriesResponse)
}

// reasonIs holds a call to the reason of its refusal.
func (v *village) reasonIs(as string, r proto.Message, want ledger.Reason) *apiv1.Refusal {
	v.t.Helper()
	_, err := v.inProcess(as, r)
	refusal := rpc.RefusalOf(err)
	if refusal.GetReason() != string(want) {
		v.t.Errorf("%T as %q: %v, want %s", r, as, err, want)
	}
	return refusal
}

// wantUnasked checks that neither the log of the server nor a stored event, not even of the vault's neighbours, has what was asked.
func (v *village) wantUnasked() {
	v.t.Helper()
	clean := func(where string, data []byte) {
		for _, part := range []string{"晓枫", "少了两千元?\n", "家的租金"} {
			if bytes.Contains(data, []byte(part)) {
				v.t.Errorf("%s has what was asked in it: %q", where, data)
			}
		}
	}
	clean("the log of the server", v.logs.Bytes())
	for e, err := range v.store.ReadAll(v.t.Context(), 0) {
		fatalIf(v.t, err)
		clean("event "+e.Type, e.Data)
	}
}

// TestInquiryFromTheBoard (M22): somebody without a key asks over HTTP about a line, follows its clock, and the answer stands beside it.
func TestInquiryFromTheBoard(t *testing.T) {
	v := questioning(t)
	answer := v.post("", disclosure+"RaiseInquiry", jsonOf(t, asking(id())))
	var raised struct{ Receipt map[string]any }
	if err := json.Unmarshal([]byte(answer.body), &raised); err != nil || answer.status != 200 || raised.Receipt["inquiry"] != 1.0 || raised.Receipt["inquiryDueOn"] != "2021-10-10" {
		t.Fatalf("raised: %d %s", answer.status, answer.body)
	}
	v.wantUnasked()
	show := func(day string) *apiv1.Inquiry {
		return v.inquiries(&apiv1.ListInquiriesRequest{Voucher: questioned, AsOf: day}).Inquiries[0]
	}
	if q := show(""); q.State != "received" || q.Kind != lineKind || q.Voucher != questioned || q.ReceivedOn != "2021-09-30" || q.DaysLeft != 10 || q.Overdue || q.Wording != "" {
		t.Errorf("received is %v", q)
	}
	v.now = v.now.AddDate(0, 0, 10)
	if q := show(""); q.Overdue || q.DaysLeft != 0 {
		t.Errorf("on day 10 it is %v", q)
	}
	v.now = v.now.AddDate(0, 0, 1)
	if q := show(""); !q.Overdue || q.DaysLeft != -1 {
		t.Errorf("on day 11 it is %v", q)
	}
	if q := show("2021-10-10"); q.Overdue {
		t.Errorf("on day 11, as of day 10, it is %v", q)
	}

	answered := &apiv1.AnswerInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Text: "合同写明九月减免。", Outcome: isExplained}
	v.reasonIs("treasurer", answered, ledger.InquiryUnread)
	v.reasonIs("treasurer", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 1}, ledger.RoleMissing)
	read := v.must("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 1}).(*apiv1.ReadInquiryResponse)
	if read.Text != askedText || read.AskedBy != "" || read.Inquiry.Number != 1 {
		t.Errorf("the supervisor reads %v", read)
	}
	if !strings.Contains(v.logs.String(), "the text of an inquiry was read") || !strings.Contains(v.logs.String(), "operator=supervisor") {
		t.Errorf("nobody noted who looked: %s", v.logs)
	}
	v.must("supervisor", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Wording: askedWording})
	before := v.inquiries(&apiv1.ListInquiriesRequest{})
	v.must("treasurer", answered)
	q := show("")
	if q.State != "answered" || q.Overdue || q.DaysLeft != 0 || q.Wording != askedWording || !q.Reworded || q.ReadOn != "2021-10-11" ||
		len(q.Answers) != 1 || q.Answers[0].Text != answered.Text || q.Answers[0].Outcome != isExplained || q.Answers[0].AnsweredOn != "2021-10-11" {
		t.Errorf("answered is %v", q)
	}
	then := v.inquiries(&apiv1.ListInquiriesRequest{AsKnownAt: fmt.Sprint(before.Version)})
	if then.Inquiries[0].State != "published" || then.Counts.Overdue != 1 || then.Counts.Published != 1 || then.Day != "2021-10-11" || len(then.Inquiries[0].Answers) != 0 {
		t.Errorf("as known before the answer: %v", then)
	}
	if now := v.inquiries(&apiv1.ListInquiriesRequest{Open: true}); len(now.Inquiries) != 0 || now.Counts.Total != 1 || now.Counts.Answered != 1 {
		t.Errorf("open are %v", now)
	}
	vouchers := v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb"}).(*apiv1.ListReceiptsAndPaymentsResponse).Vouchers
	if len(vouchers) != 1 || len(vouchers[0].Inquiries) != 1 || vouchers[0].Inquiries[0] != 1 {
		t.Errorf("the line is %v", vouchers)
	}
	v.wantUnasked()
}

// TestInquiryOpening: whoever asked can prove what he asked, by the rule in docs/people.md and nothing of this program.
func TestInquiryOpening(t *testing.T) {
	v := questioning(t)
	o := v.raise("", asking(id())).InquiryOpening
	salt, err := hex.DecodeString(o.Salt)
	fatalIf(t, err)
	if o.Text != askedText || o.Commitment != handMadeCommitment(o.Origin, o.RecordId, string(salt), o.Text) {
		t.Errorf("the opening is %v", o)
	}
	if q := v.inquiries(&apiv1.ListInquiriesRequest{Number: 1}).Inquiries[0]; q.Commitment != o.Commitment || q.RecordId != o.RecordId {
		t.Errorf("the books are committed to %s of %s", q.Commitment, q.RecordId)
	}
	if again := v.raise("", asking(id())).InquiryOpening; again.Salt == o.Salt || again.Commitment == o.Commitment {
		t.Error("the same text twice has one commitment: it could be guessed")
	}
}

// TestInquiryAskedTwice: a double tap gives the first answer and its opening; another text under the same id is refused.
func TestInquiryAskedTwice(t *testing.T) {
	v := questioning(t)
	command := id()
	first, again := v.raise("", asking(command)), v.raise("", asking(command))
	if !proto.Equal(first, again) || first.InquiryOpening.GetText() != askedText {
		t.Errorf("the same command: %v, then %v", first, again)
	}
	other := asking(command)
	other.Text = "别的"
	v.reasonIs("", other, ledger.CommandIDReused)
	other = asking(command)
	other.Kind, other.Voucher = topicKind, ""
	v.reasonIs("", other, ledger.CommandIDReused)
	if streams, _ := v.persons.List(t.Context()); len(streams) != 1 {
		t.Errorf("%d texts are kept, want 1", len(streams))
	}
	v.must("supervisor", &apiv1.DeclineInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Reason: apiv1.DeclineReason_DECLINE_REASON_PERSONAL_DATA})
	v.now = v.now.Add(people.InquiryKeptFor)
	if late := v.raise("", asking(command)); late.Inquiry != 1 || late.InquiryOpening != nil {
		t.Errorf("the same command after the text went: %v", late)
	}
	v.reasonIs("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 1}, "inquiry_text_gone")
	v.reasonIs("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 2}, ledger.InquiryUnknown)
	q := v.inquiries(&apiv1.ListInquiriesRequest{}).Inquiries[0]
	if q.State != "declined" || q.DeclineReason != apiv1.DeclineReason_DECLINE_REASON_PERSONAL_DATA || q.Overdue || q.Wording != "" {
		t.Errorf("declined is %v", q)
	}
}

// TestInquiryRefused: what is not well formed is refused without its words, and leaves nothing behind.
func TestInquiryRefused(t *testing.T) {
	v := questioning(t)
	for name, c := range map[string]struct {
		change func(*apiv1.RaiseInquiryRequest)
		want   ledger.Reason
	}{
		"blank":                {func(r *apiv1.RaiseInquiryRequest) { r.Text = " \n" }, ledger.FieldInvalid},
		"empty":                {func(r *apiv1.RaiseInquiryRequest) { r.Text = "" }, ledger.FieldInvalid},
		"long":                 {func(r *apiv1.RaiseInquiryRequest) { r.Text = strings.Repeat("晓枫", 251) }, ledger.FieldInvalid},
		"control character":    {func(r *apiv1.RaiseInquiryRequest) { r.Text = "晓枫\u202e" }, ledger.FieldInvalid},
		"no such voucher":      {func(r *apiv1.RaiseInquiryRequest) { r.Voucher = "收2021-9" }, ledger.VoucherUnknown},
		"no voucher number":    {func(r *apiv1.RaiseInquiryRequest) { r.Voucher = "第九号" }, ledger.VoucherNumberInvalid},
		"no kind":              {func(r *apiv1.RaiseInquiryRequest) { r.Kind = 0 }, ledger.FieldInvalid},
		"no such village":      {func(r *apiv1.RaiseInquiryRequest) { r.CollectiveId = "nowhere" }, ledger.CollectiveUnknown},
		"a stranger's wording": {func(r *apiv1.RaiseInquiryRequest) { r.Wording = "为什么?" }, ledger.RoleMissing},
		"a moved clock":        {func(r *apiv1.RaiseInquiryRequest) { r.SimulatedAt = "2030-01-01T00:00:00Z" }, ledger.ClockNotSimulated},
	} {
		r := asking(id())
		c.change(r)
		if refusal := v.reasonIs("", r, c.want); strings.Contains(fmt.Sprint(refusal), "晓枫") {
			t.Errorf("%s: the refusal has what was asked: %v", name, refusal)
		}
	}
	if bad := v.post("", disclosure+"RaiseInquiry", `{"text":"晓枫","text":"晓枫"}`); bad.status != 400 || strings.Contains(bad.body, "晓枫") {
		t.Errorf("what is no request: %d %s", bad.status, bad.body)
	}
	if streams, _ := v.persons.List(t.Context()); len(streams) != 0 {
		t.Errorf("refused commands left %v", streams)
	}
	v.config.People = nil
	v.server = rpc.New(v.config)
	v.reasonIs("", asking(id()), "personal_data_not_kept")
	v.reasonIs("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 1}, "personal_data_not_kept")
}

// TestWordingNamesNobody: a known name stays out of wording and answer, and may stand in what is asked.
func TestWordingNamesNobody(t *testing.T) {
	v, _ := peopled(t)
	v.must("treasurer", income("96000.00"))
	v.raise("", asking(id()))
	v.reasonIs("supervisor", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Wording: personName + "家的租金"}, "text_names_person")
	at := asking(id())
	at.Wording = "问问" + personName
	v.reasonIs("supervisor", at, "text_names_person")
	v.reasonIs("", at, ledger.RoleMissing) // who may not publish does not learn whose name is known
	v.must("supervisor", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Wording: askedWording})
	v.reasonIs("approver", &apiv1.AnswerInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 1, Text: personName + "减免了", Outcome: isExplained}, "text_names_person")
}

// TestSupervisorPublishesAtOnce, and a wording that is what was asked is not called reworded, however its lines are broken.
func TestSupervisorPublishesAtOnce(t *testing.T) {
	v := questioning(t)
	r := &apiv1.RaiseInquiryRequest{CommandId: id(), CollectiveId: "lmb", Kind: topicKind, Text: "请公开\n市场的租约", Wording: "请公开 市场的租约"}
	if receipt := v.raise("supervisor", r); strings.Join(receipt.Facts, " ") != "inquiry_received inquiry_published" || receipt.Inquiry != 1 || receipt.InquiryOpening.GetText() != r.Text {
		t.Errorf("asked and published: %v", receipt)
	}
	v.raise("", asking(id()))
	v.raise("", asking(id()))
	v.must("supervisor", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 2, Wording: "欧阳晓枫家的租金为什么 少了两千元?"})
	// The same by lines of a batch, where the inquiry is not stored yet when its publication is read.
	apply := &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{
		lineOf(t, "RaiseInquiry", "", asking(id())),
		lineOf(t, "PublishInquiry", "", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 4, Wording: strings.ReplaceAll(askedText, "\n", " ")}),
		lineOf(t, "PublishInquiry", "", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 3, Wording: askedWording}),
	}}
	preview := v.must("supervisor", &apiv1.PreviewApplyRequest{Lines: apply.Lines}).(*apiv1.PreviewApplyResponse)
	for i, result := range preview.Results {
		if result.Code != "" || result.Receipt.InquiryOpening != nil {
			t.Errorf("preview of line %d: %v", i+1, result)
		}
	}
	for i, result := range v.must("supervisor", apply).(*apiv1.ApplyResponse).Results {
		if result.Code != "" || strings.Contains(result.ResponseJson, "inquiryOpening") != (i == 0) {
			t.Errorf("line %d: %v", i+1, result)
		}
	}
	for i, want := range []bool{false, false, true, false} {
		if q := v.inquiries(&apiv1.ListInquiriesRequest{}).Inquiries[i]; q.State != "published" || q.Reworded != want {
			t.Errorf("inquiry %d is %v", i+1, q)
		}
	}
}

// TestLostTextIsEvidenceLost: a text that is not there, or is another than the books are committed to, is not shown as one that was deleted.
func TestLostTextIsEvidenceLost(t *testing.T) {
	v := questioning(t)
	o := v.raise("", asking(id())).InquiryOpening
	stream := people.InquiryStream(uuid.MustParse(o.RecordId))
	fatalIf(t, v.persons.Delete(t.Context(), stream))
	v.reasonIs("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 1}, "inquiry_text_missing")
	lost, kept, err := v.vault.LostInquiries(t.Context(), "lmb")
	if err != nil || kept != 0 || len(lost) != 1 || lost[0].Number != 1 {
		t.Errorf("lost are %v, %d kept, %v", lost, kept, err)
	}
	forged := uuid.MustParse(v.raise("", asking(id())).InquiryOpening.RecordId)
	v.vault = people.NewVault(eventstore.NewMemory(), v.config.Ledger, people.Options{Clock: v.config.Clock, Logger: v.config.Logger})
	v.config.People = v.vault
	v.server = rpc.New(v.config) // with a vault in which somebody wrote what he liked
	_, text := people.NewInquiry("lmb", "什么都没问")
	fatalIf(t, v.vault.KeepInquiry(t.Context(), forged, text, ledger.Meta{ID: uuid.New(), Actor: "x"}))
	v.reasonIs("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 2}, "inquiry_text_missing")
	// It can be published all the same, as a wording that nobody could compare.
	v.must("supervisor", &apiv1.PublishInquiryRequest{CommandId: id(), CollectiveId: "lmb", Inquiry: 2, Wording: "什么都没问"})
	if q := v.inquiries(&apiv1.ListInquiriesRequest{Number: 2}).Inquiries[0]; !q.Reworded {
		t.Errorf("a wording of what nobody can read is %v", q)
	}
}

// TestAskingTooOften: an address asks three at once and five an hour, told apart from others, and only a trusted proxy speaks for others.
func TestAskingTooOften(t *testing.T) {
	v := questioning(t)
	ask := func(headers ...string) reply {
		return v.post("", disclosure+"RaiseInquiry", jsonOf(t, asking(id())), headers...)
	}
	for n := range 3 {
		if answer := ask("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n)); answer.status != 200 {
			t.Fatalf("inquiry %d: %d %s", n+1, answer.status, answer.body)
		}
	}
	over := ask("X-Forwarded-For", "203.0.113.9") // nobody is told to trust it
	if code, reason := over.refusal(); code != "resource_exhausted" || reason != "too_often" || !strings.Contains(over.body, "12") {
		t.Errorf("the fourth: %s", over.body)
	}
	if answer := v.post("stranger", disclosure+"RaiseInquiry", jsonOf(t, asking(id()))); answer.status != 200 {
		t.Errorf("with a key: %d %s", answer.status, answer.body)
	}
	v.now = v.now.Add(12 * time.Minute)
	if answer := ask(); answer.status != 200 {
		t.Errorf("12 minutes later: %d %s", answer.status, answer.body)
	}
	if answer := ask(); answer.status == 200 {
		t.Error("two of them, 12 minutes later")
	}

	v.config.TrustProxy, v.config.Asking = true, rpc.Asking{EveryHour: 1, Burst: 1, Addresses: 2}
	v.server = rpc.New(v.config)
	v.listen()
	for _, c := range []struct {
		forwarded string
		passes    bool
	}{
		{"203.0.113.1", true},
		{"198.51.100.7, 203.0.113.1", false}, // what stands before the proxy's own entry is the caller's own invention
		{"2001:db8:1:2::1", true},
		{"2001:db8:1:2:ffff::9", false}, // the same line, another device
		{"2001:db8:1:3::1", true},       // there is no room for it: it gets the share of all the others
		{"203.0.113.77", false},
	} {
		if answer := ask("X-Forwarded-For", c.forwarded); (answer.status == 200) != c.passes {
			t.Errorf("from %s: %d %s", c.forwarded, answer.status, answer.body)
		}
	}
	v.now = v.now.Add(time.Hour)
	if answer := ask("X-Forwarded-For", "203.0.113.77"); answer.status != 200 {
		t.Errorf("an hour later there is room: %d %s", answer.status, answer.body)
	}
}

// TestAskingFromAPage: the pages say on whose behalf they call in process; over HTTP nobody can.
func TestAskingFromAPage(t *testing.T) {
	v := questioning(t)
	v.config.Asking = rpc.Asking{EveryHour: 1, Burst: 1}
	v.server = rpc.New(v.config)
	client := v.disclosure()
	for _, c := range []struct {
		address string
		passes  bool
	}{{"203.0.113.1:5000", true}, {"203.0.113.1:6000", false}, {"[2001:db8::1]:80", true}, {"2001:db8::2", false}, {"", true}, {"", true}} {
		_, err := client.RaiseInquiry(rpc.FromAddress(t.Context(), c.address), asking(id()))
		if reason := reasonOf(err); (reason == "") != c.passes || !c.passes && reason != "too_often" {
			t.Errorf("from %q: %v", c.address, err)
		}
	}
	moved := asking(id())
	moved.SimulatedAt = "2030-01-01T00:00:00Z"
	if _, err := client.RaiseInquiry(rpc.FromAddress(t.Context(), "203.0.113.9"), moved); reasonOf(err) != "unauthenticated" {
		t.Errorf("a visitor moves the clock: %v", err)
	}
}

// TestInquiryFactsHaveNoActor: what a stranger asks is recorded without anybody's name, what an operator asks with his.
func TestInquiryFactsHaveNoActor(t *testing.T) {
	v := questioning(t)
	v.raise("", asking(id()))
	v.raise("stranger", asking(id()))
	var actors []string
	for stored, err := range v.store.Read(t.Context(), ledger.StreamOf("lmb"), 0) {
		fatalIf(t, err)
		e, err := ledger.Decode(stored)
		fatalIf(t, err)
		if f, ok := e.Fact.(*eventv1.Event_InquiryReceived); ok {
			actors = append(actors, fmt.Sprintf("%d:%s", f.InquiryReceived.Number, e.Actor))
		}
	}
	if strings.Join(actors, " ") != "1: 2:stranger" {
		t.Errorf("asked have %v", actors)
	}
	if read := v.must("supervisor", &apiv1.ReadInquiryRequest{CollectiveId: "lmb", Inquiry: 2}).(*apiv1.ReadInquiryResponse); read.AskedBy != "stranger" {
		t.Errorf("asked by %q", read.AskedBy)
	}
}

// handMadeCommitment is docs/people.md in other words.
func handMadeCommitment(origin, record, salt, text string) string {
	b := "\x00mingzhang/commit@v1\n" + salt
	for _, s := range []string{origin + "/" + record, "inquiry", text} {
		n := len(s)
		b += string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + s
	}
	sum := sha256.Sum256([]byte(b))
	return hex.EncodeToString(sum[:])
}

func (v *village) disclosure() apiv1connect.DisclosureServiceClient {
	return apiv1connect.NewDisclosureServiceClient(connect.NewClient(v.server.InProcess()))
}
