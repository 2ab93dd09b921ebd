package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

const (
	books      = "/mingzhang.api.v1.BooksService/"
	audit      = "/mingzhang.api.v1.AuditService/"
	disclosure = "/mingzhang.api.v1.DisclosureService/"
)

func jsonOf(t testing.TB, m proto.Message) string {
	t.Helper()
	b, err := protojson.Marshal(m)
	fatalIf(t, err)
	return string(b)
}

// TestRepeatedCommandGetsTheSameReceipt, over either way, byte for byte.
func TestRepeatedCommandGetsTheSameReceipt(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	req := income("98000.00")
	first := v.must("treasurer", req).(*apiv1.RecordIncomeResponse)
	v.now = v.now.Add(time.Hour)
	again := v.must("treasurer", req)
	if !proto.Equal(first, again) {
		t.Errorf("in process: %v, first %v", again, first)
	}
	overHTTP := new(apiv1.RecordIncomeResponse)
	reply := v.post("treasurer", books+"RecordIncome", jsonOf(t, req))
	fatalIf(t, protojson.Unmarshal([]byte(reply.body), overHTTP))
	if !proto.Equal(first, overHTTP) {
		t.Errorf("over HTTP: %v, first %v", overHTTP, first)
	}
	voucher := first.Receipt.Vouchers[0]
	if voucher.Number != "收2021-1" || voucher.Amount != "98000.00" || len(voucher.Postings) != 5 || voucher.Postings[1].Amount != "-68600.00" {
		t.Errorf("voucher %v", voucher)
	}
	if !slices.Equal(first.Receipt.Facts, []string{"income_recorded"}) || first.Receipt.RecordedAt != "2021-09-30T10:00:00.000000Z" {
		t.Errorf("receipt %v", first.Receipt)
	}
	other := proto.Clone(req).(*apiv1.RecordIncomeRequest)
	other.Amount = "97999.99"
	if _, err := v.inProcess("treasurer", other); reasonOf(err) != ledger.CommandIDReused || connect.CodeOf(err) != connect.CodeAlreadyExists {
		t.Errorf("the id with other content: %v", err)
	}
}

// TestPaymentFromRequestToPaper follows a payment through every hand, and the receipts that each step needs of the last.
func TestPaymentFromRequestToPaper(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	asked := v.must("treasurer", &apiv1.RequestPaymentRequest{
		CommandId: id(), CollectiveId: "lmb", Fund: "welfare", Purpose: "hardship", Amount: "1200.00", Payee: "party/p-17", Narration: "困难补助",
	}).(*apiv1.RequestPaymentResponse).Receipt
	if asked.RequestNumber != 1 || len(asked.RequestDigest) != 64 {
		t.Fatalf("receipt %v", asked)
	}
	approve := func(digest string) error {
		_, err := v.inProcess("approver", &apiv1.ApproveRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, Digest: digest})
		return err
	}
	v.must("supervisor", &apiv1.ReviewRequestRequest{CommandId: id(), CollectiveId: "lmb", RequestNumber: 1})
	if err := approve(strings.Repeat("0", 64)); reasonOf(err) != ledger.RequestChanged {
		t.Errorf("approval of something else: %v", err)
	}
	fatalIf(t, approve(asked.RequestDigest))
	settled := v.must("cashier", &apiv1.SettlePaymentRequest{
		CommandId: id(), CollectiveId: "lmb", RequestNumber: 1, OccurredOn: "2021-09-30", MoneyAccount: "bank",
	}).(*apiv1.SettlePaymentResponse).Receipt
	if settled.RequestNumber != 1 || settled.Vouchers[0].Number != "付2021-1" || settled.Vouchers[0].Party != "party/p-17" {
		t.Errorf("receipt %v", settled)
	}
	list := v.must("cashier", &apiv1.ListRequestsRequest{CollectiveId: "lmb"}).(*apiv1.ListRequestsResponse)
	if q := list.Requests[0]; q.State != "settled" || q.Vouchers[0] != "付2021-1" || q.ReviewedBy != "supervisor" || !slices.Equal(q.ApprovedBy, []string{"approver"}) {
		t.Errorf("request %v", q)
	}
	read := v.must("cashier", &apiv1.GetVoucherRequest{CollectiveId: "lmb", Number: "P2021-1"}).(*apiv1.GetVoucherResponse)
	if read.Voucher.Actor != "cashier" || read.Voucher.Party != "party/p-17" || read.Version != settled.Version {
		t.Errorf("voucher %v", read)
	}
}

// TestPublicReadsNameNobody reads everything that is public as everybody and looks for what must not be there.
func TestPublicReadsNameNobody(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	in := income("98000.00")
	in.Payer = "party/secret-payer"
	v.must("treasurer", in)
	v.must("treasurer", &apiv1.RequestPaymentRequest{
		CommandId: id(), CollectiveId: "lmb", Fund: "welfare", Purpose: "hardship", Amount: "200.00", Payee: "party/secret-payee", MoneyAccount: "bank",
	})
	v.everythingPublic()
	for _, m := range reads(true) {
		if m.Parent().Name() != "DisclosureService" {
			continue
		}
		public := v.post("", procedure(m), jsonOf(t, wellFormed(t, m.Input())))
		for _, secret := range []string{"secret", "treasurer", in.Documents[0].Number, `"party"`, `"documents"`, `"actor"`} {
			if strings.Contains(public.body, secret) {
				t.Errorf("%s shows %s: %s", m.Name(), secret, public.body)
			}
		}
		if public.status != 200 {
			t.Errorf("%s: %d %s", m.Name(), public.status, public.body)
		}
		if with := v.post("treasurer", procedure(m), jsonOf(t, wellFormed(t, m.Input()))); !sameJSON(with.body, public.body) {
			t.Errorf("%s differs with a key: %s, %s", m.Name(), with.body, public.body)
		}
	}
	if all := v.post("auditor", audit+"ListVouchers", `{"collectiveId":"lmb"}`); !strings.Contains(all.body, "secret-payer") || !strings.Contains(all.body, in.Documents[0].Number) {
		t.Errorf("the auditor does not see all: %s", all.body)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// TestReadsReflectTheirMoment: as_known_at by version, day and time; as_of; min_version; and the version of every answer.
func TestReadsReflectTheirMoment(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	before := v.must("auditor", &apiv1.GetBalancesRequest{CollectiveId: "lmb"}).(*apiv1.GetBalancesResponse).Version
	first := v.must("treasurer", income("100.00")).(*apiv1.RecordIncomeResponse).Receipt
	v.now = time.Date(2021, 10, 1, 15, 59, 59, 0, time.UTC) // 23:59:59 in Shanghai
	second := v.must("treasurer", income("10.00")).(*apiv1.RecordIncomeResponse).Receipt
	v.now = v.now.Add(time.Second)
	late := income("1.00")
	late.OccurredOn = "2021-10-02"
	third := v.must("treasurer", late).(*apiv1.RecordIncomeResponse).Receipt
	for _, c := range []struct {
		asOf, knownAt string
		want          string
		version       uint64
	}{
		{"", "", "111.00", third.Version},
		{"", fmt.Sprint(second.Version), "110.00", second.Version},
		{"", fmt.Sprint(first.Version), "100.00", first.Version},
		{"", fmt.Sprint(before), "0.00", before},
		{"", "0", "0.00", 0},
		{"", "2021-09-29", "0.00", 0},
		{"", "2021-10-01", "110.00", second.Version},
		{"", "2021-10-02", "111.00", third.Version},
		{"", "2021-10-01T23:59:59+08:00", "110.00", second.Version},
		{"", "2021-10-01T15:59:58Z", "100.00", first.Version},
		{"2021-10-01", "", "110.00", third.Version},
		{"2021-09-09", "", "0.00", third.Version},
	} {
		got, err := v.inProcess("auditor", &apiv1.GetBalancesRequest{CollectiveId: "lmb", Account: "money/bank", AsOf: c.asOf, AsKnownAt: c.knownAt})
		fatalIf(t, err)
		answer := got.(*apiv1.GetBalancesResponse)
		if answer.Balances[0].Balance != c.want || answer.Version != c.version {
			t.Errorf("as of %q known at %q: %v, want %s at %d", c.asOf, c.knownAt, answer, c.want, c.version)
		}
	}
	for what, req := range map[string]*apiv1.GetBalancesRequest{
		"min_version": {CollectiveId: "lmb", MinVersion: third.Version + 1},
		"as_known_at": {CollectiveId: "lmb", AsKnownAt: fmt.Sprint(third.Version + 1)},
	} {
		if _, err := v.inProcess("auditor", req); reasonOf(err) != ledger.VersionStale || connect.CodeOf(err) != connect.CodeAborted {
			t.Errorf("%s beyond the books: %v", what, err)
		}
	}
	for _, bad := range []string{"yesterday", "2021-10-01T23:59:59", "-1", "99999999999999999999", "２０"} {
		if _, err := v.inProcess("auditor", &apiv1.GetBalancesRequest{CollectiveId: "lmb", AsKnownAt: bad}); reasonOf(err) != "as_known_at_invalid" {
			t.Errorf("as_known_at %q: %v", bad, err)
		}
	}
}

// TestPagesFitTogether: pages of any size give every voucher once, though more are booked in between, and a token serves its
// own query alone.
func TestPagesFitTogether(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for i := range 25 {
		v.must("treasurer", income(fmt.Sprintf("%d.00", i+1)))
	}
	var numbers []string
	req := &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 7}
	for pages := 1; ; pages++ {
		page := v.must("auditor", req).(*apiv1.ListVouchersResponse)
		for _, voucher := range page.Vouchers {
			numbers = append(numbers, voucher.Number)
		}
		v.must("treasurer", income("1.00")) // never shows: the list stays at its version
		if req.PageToken = page.NextPageToken; req.PageToken == "" {
			if pages != 4 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(numbers) != 25 || numbers[0] != "收2021-1" || numbers[24] != "收2021-25" {
		t.Errorf("vouchers %v", numbers)
	}
	token := v.must("auditor", &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 7}).(*apiv1.ListVouchersResponse).NextPageToken
	v.must("auditor", &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 9, PageToken: token})
	for what, other := range map[string]proto.Message{
		"another filter":     &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 7, PageToken: token, Class: "receipt"},
		"another order":      &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 7, PageToken: token, Descending: true},
		"another list":       &apiv1.ListRequestsRequest{CollectiveId: "lmb", PageSize: 7, PageToken: token},
		"a token made up":    &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageToken: "AAAA"},
		"a token cut short":  &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageSize: 7, PageToken: token[:len(token)-8]},
		"no base64 at all":   &apiv1.ListVouchersRequest{CollectiveId: "lmb", PageToken: "???"},
		"a list of registry": &apiv1.ListCollectivesRequest{PageToken: token},
	} {
		if _, err := v.inProcess("auditor", other); reasonOf(err) != "page_token_invalid" {
			t.Errorf("%s: %v", what, err)
		}
	}
	var ids []string
	list := &apiv1.ListCollectivesRequest{PageSize: 1}
	for range 2 {
		page := v.must("", list).(*apiv1.ListCollectivesResponse)
		ids = append(ids, page.Collectives[0].Id)
		list.PageToken = page.NextPageToken
	}
	if !slices.Equal(ids, []string{"far", "lmb"}) || list.PageToken != "" {
		t.Errorf("collectives %v, next %q", ids, list.PageToken)
	}
}

// TestPublicGetIsCached: a public read by GET carries a tag, a client that has it gets 304, and nothing private is kept.
func TestPublicGetIsCached(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	get := disclosure + "GetFundStatement?encoding=json&message=" + url.QueryEscape(`{"collectiveId":"lmb"}`)
	first := v.send(http.MethodGet, "", get, nil)
	tag := first.header.Get("Etag")
	if first.status != 200 || !strings.HasPrefix(first.header.Get("Cache-Control"), "public") || tag == "" {
		t.Fatalf("%d %v %s", first.status, first.header, first.body)
	}
	if again := v.send(http.MethodGet, "", get, nil, "If-None-Match", `W/"x", `+tag); again.status != 304 || again.body != "" {
		t.Errorf("the same again: %d %s", again.status, again.body)
	}
	v.must("treasurer", income("1.00"))
	if changed := v.send(http.MethodGet, "", get, nil, "If-None-Match", tag); changed.status != 200 || changed.header.Get("Etag") == tag {
		t.Errorf("after a change: %d %v", changed.status, changed.header)
	}
	private := v.send(http.MethodGet, "auditor", audit+"GetBalances?encoding=json&message="+url.QueryEscape(`{"collectiveId":"lmb"}`), nil)
	if private.status != 200 || private.header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("a private read: %d %v", private.status, private.header)
	}
	if command := v.send(http.MethodGet, "treasurer", books+"RecordIncome?encoding=json&message=%7B%7D", nil); command.status != 405 {
		t.Errorf("a command by GET: %d", command.status)
	}
}

// TestEveryProtocol makes a call, a refusal and a stream by Connect, gRPC and gRPC-Web, in protobuf and JSON.
func TestEveryProtocol(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: h2}
	defer transport.CloseIdleConnections()
	v.http = &http.Client{Transport: transport}
	for name, options := range map[string][]connecthttp.Option{
		"Connect":       nil,
		"Connect, JSON": {connecthttp.WithProtoJSON()},
		"gRPC":          {connecthttp.WithGRPC()},
		"gRPC-Web":      {connecthttp.WithGRPCWeb()},
		"Connect, gzip": {connecthttp.WithSendGzip()},
	} {
		ctx, info := connect.NewClientContext(t.Context())
		info.RequestHeader().Set("Authorization", "Bearer "+v.keys["auditor"])
		client := apiv1connect.NewAuditServiceClient(v.overHTTP(options...))
		if _, err := client.GetBalances(ctx, &apiv1.GetBalancesRequest{CollectiveId: "lmb"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := client.GetBalances(ctx, &apiv1.GetBalancesRequest{CollectiveId: "gone"}); reasonOf(err) != ledger.CollectiveUnknown || connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s, a refusal: %v", name, err)
		}
		stream, err := client.ReadLog(ctx, &apiv1.ReadLogRequest{CollectiveId: "lmb", After: 3})
		fatalIf(t, err)
		message, err := stream.Receive()
		if err != nil || message.Events[0].Version != 4 {
			t.Errorf("%s, a stream: %v, %v", name, message, err)
		}
		if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("%s, the end of a stream: %v", name, err)
		}
		stream.Close()
	}
}

// TestAnswersAreCompressedFromOneKibibyte, and requests may be.
func TestAnswersAreCompressedFromOneKibibyte(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	for range 20 {
		v.must("treasurer", income("1.00"))
	}
	small := v.post("auditor", audit+"GetVoucher", `{"collectiveId":"lmb","number":"R2021-1"}`, "Accept-Encoding", "gzip")
	large := v.post("auditor", audit+"ListVouchers", `{"collectiveId":"lmb"}`, "Accept-Encoding", "gzip")
	if small.header.Get("Content-Encoding") != "" || large.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("small %q (%d bytes), large %q", small.header.Get("Content-Encoding"), len(small.body), large.header.Get("Content-Encoding"))
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 64<<20)) // 64 KiB on the wire
	_ = w.Close()
	bomb := v.send(http.MethodPost, "treasurer", books+"RecordIncome", &packed, "Content-Type", "application/json", "Content-Encoding", "gzip")
	if code, _ := bomb.refusal(); code != "resource_exhausted" {
		t.Errorf("a small request that grows to 64 MiB: %d %s", bomb.status, bomb.body)
	}
}

// TestHealthAndReflection: what every gRPC tool asks first, without a key.
func TestHealthAndReflection(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	for service, want := range map[string]int{"": 200, "mingzhang.api.v1.BooksService": 200, "nobody.v1.Service": 404} {
		health := v.post("", "/grpc.health.v1.Health/Check", `{"service":"`+service+`"}`)
		if health.status != want || (want == 200) != strings.Contains(health.body, "SERVING") {
			t.Errorf("health of %q: %d %s", service, health.status, health.body)
		}
	}
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: h2}
	defer transport.CloseIdleConnections()
	stream := grpcreflect.NewClient(&http.Client{Transport: transport}, v.url, connectv1.WithGRPC()).NewStream(t.Context())
	names, err := stream.ListServices()
	if err != nil || !slices.Contains(names, "mingzhang.api.v1.AuditService") || len(names) != 8 {
		t.Errorf("services %v, %v", names, err)
	}
	if files, err := stream.FileContainingSymbol("mingzhang.api.v1.Voucher"); err != nil || len(files) == 0 {
		t.Errorf("schema: %v", err)
	}
	if _, err := stream.Close(); err != nil {
		t.Error(err)
	}
	if reply := v.send(http.MethodGet, "", "/", nil); reply.status != 404 {
		t.Errorf("the root: %d", reply.status)
	}
}

// TestLogProofs: the head covers the log, verification finds nothing wrong, and the stream is the log byte for byte.
func TestLogProofs(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	head := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)
	version, err := v.store.Version(t.Context(), ledger.StreamOf("lmb"))
	fatalIf(t, err)
	if head.Size != version || len(head.Root) != 64 || !strings.Contains(head.Note, fmt.Sprint("\n", version, "\n")) || !strings.HasPrefix(head.VerifierKey, "mingzhang.local/log/") {
		t.Errorf("head %v", head)
	}
	report := v.must("auditor", &apiv1.VerifyLogRequest{CollectiveId: "lmb"}).(*apiv1.VerifyLogResponse)
	if !report.Ok || !report.BookOk || report.Events != version || report.Root != head.Root || len(report.BookDigest) != 64 {
		t.Errorf("report %v", report)
	}
	if report.SelfCheck != nil {
		t.Errorf("a self check that nobody made: %v", report.SelfCheck)
	}
	check, err := v.books.Check(t.Context(), "lmb")
	fatalIf(t, err)
	report = v.must("auditor", &apiv1.VerifyLogRequest{CollectiveId: "lmb"}).(*apiv1.VerifyLogResponse)
	if c := report.SelfCheck; c == nil || !c.Ok || c.Version != version || c.At != check.At.Format(time.RFC3339) || len(c.Compared) != 1 || c.Differs != nil {
		t.Errorf("self check %v of %+v", report.SelfCheck, check)
	}
	if _, err := v.inProcess("auditor", &apiv1.GetHeadRequest{CollectiveId: "lmb", AsKnownAt: "3"}); reasonOf(err) != ledger.FieldInvalid {
		t.Errorf("the head of the past: %v", err)
	}
	stream, err := v.audit().ReadLog(asOperator(t, "treasurer"), &apiv1.ReadLogRequest{CollectiveId: "lmb"})
	fatalIf(t, err)
	defer stream.Close()
	var got []*apiv1.LogEvent
	for {
		message, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		fatalIf(t, err)
		got = append(got, message.Events...)
	}
	n := 0
	for e, err := range v.store.Read(t.Context(), ledger.StreamOf("lmb"), 0) {
		fatalIf(t, err)
		if n >= len(got) || got[n].Version != e.Version || got[n].Type != e.Type || !bytes.Equal(got[n].Data, e.Data) {
			t.Fatalf("event %d differs", e.Version)
		}
		n++
	}
	if n != len(got) || n == 0 {
		t.Errorf("%d events sent, %d stored", len(got), n)
	}
}

// TestSimulatedTime is for collectives that run on it, and for them alone.
func TestSimulatedTime(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	req := income("1.00")
	req.SimulatedAt = "2021-09-30T10:00:00Z"
	if _, err := v.inProcess("treasurer", req); reasonOf(err) != ledger.ClockNotSimulated || connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("real books: %v", err)
	}
	found := wellFormed(t, (*apiv1.FoundCollectiveRequest)(nil).ProtoReflect().Descriptor()).(*apiv1.FoundCollectiveRequest)
	found.CollectiveId, found.FirstDay, found.SimulatedAt, found.SimulatedClock = "demo", "2019-01-01", "2019-03-04T09:00:00+08:00", false
	if _, err := v.inProcess("chief", found); reasonOf(err) != ledger.ClockNotSimulated {
		t.Errorf("founding real books at a given time: %v", err)
	}
	found.SimulatedClock = true
	receipt := v.must("chief", found).(*apiv1.FoundCollectiveResponse).Receipt
	if receipt.RecordedAt != "2019-03-04T01:00:00.000000Z" {
		t.Errorf("founded at %s", receipt.RecordedAt)
	}
	v.must("chief", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "demo", Operator: "treasurer", Role: apiv1.Role_ROLE_TREASURER, SimulatedAt: "2019-03-04T09:01:00+08:00"})
	v.must("treasurer", &apiv1.EnrolMembersRequest{CommandId: id(), CollectiveId: "demo", SimulatedAt: "2019-03-05T00:00:00Z", Group: "g1", JoinedOn: "2019-03-05", Members: []uint32{1, 2}, Households: []uint32{1, 1}})
	collective := v.must("", &apiv1.GetCollectiveRequest{CollectiveId: "demo"}).(*apiv1.GetCollectiveResponse).Collective
	if collective.Members != 2 || collective.Households != 1 || !collective.SimulatedClock {
		t.Errorf("today of simulated books is not the day of their last record: %v", collective)
	}
	still := v.must("treasurer", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "demo", MoneyAccount: "cash", Kind: 2, Name: "c"}).(*apiv1.OpenMoneyAccountResponse).Receipt
	if still.RecordedAt != "2019-03-05T00:00:00.000000Z" {
		t.Errorf("a simulated clock stands still until it is moved, and did not: %s", still.RecordedAt)
	}
	for _, bad := range []string{"2019-03-05", "2019-03-05T00:00:00", "soon", "0001-01-01T00:00:00Z"} {
		_, err := v.inProcess("treasurer", &apiv1.OpenMoneyAccountRequest{CommandId: id(), CollectiveId: "demo", SimulatedAt: bad, MoneyAccount: "bank", Kind: 1, Name: "b"})
		if reasonOf(err) != ledger.DateInvalid {
			t.Errorf("simulated_at %q: %v", bad, err)
		}
	}
}

// TestCancelledCallsAndFailingStores: a caller is told what to do and nothing of what is inside; the log is told all.
func TestCancelledCallsAndFailingStores(t *testing.T) {
	var fault atomic.Int64
	disk := eventstoretest.NewFaulty(t, eventstore.NewMemory(), func(call eventstoretest.Call) eventstoretest.Fault {
		if call.Method != "Append" {
			return eventstoretest.Pass
		}
		return eventstoretest.Fault(fault.Load())
	})
	v := newVillage(t, disk).open()
	fault.Store(int64(eventstoretest.FailBefore))
	reply := v.post("treasurer", books+"RecordIncome", jsonOf(t, income("1.00")))
	code, reason := reply.refusal()
	if reply.status != 503 || code != "unavailable" || reason != "store_unavailable" || strings.Contains(reply.body, eventstoretest.ErrInjected.Error()) {
		t.Errorf("a failing store: %d %s", reply.status, reply.body)
	}
	if !strings.Contains(v.logs.String(), eventstoretest.ErrInjected.Error()) {
		t.Errorf("the log does not say why: %s", v.logs)
	}
	fault.Store(int64(eventstoretest.NoSpace))
	if _, reason := v.post("treasurer", books+"RecordIncome", jsonOf(t, income("1.00"))).refusal(); reason != "store_full" {
		t.Errorf("a full disk: %s", reason)
	}
	if reply := v.post("treasurer", audit+"GetBalances", `{"collectiveId":"lmb"}`); reply.status != 200 {
		t.Errorf("reading goes on: %d %s", reply.status, reply.body)
	}
	fault.Store(int64(eventstoretest.Pass))
	ctx, cancel := context.WithCancel(asOperator(t, "treasurer"))
	cancel()
	err := connect.NewClient(v.server.InProcess()).CallUnary(ctx, connect.Spec{Procedure: books + "RecordIncome"}, income("1.00"), new(apiv1.RecordIncomeResponse))
	if connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("a cancelled call: %v", err)
	}
}

// flipper is a store whose bytes of one stream go bad when it is told so.
type flipper struct {
	eventstore.Store
	stream string
	bad    atomic.Bool
}

func (f *flipper) Read(ctx context.Context, stream string, after uint64) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		for e, err := range f.Store.Read(ctx, stream, after) {
			if err == nil && stream == f.stream && e.Version == 2 && f.bad.Load() {
				e.Data = slices.Clone(e.Data)
				e.Data[len(e.Data)-1] ^= 1
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestDamageStopsOneCollectiveLoudly: its stream and version are named, commands and reads of it stop, others go on.
func TestDamageStopsOneCollectiveLoudly(t *testing.T) {
	disk := &flipper{Store: eventstore.NewMemory(), stream: ledger.StreamOf("far")}
	v := newVillage(t, disk).open()
	disk.bad.Store(true)
	verify := func() *apiv1.VerifyLogResponse {
		answer := new(apiv1.VerifyLogResponse)
		v.must("chief", &apiv1.GrantRoleRequest{CommandId: id(), CollectiveId: "far", Operator: "auditor", Role: apiv1.Role_ROLE_AUDITOR})
		reply := v.post("auditor", audit+"VerifyLog", `{"collectiveId":"far"}`)
		if err := protojson.Unmarshal([]byte(reply.body), answer); err != nil {
			t.Fatalf("%v: %s %s", err, reply.body, v.logs)
		}
		return answer
	}()
	if verify.Ok || verify.FirstBadVersion != 2 || verify.Problem == "" {
		t.Errorf("verification: %v", verify)
	}
	v.checkRefusal("a command", v.post("neighbour", "/mingzhang.api.v1.RegistryService/OpenMoneyAccount", `{"commandId":"`+id()+`","collectiveId":"far","moneyAccount":"bank","kind":1,"name":"b"}`), "data_loss", "log_damaged", "")
	stream, err := v.audit().ReadLog(asOperator(t, "auditor"), &apiv1.ReadLogRequest{CollectiveId: "far"})
	fatalIf(t, err)
	defer stream.Close()
	for err == nil {
		_, err = stream.Receive()
	}
	if r := rpc.RefusalOf(err); connect.CodeOf(err) != connect.CodeDataLoss || r.GetFigures()["stream"] != "collective-far" || r.GetFigures()["version"] != "2" {
		t.Errorf("the log: %v", err)
	}
	v.must("treasurer", income("1.00"))
	list := v.must("", &apiv1.ListCollectivesRequest{}).(*apiv1.ListCollectivesResponse).Collectives
	if len(list) != 2 || list[0].Id != "far" || list[0].Name != "" || list[1].Name == "" {
		t.Errorf("collectives %v", list)
	}
}
