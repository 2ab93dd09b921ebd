package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// The values of an invented person, none of which may show where it should not.
const (
	personName    = "欧阳晓枫"
	personIDNo    = "11010519491231002X"
	personPhone   = "13800001234"
	personBank    = "6200000000004321"
	personAddress = "青石村七组十二号"
	personReason  = "房屋漏雨申请补助"
)

var personValues = []string{personName, personIDNo, personPhone, personBank, personAddress, personReason}

const registry = "/mingzhang.api.v1.RegistryService/"

// peopled is an open village with member 17, of whom everything is kept; record is its id.
func peopled(t *testing.T) (v *village, record string) {
	v = newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", &apiv1.EnrolMembersRequest{CommandId: id(), CollectiveId: "lmb", Group: "group-1", JoinedOn: "2021-09-01",
		Members: []uint32{1017, 1018}, Households: []uint32{1017, 1017}})
	return v, v.must("treasurer", keeping(id())).(*apiv1.KeepPersonalDataResponse).Receipt.RecordId
}

func keeping(command string) *apiv1.KeepPersonalDataRequest {
	return &apiv1.KeepPersonalDataRequest{CommandId: command, CollectiveId: "lmb", Member: 1017, Name: "  " + personName + " ", IdNo: strings.ToLower(personIDNo),
		Phone: personPhone, BankAccount: personBank, Address: personAddress, Reason: personReason}
}

func (v *village) listed(as, reason string) *apiv1.PersonalRecord {
	v.t.Helper()
	records := v.must(as, &apiv1.ListPersonalDataRequest{CollectiveId: "lmb", Member: 1017, Reason: reason}).(*apiv1.ListPersonalDataResponse).Records
	if len(records) != 1 {
		v.t.Fatalf("%d records, want 1", len(records))
	}
	return records[0]
}

// shown writes what a list shows of a record: its state and mask, and each field with its state.
func shown(r *apiv1.PersonalRecord) string {
	short := func(s apiv1.PersonalDataState) string {
		return strings.ToLower(strings.TrimPrefix(s.String(), "PERSONAL_DATA_STATE_"))
	}
	words := []string{short(r.State), r.Mask}
	for _, f := range r.Fields {
		words = append(words, people.FieldName(eventv1.PersonalField(f.Field))+"="+short(f.State)+":"+f.Masked)
	}
	return strings.Join(words, " ")
}

// wantClean checks that bytes have none of the values in them.
func wantClean(t testing.TB, where string, data []byte) {
	t.Helper()
	for _, value := range personValues {
		if bytes.Contains(data, []byte(value)) || bytes.Contains(data, []byte(strings.ToLower(value))) {
			t.Errorf("%s has %s in it", where, value)
		}
	}
}

func (v *village) wantCleanLog() {
	v.t.Helper()
	wantClean(v.t, "the log of the server", v.logs.Bytes())
	for e, err := range v.store.ReadAll(context.Background(), 0) {
		if err != nil {
			v.t.Fatal(err)
		}
		wantClean(v.t, "event "+e.Type, e.Data)
	}
}

// TestKeepPersonalData: one command keeps one record, whenever it is sent; the books have a root and nothing else.
func TestKeepPersonalData(t *testing.T) {
	v, record := peopled(t)
	command := id()
	first := v.must("treasurer", keeping(command)).(*apiv1.KeepPersonalDataResponse)
	again := v.must("treasurer", keeping(command)).(*apiv1.KeepPersonalDataResponse)
	if !proto.Equal(first, again) || first.Receipt.RecordId == record || first.Receipt.RecordId == "" {
		t.Errorf("the same command: %v, then %v", first, again)
	}
	streams, err := v.persons.List(t.Context())
	fatalIf(t, err)
	if len(streams) != 2 {
		t.Errorf("%d records are kept, want 2", len(streams))
	}
	other := keeping(command)
	other.Phone = "13900001234"
	if _, err := v.inProcess("treasurer", other); rpc.RefusalOf(err).GetReason() != string(ledger.CommandIDReused) {
		t.Errorf("the same command with another phone: %v", err)
	}
	for name, change := range map[string]func(*apiv1.KeepPersonalDataRequest){
		"nothing": func(r *apiv1.KeepPersonalDataRequest) {
			*r = apiv1.KeepPersonalDataRequest{CommandId: id(), CollectiveId: "lmb", Member: 1017}
		},
		"unknown member": func(r *apiv1.KeepPersonalDataRequest) { r.Member = 5 },
		"phone":          func(r *apiv1.KeepPersonalDataRequest) { r.Phone = "nobody" },
		"name":           func(r *apiv1.KeepPersonalDataRequest) { r.Name = "a\u0000b" },
		"party":          func(r *apiv1.KeepPersonalDataRequest) { r.Member, r.PartyId = 0, personName },
	} {
		r := keeping(id())
		change(r)
		_, err := v.inProcess("treasurer", r)
		if rpc.RefusalOf(err) == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantClean(t, "the refusal of "+name, []byte(err.Error()))
	}
	if streams, _ := v.persons.List(t.Context()); len(streams) != 2 {
		t.Errorf("refused commands left records: %v", streams)
	}

	// A preview says the same and keeps nothing; a batch keeps.
	line := &apiv1.ApplyLine{Method: "KeepPersonalData", RequestJson: jsonOf(t, keeping(id()))}
	for _, request := range []proto.Message{&apiv1.PreviewRequest{Line: line}, &apiv1.PreviewApplyRequest{Lines: []*apiv1.ApplyLine{line, line}}} {
		if text := jsonOf(t, v.must("treasurer", request)); !strings.Contains(text, "personal_data_committed") {
			t.Errorf("previewed: %s", text)
		}
	}
	if streams, _ := v.persons.List(t.Context()); len(streams) != 2 {
		t.Errorf("a preview left records: %v", streams)
	}
	applied := v.must("treasurer", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line, line}}).(*apiv1.ApplyResponse).Results
	if len(applied) != 2 || applied[0].Code != "" || applied[0].ResponseJson != applied[1].ResponseJson {
		t.Errorf("applied: %v", applied)
	}
	if streams, _ := v.persons.List(t.Context()); len(streams) != 3 {
		t.Errorf("a batch of one command twice: %v", streams)
	}
	v.wantCleanLog()
}

// TestPersonalDataIsMasked: who answers for the books sees masks and last digits, and nobody a value.
func TestPersonalDataIsMasked(t *testing.T) {
	v, _ := peopled(t)
	const want = "kept 欧阳*枫 person=kept:member 1017 name=kept:欧阳*枫 mask=kept:欧阳*枫 id_no=kept:*002X phone=kept:*1234 bank_account=kept:*4321 address=kept:* reason=kept:*"
	for _, as := range []string{"treasurer", "cashier", "approver", "supervisor", "auditor"} {
		r := v.listed(as, "")
		if got := shown(r); got != want {
			t.Errorf("%s sees %s, want %s", as, got, want)
		}
		wantClean(t, "the list", []byte(jsonOf(t, r)))
	}
	v.wantCleanLog()
}

// TestOpenPersonalField: a field in full, with a proof that holds without the server; who read it and why is noted, without the value.
func TestOpenPersonalField(t *testing.T) {
	v, record := peopled(t)
	opening := func(field apiv1.PersonalField, reason string) *apiv1.OpenPersonalFieldRequest {
		return &apiv1.OpenPersonalFieldRequest{CollectiveId: "lmb", RecordId: record, Field: field, Reason: reason}
	}
	answer := v.must("supervisor", opening(apiv1.PersonalField_PERSONAL_FIELD_ID_NO, "核对发放名单")).(*apiv1.OpenPersonalFieldResponse)
	if answer.Value != personIDNo {
		t.Errorf("the value is %q", answer.Value)
	}
	o, err := people.ParseOpening([]byte(answer.Proof))
	fatalIf(t, err)
	p, err := transparency.ParseInclusion(o.Proof)
	fatalIf(t, err)
	fatalIf(t, transparency.CheckInclusion(o.Origin, "personal_data_committed", o.Event, p.Index+1, p.Head, p.Hashes))
	e, err := ledger.Decode(eventstore.Event{Version: p.Index + 1, Type: "personal_data_committed", Data: o.Event})
	fatalIf(t, err)
	fatalIf(t, o.Check(people.Hash(e.GetPersonalDataCommitted().Root)))
	if log := v.logs.String(); !strings.Contains(log, "personal data was read") || !strings.Contains(log, "operator=supervisor") || !strings.Contains(log, "id_no of "+record) || !strings.Contains(log, "核对发放名单") {
		t.Errorf("it was not noted: %s", log)
	}
	for name, c := range map[string]struct {
		as     string
		r      *apiv1.OpenPersonalFieldRequest
		reason string
	}{
		"approver":            {"approver", opening(apiv1.PersonalField_PERSONAL_FIELD_NAME, "想看"), "role_missing"},
		"unknown record":      {"auditor", &apiv1.OpenPersonalFieldRequest{CollectiveId: "lmb", RecordId: id(), Field: 2, Reason: "审计"}, "record_unknown"},
		"a name as reason":    {"auditor", opening(apiv1.PersonalField_PERSONAL_FIELD_NAME, "查 欧阳 晓枫 的账"), "text_names_person"},
		"a number as reason":  {"auditor", opening(apiv1.PersonalField_PERSONAL_FIELD_NAME, "电话 13800001234"), "text_invalid"},
		"a reason not stated": {"auditor", opening(apiv1.PersonalField_PERSONAL_FIELD_NAME, ""), "field_invalid"},
	} {
		if _, err := v.inProcess(c.as, c.r); rpc.RefusalOf(err).GetReason() != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
	v.wantCleanLog()
}

// TestPersonalErasure: restricted, then a field erased, then everything; each time the rest is as it was, and the name may be written
// again when nobody is to know it any more.
func TestPersonalErasure(t *testing.T) {
	v, record := peopled(t)
	request := func(kind apiv1.ErasureKind, fields ...apiv1.PersonalField) {
		t.Helper()
		r := v.must("treasurer", &apiv1.RequestErasureRequest{CommandId: id(), CollectiveId: "lmb", Kind: kind, Basis: apiv1.ErasureBasis_ERASURE_BASIS_ORDER, RecordIds: []string{record}, Fields: fields}).(*apiv1.RequestErasureResponse)
		v.must("approver", &apiv1.ApproveErasureRequest{CommandId: id(), CollectiveId: "lmb", Erasure: r.Receipt.Erasure})
	}
	open := func(as string, field apiv1.PersonalField) string {
		answer, err := v.inProcess(as, &apiv1.OpenPersonalFieldRequest{CollectiveId: "lmb", RecordId: record, Field: field, Reason: "核对"})
		if err != nil {
			return rpc.RefusalOf(err).GetReason()
		}
		return answer.(*apiv1.OpenPersonalFieldResponse).Value
	}
	const name, bank = apiv1.PersonalField_PERSONAL_FIELD_NAME, apiv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT

	request(apiv1.ErasureKind_ERASURE_KIND_RESTRICT, bank)
	for as, want := range map[string]string{"treasurer": "personal_data_restricted", "auditor": personBank} {
		if got := open(as, bank); got != want {
			t.Errorf("restricted, %s sees %s, want %s", as, got, want)
		}
	}
	for as, want := range map[string]string{"treasurer": "bank_account=restricted: ", "auditor": "bank_account=restricted:*4321 "} {
		if got := shown(v.listed(as, "例行审计")); !strings.Contains(got, want) {
			t.Errorf("restricted, %s sees %s, want %s", as, got, want)
		}
	}
	if got := shown(v.listed("auditor", "")); !strings.Contains(got, "bank_account=restricted: ") {
		t.Errorf("an auditor who states no reason sees %s", got)
	}

	before := open("auditor", name)
	request(apiv1.ErasureKind_ERASURE_KIND_ERASE, apiv1.PersonalField_PERSONAL_FIELD_ID_NO, bank)
	if got := shown(v.listed("treasurer", "")); !strings.Contains(got, "id_no=erased: ") || !strings.Contains(got, "bank_account=erased: ") || !strings.Contains(got, "phone=kept:*1234") {
		t.Errorf("after two fields were erased: %s", got)
	}
	if got := open("auditor", bank); got != "personal_data_erased" || before != personName || open("treasurer", name) != personName {
		t.Errorf("the bank account is %s, the name was %s and is %s", got, before, open("treasurer", name))
	}
	for e, err := range v.persons.ReadAll(t.Context(), 0) {
		fatalIf(t, err)
		if bytes.Contains(e.Data, []byte(personIDNo)) || bytes.Contains(e.Data, []byte(personBank)) {
			t.Errorf("%s has erased values still", e.Stream)
		}
	}

	paying := &apiv1.RecordIncomeRequest{CommandId: id(), CollectiveId: "lmb", Kind: "rent", Amount: "1.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Payer: "org/a", Narration: personName + "交租"}
	if _, err := v.inProcess("treasurer", paying); rpc.RefusalOf(err).GetReason() != "text_names_person" {
		t.Errorf("a narration with the name: %v", err)
	}
	request(apiv1.ErasureKind_ERASURE_KIND_ERASE)
	if got := shown(v.listed("auditor", "例行审计")); strings.Count(got, "=erased:") != 8 || !strings.HasPrefix(got, "erased  ") {
		t.Errorf("after everything was erased: %s", got)
	}
	if got := open("auditor", name); got != "personal_data_erased" {
		t.Errorf("the name is %s", got)
	}
	if events, _ := v.persons.List(t.Context()); len(events) != 2 || !events[0].Deleted || !events[1].Deleted {
		t.Errorf("the streams are %v", events)
	}
	erasures := v.must("supervisor", &apiv1.ListErasuresRequest{CollectiveId: "lmb"}).(*apiv1.ListErasuresResponse).Erasures
	if len(erasures) != 3 || !erasures[2].CarriedOut || erasures[2].State != "approved" || erasures[2].RequestedBy != "treasurer" || erasures[2].DecidedBy != "approver" || len(erasures[2].Fields) != 0 {
		t.Errorf("the erasures are %v", erasures)
	}
	if _, err := v.inProcess("treasurer", paying); err != nil {
		t.Errorf("nobody knows the name any more, and it may not be written: %v", err)
	}
}

// TestErasureInABatch: a batch that approves an erasure has carried it out when it answers; a preview of it carries out nothing.
func TestErasureInABatch(t *testing.T) {
	v, record := peopled(t)
	number := v.must("treasurer", &apiv1.RequestErasureRequest{CommandId: id(), CollectiveId: "lmb", Kind: 2, Basis: 5, RecordIds: []string{record}}).(*apiv1.RequestErasureResponse).Receipt.Erasure
	line := &apiv1.ApplyLine{Method: "ApproveErasure", RequestJson: jsonOf(t, &apiv1.ApproveErasureRequest{CommandId: id(), CollectiveId: "lmb", Erasure: number})}
	here := func() bool {
		for e, err := range v.persons.ReadAll(t.Context(), 0) {
			fatalIf(t, err)
			if bytes.Contains(e.Data, []byte(personName)) {
				return true
			}
		}
		return false
	}
	v.must("approver", &apiv1.PreviewApplyRequest{Lines: []*apiv1.ApplyLine{line}})
	if !here() {
		t.Error("a preview has erased it")
	}
	v.must("approver", &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}})
	if here() {
		t.Error("it is there after the batch was answered")
	}
}

// TestNamesStayOutOfPublicText: in no text of no command, in whatever way it is written, given at once or in a batch; and the refusal
// neither says the name nor tells those who could not give the command that there is one.
func TestNamesStayOutOfPublicText(t *testing.T) {
	v, _ := peopled(t)
	spaced := "付 欧 阳-晓·枫 工钱"
	requests := map[string]struct {
		as string
		r  proto.Message
	}{
		"narration":  {"treasurer", &apiv1.RecordIncomeRequest{CommandId: id(), CollectiveId: "lmb", Kind: "rent", Amount: "1.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Payer: "org/a", Narration: spaced}},
		"party":      {"treasurer", &apiv1.RecordIncomeRequest{CommandId: id(), CollectiveId: "lmb", Kind: "rent", Amount: "1.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Payer: "org/" + personName + "商店"}},
		"title":      {"approver", &apiv1.RecordResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "r-1", Title: "关于" + personName, Body: "heads", DecidedOn: "2021-09-10", MinutesSha256: strings.Repeat("ab", 32), Matter: 1}},
		"reason":     {"approver", &apiv1.HoldPayeeRequest{CommandId: id(), CollectiveId: "lmb", Payee: 1017, Kind: apiv1.HoldKind_HOLD_KIND_COURT, Reason: personName}},
		"deep":       {"treasurer", &apiv1.RequestCorrectionRequest{CommandId: id(), CollectiveId: "lmb", Reverses: []string{"收2021-1"}, Narration: "改", Replacements: []*apiv1.Replacement{{Corrects: "收2021-1", Order: &apiv1.Replacement_Inflow{Inflow: &apiv1.Inflow{Inflow: 1, Kind: "rent", Amount: "1.00", MoneyAccount: "bank", Payer: "org/a", Narration: spaced}}}}}},
		"round":      {"treasurer", &apiv1.OpenGrantRoundRequest{CommandId: id(), CollectiveId: "lmb", RoundId: "relief", Title: personName + "救助", Fund: "welfare", Purpose: "relief", Budget: "1.00"}},
		"account":    {"treasurer", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "lmb", MoneyAccount: "other", Kind: 1, Name: personName + "代管"}},
		"full width": {"treasurer", &apiv1.MoveMoneyRequest{CommandId: id(), CollectiveId: "lmb", From: "bank", To: "cash", Amount: "1.00", OccurredOn: "2021-09-10", Narration: "給歐阳,欧阳　晓枫"}},
	}
	for name, c := range requests {
		_, err := v.inProcess(c.as, c.r)
		refusal := rpc.RefusalOf(err)
		if refusal.GetReason() != "text_names_person" || refusal.GetField() == "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantClean(t, "the refusal of "+name, []byte(err.Error()))
		line := &apiv1.ApplyLine{Method: string(methodOf(c.r).Name()), RequestJson: jsonOf(t, c.r)}
		for _, batch := range []proto.Message{&apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}}, &apiv1.PreviewRequest{Line: line}, &apiv1.PreviewApplyRequest{Lines: []*apiv1.ApplyLine{line}}} {
			if text := jsonOf(t, v.must(c.as, batch)); !strings.Contains(text, "text_names_person") || strings.Contains(text, personName) {
				t.Errorf("%s in %T: %s", name, batch, text)
			}
		}
		if _, err := v.inProcess("stranger", c.r); rpc.RefusalOf(err).GetReason() != "role_missing" {
			t.Errorf("%s tells a stranger: %v", name, err)
		}
	}
	v.wantCleanLog()

	// What was accepted before the name was known is answered again.
	early := &apiv1.RecordIncomeRequest{CommandId: id(), CollectiveId: "lmb", Kind: "rent", Amount: "1.00", OccurredOn: "2021-09-10", MoneyAccount: "bank", Payer: "org/a", Narration: "慕容远山交租"}
	first := v.must("treasurer", early)
	v.must("treasurer", &apiv1.KeepPersonalDataRequest{CommandId: id(), CollectiveId: "lmb", Member: 1018, Name: "慕容远山"})
	if again := v.must("treasurer", early); !proto.Equal(first, again) {
		t.Errorf("the first answer was %v, now %v", first, again)
	}
}

// TestPersonalErrorsQuoteNothing: whatever is wrong with a request that has personal values in it, neither the answer nor the log of the
// server repeats one.
func TestPersonalErrorsQuoteNothing(t *testing.T) {
	v, _ := peopled(t)
	body := jsonOf(t, keeping(id()))
	with := func(field string, value any) string {
		var m map[string]any
		fatalIf(t, json.Unmarshal([]byte(body), &m))
		m[field] = value
		b, err := json.Marshal(m)
		fatalIf(t, err)
		return string(b)
	}
	for name, text := range map[string]string{
		"unknown field":    with(personName, 1),
		"a number as name": strings.Replace(body, `"  `+personName, personPhone+`,"x":"`, 1),
		"bare name":        strings.Replace(body, `"  `+personName+` "`, personName, 1),
		"cut off":          body[:len(body)-8],
		"wrong type":       with("name", []string{personName}),
		"too long":         with("name", strings.Repeat(personName, 20)),
		"wrong phone":      with("phone", personName),
		"member":           with("member", personPhone),
		"round":            with("roundId", personName),
		"command":          with("commandId", personName),
		"collective":       with("collectiveId", personName),
		"time":             with("simulatedAt", personName),
	} {
		for _, as := range []string{"treasurer", "stranger"} {
			reply := v.post(as, registry+"KeepPersonalData", text)
			if reply.status == 200 {
				t.Errorf("%s is accepted", name)
			}
			wantClean(t, name+" by "+as, []byte(reply.body))
			line := &apiv1.ApplyLine{Method: "KeepPersonalData", RequestJson: text}
			answer := v.must(as, &apiv1.ApplyRequest{Lines: []*apiv1.ApplyLine{line}}).(*apiv1.ApplyResponse)
			wantClean(t, name+" in a batch by "+as, []byte(jsonOf(t, answer)))
		}
	}
	v.wantCleanLog()
}

// TestPartyThatNamesItself: the id of a party says nothing of the person; one that is the name that is kept with it, or that is known, or a
// number of the person, would stand in the log for ever.
func TestPartyThatNamesItself(t *testing.T) {
	v, _ := peopled(t)
	keep := func(party, name string) *apiv1.KeepPersonalDataRequest {
		return &apiv1.KeepPersonalDataRequest{CommandId: id(), CollectiveId: "lmb", PartyId: party, Name: name}
	}
	v.must("treasurer", keep("lessee-7", "Willa Brandt"))
	for name, r := range map[string]*apiv1.KeepPersonalDataRequest{
		"its own name": keep("ottilie-kern", "Ottilie Kern"), "the name of another": keep("lessee-willa-brandt", "Ottilie Kern"),
	} {
		_, err := v.inProcess("treasurer", r)
		if refusal := rpc.RefusalOf(err); refusal.GetReason() != "text_names_person" || refusal.GetField() != "party_id" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, number := range []string{"13800138000", "lessee-13800138000", "11010519491231002x"} {
		if _, err := v.inProcess("treasurer", keep(number, "Ottilie Kern")); rpc.RefusalOf(err).GetReason() != string(ledger.TextInvalid) {
			t.Errorf("%s: %v", number, err)
		}
	}
	v.must("treasurer", keep("lessee-8", "Ottilie Kern"))
}

// TestMasksOnTheBoard: everybody sees who was paid by the mask, until it is restricted; who paid is not shown.
func TestMasksOnTheBoard(t *testing.T) {
	v, record := peopled(t)
	paying := income("98000.00")
	paying.Payer = "member/1017"
	v.must("treasurer", paying)
	asked := v.must("treasurer", &apiv1.RequestPaymentRequest{CommandId: id(), CollectiveId: "lmb", Fund: "maintenance", Purpose: "upkeep", Amount: "1200.00", Payee: "member/1017",
		Narration: "修路", MoneyAccount: "bank"}).(*apiv1.RequestPaymentResponse).Receipt
	v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, Digest: asked.RequestDigest})
	v.must("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, Digest: asked.RequestDigest})
	v.must("cashier", &apiv1.SettlePaymentRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, OccurredOn: "2021-09-30", MoneyAccount: "bank"})
	shown := func() string {
		t.Helper()
		answer := v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb", Ascending: true}).(*apiv1.ListReceiptsAndPaymentsResponse)
		return answer.Notes[0].Counterparty + "|" + answer.Notes[1].Counterparty + "|" + v.must("", &apiv1.GetLineRequest{CollectiveId: "lmb", Voucher: "P2021-1"}).(*apiv1.GetLineResponse).Note.Counterparty
	}
	if got := shown(); got != "|欧阳*枫|欧阳*枫" {
		t.Errorf("the board shows %q", got)
	}
	fetched := v.send("GET", "", getURL(t, &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb", AsKnownAt: "9"}), nil)
	if caching := fetched.header.Get("Cache-Control"); fetched.status != 200 || strings.Contains(caching, "immutable") {
		t.Errorf("an answer with masks may be kept: %d %s", fetched.status, caching)
	}
	wantClean(t, "the board", []byte(v.post("", disclosure+"ListReceiptsAndPayments", `{"collectiveId":"lmb"}`).body))
	r := v.must("treasurer", &apiv1.RequestErasureRequest{CommandId: id(), CollectiveId: "lmb", Kind: apiv1.ErasureKind_ERASURE_KIND_RESTRICT, Basis: apiv1.ErasureBasis_ERASURE_BASIS_PURPOSE_MET,
		RecordIds: []string{record}, Fields: []apiv1.PersonalField{apiv1.PersonalField_PERSONAL_FIELD_MASK}}).(*apiv1.RequestErasureResponse)
	v.must("approver", &apiv1.ApproveErasureRequest{CommandId: id(), CollectiveId: "lmb", Erasure: r.Receipt.Erasure})
	if got := shown(); got != "||" {
		t.Errorf("once the mask is restricted the board shows %q", got)
	}
}
