package rpc_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

func september() *apiv1.PublishEditionRequest {
	return &apiv1.PublishEditionRequest{CommandId: id(), CollectiveId: "lmb", From: "2021-09-01", To: "2021-09-30"}
}

func (v *village) edition(r *apiv1.GetEditionRequest) *apiv1.GetEditionResponse {
	v.t.Helper()
	r.CollectiveId = "lmb"
	return v.must("", r).(*apiv1.GetEditionResponse)
}

// TestEditions: a board is frozen, stays what it was whatever is booked later, and is corrected in the open.
func TestEditions(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	head := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)
	first := september()
	receipt := v.must("treasurer", first).(*apiv1.PublishEditionResponse).Receipt
	if receipt.Edition != 1 || !strings.HasPrefix(receipt.Pin, fmt.Sprint(head.Size, ":")) {
		t.Errorf("the receipt is %v", receipt)
	}
	one := v.edition(&apiv1.GetEditionRequest{Number: 1})
	if digest := sha256.Sum256([]byte(one.Text)); hex.EncodeToString(digest[:]) != one.Edition.ContentSha256 || one.Edition.FiguresVersion != head.Size ||
		one.Edition.Root != head.Root || one.Edition.PublishedVersion != receipt.Version {
		t.Fatalf("the edition is %v of\n%s", one.Edition, one.Text)
	}
	pin, err := transparency.ParsePin(one.Edition.Pin)
	fatalIf(t, err)
	if pin.Size != head.Size || hexOf(pin.Root) != head.Root || pin.Origin == "" || "#"+receipt.Pin != strings.TrimPrefix(one.Edition.Pin, pin.Origin) {
		t.Errorf("the pin is %s, the head %v", one.Edition.Pin, head)
	}
	for _, line := range []string{"mingzhang/edition@v1\norigin ", "\ncollective lmb \"龙门社区\"\ndays 2021-09-01 2021-09-30\nversion ",
		"\npolicy 1 2021-07-01 largest_fraction policy-1 rent\nshare dividend 7/10\n", "\nfund dividend \"dividend\" 0.00 68600.00 0.00 68600.00\n",
		"\nfunds 0.00 98000.00 0.00 98000.00\nmoney money/bank \"信用社\" 98000.00\n",
		"\nvoucher 收2021-1 2021-09-10 98000.00 - rent 1 - - - \"市场租金\"\nposting money/bank 98000.00\n", "\nvouchers 1 receipt 98000.00 payment 0.00 transfer 0.00\nend\n"} {
		if !strings.Contains(one.Text, line) {
			t.Errorf("the text has no %q:\n%s", line, one.Text)
		}
	}

	// What comes later changes nothing of it, and neither does the command given again.
	v.must("treasurer", income("1000.00"))
	if again := v.must("treasurer", first).(*apiv1.PublishEditionResponse).Receipt; !proto.Equal(again, receipt) {
		t.Errorf("given again the command answers %v, first %v", again, receipt)
	}
	if later := v.edition(&apiv1.GetEditionRequest{ContentSha256: one.Edition.ContentSha256}); later.Text != one.Text || later.Proof != one.Proof || !proto.Equal(later.Edition, one.Edition) {
		t.Errorf("later it is %v", later)
	}
	other := proto.CloneOf(first)
	other.To = "2021-09-29"
	v.refused("treasurer", other, ledger.CommandIDReused)
	v.refused("treasurer", september(), ledger.EditionExists)

	correction := september()
	correction.Corrects, correction.Reason = 1, "补记一笔租金"
	v.must("treasurer", correction)
	two := v.edition(&apiv1.GetEditionRequest{Number: 2})
	if !strings.Contains(two.Text, "\nvouchers 2 receipt 99000.00 ") || two.Edition.Corrects != 1 || two.Edition.Reason != "补记一笔租金" {
		t.Errorf("the correction is %v of\n%s", two.Edition, two.Text)
	}
	list := v.must("", &apiv1.ListEditionsRequest{CollectiveId: "lmb"}).(*apiv1.ListEditionsResponse).Editions
	if len(list) != 2 || list[0].CorrectedBy != 2 || list[1].CorrectedBy != 0 || !proto.Equal(list[1], two.Edition) {
		t.Errorf("the list is %v", list)
	}
	then := v.must("", &apiv1.ListEditionsRequest{CollectiveId: "lmb", AsKnownAt: fmt.Sprint(receipt.Version)}).(*apiv1.ListEditionsResponse).Editions
	if len(then) != 1 || then[0].CorrectedBy != 0 {
		t.Errorf("as known then the list is %v", then)
	}
	page := v.must("", &apiv1.ListEditionsRequest{CollectiveId: "lmb", PageSize: 1}).(*apiv1.ListEditionsResponse)
	rest := v.must("", &apiv1.ListEditionsRequest{CollectiveId: "lmb", PageSize: 1, PageToken: page.NextPageToken}).(*apiv1.ListEditionsResponse)
	if len(page.Editions) != 1 || len(rest.Editions) != 1 || rest.Editions[0].Number != 2 || rest.NextPageToken != "" {
		t.Errorf("pages %v and %v", page, rest)
	}

	// Of an earlier version: what was known then, although it is published now.
	earlier := &apiv1.PublishEditionRequest{CommandId: id(), CollectiveId: "lmb", From: "2021-09-01", To: "2021-09-10", Version: head.Size}
	v.must("treasurer", earlier)
	three := v.edition(&apiv1.GetEditionRequest{Number: 3})
	if three.Edition.FiguresVersion != head.Size || three.Edition.Root != head.Root || !strings.Contains(three.Text, "\nvouchers 1 receipt 98000.00 ") {
		t.Errorf("the edition of version %d is %v of\n%s", head.Size, three.Edition, three.Text)
	}
	earlier = proto.CloneOf(earlier)
	earlier.CommandId, earlier.To, earlier.Version = id(), "2021-09-11", 1000
	v.refused("treasurer", earlier, ledger.FieldInvalid)
	v.refused("", &apiv1.GetEditionRequest{CollectiveId: "lmb", Number: 4}, ledger.EditionUnknown)
	v.refused("", &apiv1.GetEditionRequest{CollectiveId: "lmb"}, ledger.EditionUnknown)
	v.refused("", &apiv1.GetEditionRequest{CollectiveId: "lmb", Number: 2, ContentSha256: one.Edition.ContentSha256}, ledger.FieldInvalid)
	v.refused("", &apiv1.GetEditionRequest{CollectiveId: "lmb", Number: 3, AsKnownAt: "3"}, ledger.EditionUnknown)
}

func hexOf(h transparency.Hash) string { return hex.EncodeToString(h[:]) }

// TestEditionIsProvedWithoutTheServer: with the public key and the answer alone a resident knows that this text was published.
func TestEditionIsProvedWithoutTheServer(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	v.must("treasurer", september())
	v.must("treasurer", income("1000.00"))
	answer := v.edition(&apiv1.GetEditionRequest{Number: 1})
	p, err := transparency.ParseInclusion([]byte(answer.Proof))
	fatalIf(t, err)
	head, err := transparency.OpenHead(p.Note, answer.VerifierKey)
	fatalIf(t, err)
	eventType, data, err := transparency.ProvenEvent(p)
	fatalIf(t, err)
	event, err := ledger.Decode(eventstore.Event{Stream: ledger.StreamOf("lmb"), Version: p.Index + 1, Type: eventType, Data: data})
	fatalIf(t, err)
	published := event.GetEditionPublished()
	if hex.EncodeToString(published.ContentSha256) != answer.Edition.ContentSha256 || hex.EncodeToString(published.Root) != answer.Edition.Root || head.Size != answer.Edition.PublishedVersion {
		t.Errorf("proved is %v, answered %v", published, answer.Edition)
	}
}

// TestEditionTellsNothingThatIsNotPublic: what only those may read who answer for the books or check them is in no text.
func TestEditionTellsNothingThatIsNotPublic(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	paid := income("98000.00")
	paid.Payer, paid.Documents[0].Number, paid.Documents[0].Sha256 = "party/secret-lessee", "secret-paper", strings.Repeat("5e", 32)
	v.must("treasurer", paid)
	v.must("treasurer", september())
	text := v.edition(&apiv1.GetEditionRequest{Number: 1}).Text
	for _, secret := range []string{"lessee", "secret", "5e5e5e", "market", "treasurer", "approver"} {
		if strings.Contains(text, secret) {
			t.Errorf("the text has %q:\n%s", secret, text)
		}
	}
	public := protojson.Format(v.must("", &apiv1.ListReceiptsAndPaymentsRequest{CollectiveId: "lmb"}))
	for _, line := range strings.Split(text, "\n") {
		if fields := strings.Fields(line); strings.HasPrefix(line, "voucher ") {
			for _, field := range fields[1:] {
				if field = strings.Trim(field, `"`); field != "-" && !strings.Contains(public, field) && field != "1" {
					t.Errorf("%q is not among what the public reads", field)
				}
			}
		}
	}
}

// TestEditionsInBatchesAndPreviews: a line of a batch sees the lines before it; a preview says what would come and stores nothing.
func TestEditionsInBatchesAndPreviews(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	line := func(method, as string, r proto.Message) *apiv1.ApplyLine {
		text, err := protojson.Marshal(r)
		fatalIf(t, err)
		return &apiv1.ApplyLine{Method: method, As: as, RequestJson: string(text)}
	}
	batch := []*apiv1.ApplyLine{line("RecordIncome", "", income("98000.00")), line("PublishEdition", "", september()), line("RecordIncome", "", income("1.00")), line("PublishEdition", "", september())}
	before := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse)
	tried := v.must("treasurer", &apiv1.PreviewApplyRequest{Lines: batch}).(*apiv1.PreviewApplyResponse).Results
	if len(tried) != 4 || tried[1].Receipt.GetEdition() != 1 || tried[3].Refusal.GetReason() != string(ledger.EditionExists) {
		t.Fatalf("the preview is %v", tried)
	}
	if after := v.must("supervisor", &apiv1.GetHeadRequest{CollectiveId: "lmb"}).(*apiv1.GetHeadResponse); after.Size != before.Size {
		t.Fatalf("the preview stored something: %d events, %d before", after.Size, before.Size)
	}
	done := v.must("treasurer", &apiv1.ApplyRequest{Lines: batch}).(*apiv1.ApplyResponse).Results
	var answer struct{ Receipt struct{ Pin string } }
	fatalIf(t, json.Unmarshal([]byte(done[1].ResponseJson), &answer))
	if answer.Receipt.Pin != tried[1].Receipt.Pin || answer.Receipt.Pin == "" {
		t.Errorf("done is %v, previewed %v", done[1], tried[1])
	}
	if text := v.edition(&apiv1.GetEditionRequest{Number: 1}).Text; !strings.Contains(text, "\nvouchers 1 receipt 98000.00 ") {
		t.Errorf("the edition is not made of the line before it alone:\n%s", text)
	}
	one := v.must("treasurer", &apiv1.PreviewRequest{Line: line("PublishEdition", "", &apiv1.PublishEditionRequest{CommandId: id(), CollectiveId: "lmb", From: "2021-09-01", To: "2021-09-02"})}).(*apiv1.PreviewResponse)
	if one.Result.Receipt.GetEdition() != 2 {
		t.Errorf("the preview of one is %v", one)
	}
}

// TestEditionOfChangedBooks: a text that the log does not give any more is an error, not another text.
func TestEditionOfChangedBooks(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	var figures uint64
	fatalIf(t, v.config.Ledger.View(t.Context(), "lmb", func(c *ledger.Collective) error { figures = c.Version(); return nil }))
	forged := &ledger.PublishEdition{First: 20210901, Last: 20210930, Figures: ledger.Figures{Version: figures, Root: [32]byte{1}, Content: [32]byte{2}}}
	_, err := v.config.Ledger.Do(t.Context(), "lmb", forged, ledger.Meta{ID: ledger.NewCommandID(), Actor: "treasurer"})
	fatalIf(t, err)
	_, err = v.inProcess("", &apiv1.GetEditionRequest{CollectiveId: "lmb", Number: 1})
	if r := rpc.RefusalOf(err); r.GetReason() != "edition_not_reproduced" || r.Figures["edition"] != "1" {
		t.Errorf("a forged edition is answered with %v", err)
	}
	verified := v.must("supervisor", &apiv1.VerifyLogRequest{CollectiveId: "lmb"}).(*apiv1.VerifyLogResponse)
	if verified.Ok || verified.FirstBadVersion != figures+1 || !strings.Contains(verified.Problem, "was published") {
		t.Errorf("the log with a forged edition is found %v", verified)
	}
}

// TestEditionsOfALiveServer: they lie beside the log that a server hands out, as in a published directory.
func TestEditionsOfALiveServer(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	v.must("treasurer", income("98000.00"))
	v.must("treasurer", september())
	one := v.edition(&apiv1.GetEditionRequest{Number: 1})
	server := httptest.NewServer(v.server.LogHandler())
	t.Cleanup(server.Close)
	web, err := transparency.NewWeb(server.URL + "/log/lmb")
	fatalIf(t, err)
	t.Cleanup(web.Close)
	for name, want := range map[string]string{"editions/1.txt": one.Text, "editions/1.tlog-proof": one.Proof} {
		if got, err := web.Read(t.Context(), name, 1<<20); err != nil || string(got) != want {
			t.Errorf("%s: %v, %q", name, err, got)
		}
	}
	for _, name := range []string{"editions/2.txt", "editions/0.txt", "editions/01.txt", "editions/1", "editions/1.txt.txt", "editions/4294967297.txt"} {
		if got, err := web.Read(t.Context(), name, 1<<20); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, %q", name, err, got)
		}
	}
}
