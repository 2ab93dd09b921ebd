package documents

import (
	"archive/zip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
)

// The kinds that are kept: pictures, scans, electronic invoices in PDF and OFD (GB/T 33190), and plain text, which includes
// CSV. Nothing a browser would run.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	PDF  = "application/pdf"
	OFD  = "application/ofd"
	Text = "text/plain"
)

var extensions = map[string]string{JPEG: ".jpg", PNG: ".png", PDF: ".pdf", OFD: ".ofd", Text: ".txt"}

// Kinds lists the media types that are kept.
func Kinds() []string { return []string{JPEG, PNG, PDF, OFD, Text} }

// Name is a file name for whoever saves the document: made of its digest and kind alone, safe on every system and in every
// header.
func (f File) Name() string { return "document-" + f.Digest.String()[:12] + extensions[f.MediaType] }

// sniffBytes is how much of a document net/http looks at.
const sniffBytes = 512

// sniff says what bytes are, by their content alone.
func sniff(r io.ReaderAt, size int64) (string, error) {
	head := make([]byte, min(size, sniffBytes))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return "", err
	}
	kind, _, err := mime.ParseMediaType(http.DetectContentType(head))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrType, err)
	}
	if kind == "application/zip" && isOFD(r, size) {
		kind = OFD
	}
	if !slices.Contains(Kinds(), kind) {
		return "", fmt.Errorf("%w: it is %s", ErrType, kind)
	}
	return kind, nil
}

// isOFD tells an OFD from other archives by the entry every OFD has at its root.
func isOFD(r io.ReaderAt, size int64) bool {
	archive, err := zip.NewReader(r, size)
	return err == nil && slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == "OFD.xml" })
}
