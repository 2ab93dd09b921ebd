package ledger_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

var update = flag.Bool("update", false, "write the frozen encodings that are missing; what is there is never written again")

const frozenDir = "testdata/events/v1"

// TestFrozenEncodings reads one stored event of every type ever released, compares it with what it meant then, and folds it
// onto the events that stood before it. It never asks for equal bytes when an event is encoded again.
func TestFrozenEncodings(t *testing.T) {
	if *update {
		freeze(t)
	}
	stream := readStream(t)
	for _, name := range ledger.TypeNames() {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(frozenDir, name+".binpb"))
			if err != nil {
				t.Fatalf("a fact without a frozen encoding; run go test ./ledger -run Frozen -update: %v", err)
			}
			peek := new(eventv1.Event)
			if err := proto.Unmarshal(data, peek); err != nil {
				t.Fatal(err)
			}
			e, err := ledger.Decode(eventstore.Event{Stream: "frozen", Version: peek.Version, Type: name, Data: data})
			if err != nil {
				t.Fatal(err)
			}
			golden, err := os.ReadFile(filepath.Join(frozenDir, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if got := eventJSON(t, e); got != string(golden) {
				t.Errorf("it is read as\n%s\nwant\n%s", got, golden)
			}
			s := ledger.NewCollective()
			for _, before := range stream {
				if before.Version >= e.Version || elsewhereTypes[name] {
					break
				}
				s.Evolve(before)
			}
			s.Evolve(e)
			if s.Version() != e.Version {
				t.Errorf("folded to version %d, want %d", s.Version(), e.Version)
			}
		})
	}
	s := ledger.NewCollective()
	for _, e := range stream {
		s.Evolve(e)
	}
	golden, err := os.ReadFile(filepath.Join(frozenDir, "stream.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if got := observe(s, stream); got != string(golden) {
		t.Errorf("the frozen stream folds to\n%s\nwant\n%s", got, golden)
	}
	known := ledger.TypeNames()
	files, err := filepath.Glob(filepath.Join(frozenDir, "*.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".binpb"); name != "stream" && !slices.Contains(known, name) {
			t.Errorf("%s was released and is unknown now", name)
		}
	}
}

// elsewhereTypes are facts of other streams than a collective's.
var elsewhereTypes = map[string]bool{"name_reserved": true, "operator_created": true, "key_issued": true, "key_revoked": true,
	"invitation_issued": true, "password_set": true, "password_removed": true, "passkey_added": true, "passkey_removed": true,
	"identity_linked": true, "identity_unlinked": true, "session_started": true, "session_confirmed": true, "session_ended": true,
	"operator_suspended": true, "operator_reinstated": true,
	"cosignature_added": true, "fork_reported": true, "personal_data_kept": true, "inquiry_text_kept": true}

// eventJSON is an event as indented JSON, always spaced the same way.
func eventJSON(t *testing.T, e *eventv1.Event) string {
	compact, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

// observe tells what anybody can ask of a collective.
func observe(s *ledger.Collective, stream []*eventv1.Event) string {
	var b strings.Builder
	last := ledger.DayOf(s.LastRecorded(), s.Zone())
	members, households := s.Members(last)
	fmt.Fprintf(&b, "version %d\nlast %v\nclosed %v\nfirst open day %v\nmembers %d in %d\n", s.Version(), last, s.ClosedThrough(), s.FirstOpenDay(), members, households)
	accounts := map[string]bool{}
	for _, v := range lt.Vouchers(stream) {
		for _, p := range v.Postings {
			accounts[p.Account] = true
		}
	}
	names := make([]string, 0, len(accounts))
	for a := range accounts {
		names = append(names, a)
	}
	slices.Sort(names)
	for _, a := range names {
		fmt.Fprintf(&b, "%s %v\n", a, s.Balance(ledger.Account(a), last))
	}
	for _, operator := range []string{lt.Admin, lt.Treasurer, lt.Approver, lt.Supervisor, "cashier"} {
		fmt.Fprintf(&b, "%s %v\n", operator, s.Roles(operator))
	}
	return b.String()
}

// readStream reads the frozen stream: events one after another, each behind its length as a varint.
func readStream(t *testing.T) (out []*eventv1.Event) {
	data, err := os.ReadFile(filepath.Join(frozenDir, "stream.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		event := data[n : n+int(size)]
		data = data[n+int(size):]
		e := new(eventv1.Event)
		if err := proto.Unmarshal(event, e); err != nil {
			t.Fatal(err)
		}
		e, err := ledger.Decode(eventstore.Event{Stream: "frozen", Version: uint64(len(out)) + 1, Type: ledger.TypeName(e), Data: event})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// freeze writes what is missing. A type that joins later is frozen from the stream of its day: its file alone is new, and
// the stream file stays as it is unless it is deleted by hand.
func freeze(t *testing.T) {
	b := everyFact(t)
	var stream []byte
	missing := map[string]*eventv1.Event{}
	for _, e := range append(b.Events, otherFacts()...) {
		if name := ledger.TypeName(e); missing[name] == nil {
			missing[name] = e
		}
	}
	for _, e := range b.Events {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		stream = append(binary.AppendUvarint(stream, uint64(len(stored.Data))), stored.Data...)
	}
	for name, e := range missing {
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		writeOnce(t, name+".binpb", stored.Data)
		writeOnce(t, name+".json", []byte(eventJSON(t, e)))
	}
	writeOnce(t, "stream.binpb", stream)
	writeOnce(t, "stream.golden", []byte(observe(b.State, b.Events)))
}

func writeOnce(t *testing.T, name string, data []byte) {
	f, err := os.OpenFile(filepath.Join(frozenDir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
}

// otherFacts are one fact of each type that stands in another stream.
func otherFacts() []*eventv1.Event {
	id := lt.CommandID(1)
	event := func(e *eventv1.Event) *eventv1.Event {
		e.Version, e.RecordedAt, e.Actor, e.CommandId = 7, lt.Noon("2020-03-01").UnixMicro(), lt.Admin, id[:]
		return e
	}
	return []*eventv1.Event{
		event(&eventv1.Event{Fact: &eventv1.Event_NameReserved{NameReserved: &eventv1.NameReserved{CollectiveId: lt.LiminbaID}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_OperatorCreated{OperatorCreated: &eventv1.OperatorCreated{Id: lt.Treasurer, DisplayName: "会计", Admin: true}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_KeyIssued{KeyIssued: &eventv1.KeyIssued{Operator: lt.Treasurer, KeyId: "abcdefgh23456789", SecretSha256: lt.Minutes("key"), ExpiresAt: lt.Noon("2021-03-01").UnixMicro()}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_KeyRevoked{KeyRevoked: &eventv1.KeyRevoked{KeyId: "abcdefgh23456789"}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_InvitationIssued{InvitationIssued: &eventv1.InvitationIssued{Operator: lt.Treasurer, SecretSha256: lt.Minutes("secret"), ExpiresAt: lt.Noon("2020-03-08").UnixMicro()}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_PasswordSet{PasswordSet: &eventv1.PasswordSet{Operator: lt.Treasurer,
			Hash: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_PasswordRemoved{PasswordRemoved: &eventv1.PasswordRemoved{Operator: lt.Treasurer}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_PasskeyAdded{PasskeyAdded: &eventv1.PasskeyAdded{Operator: lt.Treasurer, CredentialId: lt.Minutes("credential"), PublicKey: lt.Minutes("public"),
			Name: "手机", Flags: 0x5d, SignCount: 3, Transports: []string{"internal", "hybrid"}, Aaguid: lt.Minutes("model")[:16]}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_PasskeyRemoved{PasskeyRemoved: &eventv1.PasskeyRemoved{CredentialId: lt.Minutes("credential")}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_IdentityLinked{IdentityLinked: &eventv1.IdentityLinked{Operator: lt.Treasurer, Issuer: "https://id.example", Subject: "248289761001"}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_IdentityUnlinked{IdentityUnlinked: &eventv1.IdentityUnlinked{Issuer: "https://id.example", Subject: "248289761001"}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_SessionStarted{SessionStarted: &eventv1.SessionStarted{Operator: lt.Treasurer, KeyId: "abcdefgh23456789", SecretSha256: lt.Minutes("session"),
			ExpiresAt: lt.Noon("2020-03-02").UnixMicro(), Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSKEY, CredentialId: lt.Minutes("credential"), SignCount: 4}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_SessionConfirmed{SessionConfirmed: &eventv1.SessionConfirmed{KeyId: "abcdefgh23456789", Method: eventv1.SignInMethod_SIGN_IN_METHOD_PASSWORD,
			CredentialId: lt.Minutes("credential"), SignCount: 5}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_SessionEnded{SessionEnded: &eventv1.SessionEnded{KeyId: "abcdefgh23456789"}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_OperatorSuspended{OperatorSuspended: &eventv1.OperatorSuspended{Operator: lt.Treasurer}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_OperatorReinstated{OperatorReinstated: &eventv1.OperatorReinstated{Operator: lt.Treasurer}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_CosignatureAdded{CosignatureAdded: &eventv1.CosignatureAdded{Size: 40, Root: lt.Minutes("root"), Key: lt.WitnessKey("first"),
			SignedAt: lt.Noon("2020-04-02").Unix(), Signature: append(lt.Minutes("r"), lt.Minutes("s")...)}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_ForkReported{ForkReported: &eventv1.ForkReported{First: []byte("first\n"), Second: []byte("second\n")}}}),
		event(&eventv1.Event{Fact: &eventv1.Event_PersonalDataKept{PersonalDataKept: keptFact()}}),
		event(&eventv1.Event{Fact: &eventv1.Event_InquiryTextKept{InquiryTextKept: &eventv1.InquiryTextKept{CollectiveId: lt.LiminbaID, Salt: bytes.Repeat([]byte{9}, 32), Text: "屋顶为什么修了两次?"}}}),
	}
}

// everyFact runs a small collective through one fact of every type.
func everyFact(t *testing.T) *lt.Books {
	b := lt.New(t)
	do := func(date, actor string, commands ...ledger.Command) {
		t.Helper()
		for _, c := range commands {
			b.Do(date, actor, c)
		}
	}
	resolve := func(date, id string, matter eventv1.Matter, fund, authority string) {
		t.Helper()
		b.Resolve(date, id, matter, "household_heads", fund, authority)
	}
	charter := lt.Charter()
	charter.PublicLog, charter.HorizonDays = eventv1.PublicLog_PUBLIC_LOG_FULL, 3
	charter.Funds[3].Restricted = false
	do("2020-03-01", lt.Admin, &ledger.FoundCollective{Charter: charter})
	for _, s := range lt.Demonstration()[1:5] {
		do(s.Date, s.Actor, s.Command)
	}
	do("2020-03-01", lt.Admin, &ledger.GrantRole{Operator: "cashier", Role: eventv1.Role_ROLE_CASHIER}, &ledger.GrantRole{Operator: "board", Role: eventv1.Role_ROLE_BOARD},
		&ledger.RevokeRole{Operator: "board", Role: eventv1.Role_ROLE_BOARD})
	do("2020-03-02", lt.Treasurer, &ledger.OpenMoneyAccount{ID: "cash", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_CASH, Text: "现金"},
		&ledger.EnrolMembers{Group: "group-1", Joined: 20200302, Members: []uint32{1, 2, 3, 300}, Households: []uint32{1, 1, 2, 3}},
		&ledger.DepartMembers{Left: 20200302, Members: []uint32{300}},
		&ledger.ProposeOpening{On: 20200302, Lines: []ledger.OpeningLine{{Account: "money/bank", Amount: 10_000_00}, {Account: "receivable/rent", Amount: 500_00},
			{Account: "fund/reserve", Amount: -6_000_00}, {Account: "fund/welfare", Amount: -4_500_00}}})
	do("2020-03-02", lt.Supervisor, &ledger.ConfirmOpening{})
	resolve("2020-03-03", "microfund", eventv1.Matter_MATTER_CHARTER, "", "")
	do("2020-03-03", lt.Approver, &ledger.OpenFund{Fund: &eventv1.Fund{Id: "education", Name: "教育基金", Purposes: []string{"books"}, Restricted: true}, Resolution: "microfund"})
	resolve("2020-03-03", "policy-v1", eventv1.Matter_MATTER_POLICY, "", "")
	do("2020-03-03", lt.Approver, &ledger.AdoptPolicy{Effective: 20200301, Kinds: []string{"rent", "interest"}, Shares: lt.Shares("2/3", "0.1", "0.1", "rest"), Resolution: "policy-v1"})
	resolve("2020-03-03", "spending-rule", eventv1.Matter_MATTER_SPENDING_RULE, "", "")
	do("2020-03-03", lt.Approver, &ledger.AdoptSpendingRule{Resolution: "spending-rule", Tiers: []*eventv1.Tier{
		{Operation: eventv1.Operation_OPERATION_PAYMENT, Fund: "maintenance", Purpose: "repair", FromFen: 1, Approvals: 1, Review: true, ResolutionBody: "household_heads"},
		{Operation: eventv1.Operation_OPERATION_TRANSFER, Approvals: 1}, {Operation: eventv1.Operation_OPERATION_DIVIDEND},
		{Operation: eventv1.Operation_OPERATION_GRANT_ROUND, Approvals: 1, Review: true}}})
	do("2020-03-04", lt.Treasurer, lt.Rent("2020-03-04", "2,000.00"),
		&ledger.ReceiveDeposit{Kind: "lease", Amount: 300_00, On: 20200304, Money: "cash", Payer: "party/lessee", Narration: "押金"},
		&ledger.ReceiveGift{Fund: "education", Amount: 80_00, On: 20200304, Money: "bank", Donor: "org/商会", Narration: "捐书"},
		&ledger.MoveMoney{From: "bank", To: "cash", Amount: 50_00, On: 20200304, Narration: "提取现金"})
	resolve("2020-03-05", "repair", eventv1.Matter_MATTER_PAYMENT, "maintenance", "200.00")
	pay := &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: 120_00, Payee: "member/2", Narration: "修水管", Resolution: "repair",
		Documents: []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: "A 1", Total: 500_00, SHA256: lt.Minutes("invoice"), MediaType: "image/jpeg", Size: 12345}}}
	do("2020-03-05", lt.Treasurer, pay)
	do("2020-03-05", lt.Supervisor, &ledger.ReviewRequest{Number: 1})
	do("2020-03-05", lt.Approver, &ledger.ApproveRequest{Number: 1})
	do("2020-03-05", "cashier", &ledger.SettlePayment{Number: 1, On: 20200305, Money: "cash"})
	again := *pay
	again.Amount, again.Documents = 10_00, nil
	do("2020-03-05", lt.Treasurer, &again)
	do("2020-03-05", lt.Supervisor, &ledger.RejectRequest{Number: 2, Why: "没有报价"})
	do("2020-03-05", lt.Treasurer, &again, &ledger.WithdrawRequest{Number: 3})
	resolve("2020-03-06", "move", eventv1.Matter_MATTER_TRANSFER, "reserve", "100.00")
	do("2020-03-06", lt.Treasurer, &ledger.RequestTransfer{From: "reserve", To: "maintenance", Amount: 100_00, Narration: "调剂", Resolution: "move"})
	do("2020-03-06", lt.Approver, &ledger.ApproveRequest{Number: 4})
	do("2020-03-06", lt.Treasurer, &ledger.BookTransfer{Number: 4, On: 20200306})
	fix := reverses("收2020-1")
	fix.Narration = "金额写错"
	fix.Replacements = []ledger.Replacement{{Corrects: fix.Reverses[0], Inflow: &ledger.Inflow{As: eventv1.InflowKind_INFLOW_KIND_INCOME, Kind: "rent", Amount: 2_100_00, Money: "bank", Payer: "party/lessee", Narration: "租金"}}}
	do("2020-03-06", lt.Treasurer, fix)
	do("2020-03-07", lt.Treasurer, &ledger.OpenGrantRound{Round: "relief-1", Title: "救助", Fund: "welfare", Purpose: "relief", Budget: 900_00},
		&ledger.AddApplicants{Round: "relief-1", Members: []uint32{1, 3}, Amounts: []ledger.Fen{500_00, 300_00}})
	do("2020-03-07", lt.Supervisor, &ledger.ReviewGrantRound{Round: "relief-1"})
	do("2020-03-07", lt.Treasurer, &ledger.PublishGrantNotice{Round: "relief-1", From: 20200308, To: 20200314})
	do("2020-03-15", lt.Approver, &ledger.AwardGrants{Round: "relief-1", On: 20200315})
	do("2020-03-15", lt.Treasurer, &ledger.PayGrant{Round: "relief-1", Member: 1, On: 20200315, Money: "bank"})
	do("2020-03-16", lt.Approver, &ledger.CancelGrant{Round: "relief-1", Member: 3, On: 20200316})
	resolve("2020-03-20", "dividend", eventv1.Matter_MATTER_DIVIDEND, "dividend", "1,000.00")
	do("2020-03-20", lt.Treasurer, &ledger.RequestDividend{Run: "2020", Fund: "dividend", Pool: 1_000_00, RecordDate: 20200320, Resolution: "dividend", Narration: "分红",
		Method: eventv1.DividendMethod_DIVIDEND_METHOD_EXACT})
	do("2020-03-20", lt.Approver, &ledger.DeclareDividend{Number: 5, On: 20200320})
	do("2020-03-20", lt.Treasurer, &ledger.SendDividendFile{Run: "2020", Money: "bank"},
		&ledger.RecordDividendResults{Run: "2020", File: 1, On: 20200321, Failed: []uint32{2}})
	resolve("2020-03-21", "shares", eventv1.Matter_MATTER_CHARTER, "", "")
	do("2020-03-21", lt.Treasurer, &ledger.RecordReturnedDividend{Run: "2020", Payees: []uint32{1, 3}, On: 20200321, Money: "cash"},
		&ledger.SetShares{Effective: 20200401, Members: []uint32{2, 3}, Shares: []uint64{10, 1_000_000_000}, Resolution: "shares"},
		&ledger.ReadmitMembers{Members: []uint32{300}})
	do("2020-03-21", lt.Approver, &ledger.HoldPayee{Payee: 3, Household: true, Kind: eventv1.HoldKind_HOLD_KIND_COURT, Benefit: eventv1.Benefit_BENEFIT_DIVIDEND, Until: 20201231, Reason: "法院冻结"},
		&ledger.ReleaseHold{Hold: 1})
	do("2020-04-01", lt.Treasurer, &ledger.ClosePeriod{Month: 202003})
	roundFacts(b)
	outsideFacts(b)
	payCost(b, "2020-05-11", "40.00")
	do("2020-05-11", lt.Treasurer, &ledger.BookTrueUp{Year: 2020, On: 20200511, Narration: "年终清算"})
	witnessFacts(b)
	rotateKeys(b)
	publishedFacts(b)
	peopleFacts(b)
	inquiryFacts(b)
	return b
}
