package rpc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/documents"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// documentsService implements DocumentsService: the bytes of papers, by collective and digest.
type documentsService struct{ *Server }

const (
	pieceBytes         = 256 << 10 // of a document on its way out
	garbageMax         = 1000      // documents of one list
	garbageDaysDefault = 30
)

// kept gives the store of documents, which a server without a directory does not have.
func (s documentsService) kept() (*documents.Store, error) {
	if s.config.Documents == nil {
		return nil, refuse(storeUnavailable, "")
	}
	return s.config.Documents, nil
}

func (s documentsService) Upload(_ context.Context, stream apiv1connect.DocumentsServiceUploadServerStream) (*apiv1.UploadResponse, error) {
	store, err := s.kept()
	if err != nil {
		return nil, err
	}
	first, err := stream.Receive()
	if errors.Is(err, io.EOF) {
		return nil, documentRefusal(documents.ErrEmpty)
	}
	if err != nil {
		return nil, err
	}
	announced := documents.Announced{Size: int64(min(first.Size, 1<<62))}
	if first.Sha256 != "" {
		if announced.Digest, err = documents.ParseDigest(first.Sha256); err != nil {
			return nil, refuse(ledger.FieldInvalid, "sha256", "problem", err.Error(), problemChinese, "不是小写十六进制的 SHA-256")
		}
	}
	file, err := store.Put(first.CollectiveId, announced, &pieces{stream: stream, collective: first.CollectiveId, rest: first.Data})
	if err != nil {
		return nil, documentRefusal(err)
	}
	return &apiv1.UploadResponse{Document: storedDocument(file)}, nil
}

// pieces reads an upload as one run of bytes.
type pieces struct {
	stream     apiv1connect.DocumentsServiceUploadServerStream
	collective string
	rest       []byte
}

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		next, err := p.stream.Receive()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF // the end of a whole upload; over HTTP it comes wrapped
		}
		if err != nil {
			return 0, err // the line broke
		}
		if next.CollectiveId != p.collective {
			return 0, refuse(ledger.FieldInvalid, "collective_id", "problem", "all pieces are of one collective", problemChinese, "各段须属于同一集体")
		}
		p.rest = next.Data
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (s documentsService) Download(_ context.Context, r *apiv1.DownloadRequest, stream apiv1connect.DocumentsServiceDownloadServerStream) error {
	store, err := s.kept()
	if err != nil {
		return err
	}
	digest, err := documents.ParseDigest(r.Sha256)
	if err != nil {
		return refuse(documentMissing, "sha256", "document", clip(r.Sha256))
	}
	file, content, err := store.Open(r.CollectiveId, digest)
	if err != nil {
		return documentRefusal(err, r.Sha256)
	}
	defer content.Close()
	piece := make([]byte, pieceBytes)
	answer := &apiv1.DownloadResponse{Document: storedDocument(file)}
	for {
		n, err := io.ReadFull(content, piece)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if n == 0 {
			return nil // documents are never empty, so the first piece has been sent
		}
		answer.Data = bytes.Clone(piece[:n]) // in process the message itself is handed over
		if err := stream.Send(answer); err != nil {
			return err
		}
		answer = new(apiv1.DownloadResponse)
	}
}

// ListGarbage goes through the whole log for what it names: it is asked for rarely, and a list kept up to date would have to
// know every fact that names a paper.
func (s documentsService) ListGarbage(ctx context.Context, r *apiv1.ListGarbageRequest) (*apiv1.ListGarbageResponse, error) {
	store, err := s.kept()
	if err != nil {
		return nil, err
	}
	named := map[documents.Digest]bool{}
	for e, err := range s.config.Ledger.Events(ctx, r.CollectiveId, 0) {
		if err != nil {
			return nil, err
		}
		documents.Named(e, named)
	}
	days := cmp.Or(int(r.OlderThanDays), garbageDaysDefault)
	list, err := store.Garbage(r.CollectiveId, named, s.config.Clock().AddDate(0, 0, -days))
	if err != nil {
		return nil, err
	}
	answer := &apiv1.ListGarbageResponse{More: len(list) > garbageMax}
	answer.Documents = each(list[:min(len(list), garbageMax)], storedDocument)
	return answer, nil
}

func storedDocument(f documents.File) *apiv1.StoredDocument {
	return &apiv1.StoredDocument{Sha256: f.Digest.String(), MediaType: f.MediaType, Size: uint64(f.Size), FileName: f.Name(), ReceivedAt: instant(f.ReceivedAt)}
}

// documentRefusal turns the errors of documents into refusals; others stay what they are.
func documentRefusal(err error, digest ...string) error {
	document := strings.Join(digest, "")
	switch {
	case errors.Is(err, documents.ErrTooLarge):
		return refuse(documentTooLarge, "data")
	case errors.Is(err, documents.ErrEmpty):
		return refuse(documentEmpty, "data")
	case errors.Is(err, documents.ErrType):
		return refuse(documentKind, "data", "kinds", strings.Join(documents.Kinds(), ", "))
	case errors.Is(err, documents.ErrMismatch):
		return refuse(documentCut, "data")
	case errors.Is(err, documents.ErrUnknown):
		return refuse(documentMissing, "sha256", "document", document)
	case errors.Is(err, documents.ErrDamaged):
		return refuse(documentDamaged, "sha256", "document", document)
	case errors.Is(err, documents.ErrNoSpace):
		return refuse(storeFull, "")
	}
	return err
}
