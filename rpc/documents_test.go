package rpc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// tryDocuments calls a streaming method of DocumentsService and gives the reason of the refusal.
func (v *village) tryDocuments(ctx context.Context, m protoreflect.MethodDescriptor) ledger.Reason {
	client := apiv1connect.NewDocumentsServiceClient(connect.NewClient(v.server.InProcess()))
	if m.Name() == "Upload" {
		_, err := upload(ctx, client, wellFormed(v.t, m.Input()).(*apiv1.UploadRequest))
		return reasonOf(err)
	}
	// By hand, because a call that is refused before its request is taken answers only when it is asked.
	stream, err := connect.NewClient(v.server.InProcess()).CallClientStream(ctx, connect.Spec{Procedure: procedure(m), StreamType: connect.StreamTypeServer})
	fatalIf(v.t, err)
	if err := stream.Send(wellFormed(v.t, m.Input())); err != nil && !errors.Is(err, io.EOF) {
		v.t.Fatal(err)
	}
	_ = stream.CloseSend()
	defer stream.Close()
	return reasonOf(stream.Receive(new(apiv1.DownloadResponse)))
}

// upload sends pieces. A server that refuses one may do so while the next is sent; its answer counts.
func upload(ctx context.Context, client apiv1connect.DocumentsServiceClient, pieces ...*apiv1.UploadRequest) (*apiv1.StoredDocument, error) {
	stream, err := client.Upload(ctx)
	if err != nil {
		return nil, err
	}
	for _, piece := range pieces {
		if err := stream.Send(piece); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	answer, err := stream.CloseAndReceive()
	return answer.GetDocument(), err
}

// inPieces cuts a document of "lmb" into pieces.
func inPieces(content []byte, size int, announce bool) (list []*apiv1.UploadRequest) {
	for start := 0; start < len(content) || start == 0; start += size {
		list = append(list, &apiv1.UploadRequest{CollectiveId: "lmb", Data: content[start:min(start+size, len(content))]})
	}
	if announce {
		digest := sha256.Sum256(content)
		list[0].Sha256, list[0].Size = hex.EncodeToString(digest[:]), uint64(len(content))
	}
	return list
}

func download(ctx context.Context, client apiv1connect.DocumentsServiceClient, collective, digest string) (*apiv1.StoredDocument, []byte, error) {
	stream, err := client.Download(ctx, &apiv1.DownloadRequest{CollectiveId: collective, Sha256: digest})
	if err != nil {
		return nil, nil, err
	}
	defer stream.Close()
	var first *apiv1.StoredDocument
	var content []byte
	for {
		piece, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return first, content, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if piece.Document != nil {
			first = piece.Document
		}
		content = append(content, piece.Data...)
	}
}

// TestDocumentsThereAndBack over HTTP with a key, and in process: the paper of a voucher is uploaded, cited, and downloaded by
// those who check the books.
func TestDocumentsThereAndBack(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	content := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("scan "), 150_000)...)
	overHTTP := func(who string) apiv1connect.DocumentsServiceClient {
		return apiv1connect.NewDocumentsServiceClient(connect.NewClient(connecthttp.NewTransport(v.http, v.url), withKey(v.keys[who])))
	}
	stored, err := upload(t.Context(), overHTTP("treasurer"), inPieces(content, 100_000, true)...)
	fatalIf(t, err)
	if stored.MediaType != "application/pdf" || stored.Size != uint64(len(content)) || stored.FileName != "document-"+stored.Sha256[:12]+".pdf" {
		t.Errorf("stored %v", stored)
	}
	again, err := upload(asOperator(t, "treasurer"), apiv1connect.NewDocumentsServiceClient(connect.NewClient(v.server.InProcess())), inPieces(content, 1<<20, false)...)
	if err != nil || again.Sha256 != stored.Sha256 {
		t.Errorf("again %v, %v", again, err)
	}
	paid := income("98000.00")
	paid.Documents = []*apiv1.Document{{Kind: "contract", Issuer: "market", Number: "2021-1", Sha256: stored.Sha256, MediaType: stored.MediaType, Size: stored.Size}}
	v.must("treasurer", paid)
	for _, who := range []string{"treasurer", "approver", "supervisor", "auditor"} {
		first, got, err := download(t.Context(), overHTTP(who), "lmb", stored.Sha256)
		if err != nil || !bytes.Equal(got, content) || first.MediaType != "application/pdf" || first.ReceivedAt == "" {
			t.Errorf("%s got %d bytes of %v, %v", who, len(got), first, err)
		}
	}
	for who, want := range map[string]ledger.Reason{"cashier": ledger.RoleMissing, "board": ledger.RoleMissing, "neighbour": ledger.RoleMissing} {
		if _, _, err := download(t.Context(), overHTTP(who), "lmb", stored.Sha256); reasonOf(err) != want {
			t.Errorf("%s: %v", who, err)
		}
	}
	if _, _, err := download(t.Context(), overHTTP("neighbour"), "far", stored.Sha256); reasonOf(err) != "document_unknown" {
		t.Errorf("the treasurer of another collective: %v", err)
	}
}

// TestRefusedDocuments: each mistake has its reason, and nothing of it is kept.
func TestRefusedDocuments(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	client := apiv1connect.NewDocumentsServiceClient(connect.NewClient(v.server.InProcess()))
	ctx := asOperator(t, "treasurer")
	text := []byte("some plain text")
	short := inPieces(text, 5, true)
	elsewhere := inPieces(text, 5, false)
	elsewhere[1].CollectiveId = "far"
	for name, c := range map[string]struct {
		pieces []*apiv1.UploadRequest
		want   ledger.Reason
	}{
		"nothing":           {nil, "document_empty"},
		"empty":             {inPieces(nil, 1, false), "document_empty"},
		"too large":         {inPieces(bytes.Repeat([]byte("a"), 1<<20+1), 1<<19, false), "document_too_large"},
		"announced large":   {[]*apiv1.UploadRequest{{CollectiveId: "lmb", Size: 1 << 63, Data: text}}, "document_too_large"},
		"a web page":        {inPieces([]byte("<html>"), 10, false), "document_kind"},
		"cut short":         {short[:2], "document_incomplete"},
		"another document":  {append(inPieces(text, 15, true), inPieces([]byte("!"), 1, false)...), "document_incomplete"},
		"piece too large":   {inPieces(make([]byte, 1<<20+1), 1<<21, false), ledger.FieldInvalid},
		"two collectives":   {elsewhere, ledger.RoleMissing},
		"no collective":     {[]*apiv1.UploadRequest{{Data: text}}, ledger.IDInvalid},
		"unknown":           {[]*apiv1.UploadRequest{{CollectiveId: "nowhere", Data: text}}, ledger.CollectiveUnknown},
		"digest in capital": {[]*apiv1.UploadRequest{{CollectiveId: "lmb", Sha256: strings.Repeat("AB", 32), Data: text}}, ledger.FieldInvalid},
	} {
		if got, err := upload(ctx, client, c.pieces...); reasonOf(err) != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
	if list, err := v.documents.List("lmb"); err != nil || len(list) != 0 {
		t.Errorf("kept all the same: %v, %v", list, err)
	}
	broken, cancel := context.WithCancel(ctx)
	stream, err := client.Upload(broken)
	fatalIf(t, err)
	fatalIf(t, stream.Send(inPieces(text, 5, false)[0]))
	cancel()
	if _, err := stream.CloseAndReceive(); err == nil {
		t.Error("a broken upload was accepted")
	}
	if list, err := v.documents.List("lmb"); err != nil || len(list) != 0 {
		t.Errorf("kept of a broken upload: %v, %v", list, err)
	}
}

// TestDamagedDocumentIsNotSent, not a byte of it.
func TestDamagedDocumentIsNotSent(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory())
	client := apiv1connect.NewDocumentsServiceClient(connect.NewClient(v.server.InProcess()))
	stored, err := upload(asOperator(t, "treasurer"), client, inPieces([]byte("some plain text"), 5, false)...)
	fatalIf(t, err)
	var path string
	fatalIf(t, filepath.WalkDir(v.documentsDir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			path = p
		}
		return err
	}))
	fatalIf(t, os.Chmod(path, 0o600))
	fatalIf(t, os.WriteFile(path, []byte("some plain texu"), 0o600))
	if _, got, err := download(asOperator(t, "auditor"), client, "lmb", stored.Sha256); reasonOf(err) != "document_damaged" || connect.CodeOf(err) != connect.CodeDataLoss || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestListGarbage lists what was uploaded and never cited, after some days.
func TestListGarbage(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	client := apiv1connect.NewDocumentsServiceClient(connect.NewClient(v.server.InProcess()))
	ctx := rpc.AsOperator(t.Context(), "treasurer")
	cited, err := upload(ctx, client, inPieces([]byte("cited"), 5, false)...)
	fatalIf(t, err)
	forgotten, err := upload(ctx, client, inPieces([]byte("forgotten"), 5, false)...)
	fatalIf(t, err)
	paid := income("1.00")
	paid.Documents[0].Sha256 = cited.Sha256
	v.must("treasurer", paid)
	list := func(days uint32) []*apiv1.StoredDocument {
		return v.must("auditor", &apiv1.ListGarbageRequest{CollectiveId: "lmb", OlderThanDays: days}).(*apiv1.ListGarbageResponse).Documents
	}
	v.now = time.Now()
	if got := list(1); len(got) != 0 {
		t.Errorf("on the same day: %v", got)
	}
	v.now = time.Now().AddDate(0, 0, 8)
	if got := list(7); len(got) != 1 || got[0].Sha256 != forgotten.Sha256 || got[0].Size != 9 {
		t.Errorf("after a week: %v", got)
	}
	if got := list(0); len(got) != 0 {
		t.Errorf("by default after a week: %v", got)
	}
}
