package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mingzhang-ledger/mingzhang/documents"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// documentsDir is where a data directory keeps the bytes of papers (package documents).
const documentsDir = "documents"

// uploadPiece is how much of a document one message carries.
const uploadPiece = 256 << 10

func (s *session) attachCmd() *cobra.Command {
	paper := new(apiv1.Document)
	cmd := &cobra.Command{
		Use:   "attach FILE…",
		Short: s.lang.text("保存原始凭证的文件,给出命令里引用它的 JSON", "keep the file of a paper and print the JSON by which a command cites it"),
		Long: s.lang.text("只保存 JPEG、PNG、PDF、OFD 和纯文本(按内容识别),默认最大 20 MiB。每个文件输出一行,放进命令的 documents。",
			"JPEG, PNG, PDF, OFD and plain text are kept (known by their content), of at most 20 MiB by default. One line a file, for a command's documents."),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "Upload")
				if err != nil {
					return err
				}
				for _, name := range args {
					stored, err := c.attach(ctx, collective, name)
					if err != nil {
						return err
					}
					if err := s.printPaper(paper, stored); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&paper.Kind, "kind", "", s.lang.text("单据类别:invoice、receipt、bank_line、contract、minutes、list、other", "kind of paper: invoice, receipt, bank_line, contract, minutes, list, other"))
	cmd.Flags().StringVar(&paper.Issuer, "issuer", "", s.lang.text("出具方代号", "code of who issued it"))
	cmd.Flags().StringVar(&paper.Number, "number", "", s.lang.text("号码", "the issuer's number"))
	return cmd
}

// printPaper prints a document of a command on one line, always the same bytes.
func (s *session) printPaper(paper *apiv1.Document, stored *apiv1.StoredDocument) error {
	text, err := protojson.Marshal(&apiv1.Document{Kind: paper.Kind, Issuer: paper.Issuer, Number: paper.Number,
		Sha256: stored.Sha256, MediaType: stored.MediaType, Size: stored.Size})
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson puts blanks in at random
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = fmt.Fprintln(s.stdout, line.String())
	return err
}

// attach uploads a file. It is read twice: its digest goes ahead of it, so that what is kept is what lies here.
func (c *client) attach(ctx context.Context, collective, name string) (*apiv1.StoredDocument, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	stream, err := c.documents.Upload(ctx)
	if err != nil {
		return nil, err
	}
	piece := &apiv1.UploadRequest{CollectiveId: collective, Sha256: hex.EncodeToString(hash.Sum(nil)), Size: uint64(size)}
	for buffer := make([]byte, uploadPiece); ; {
		n, err := io.ReadFull(file, buffer)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, cannotOpen(name, err)
		}
		if n == 0 && piece.Sha256 == "" {
			break
		}
		piece.Data = bytes.Clone(buffer[:n])
		if err := stream.Send(piece); err != nil {
			break // the answer says why
		}
		piece = &apiv1.UploadRequest{CollectiveId: collective}
	}
	answer, err := stream.CloseAndReceive()
	return answer.GetDocument(), err
}

func (s *session) documentCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "document SHA256",
		Short: s.lang.text("取出原始凭证的文件,并核对 SHA-256", "fetch the file of a paper and compare its SHA-256"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			digest, err := documents.ParseDigest(args[0])
			if err != nil {
				return failed(exitUsage, "“%s”不是小写十六进制的 SHA-256。", "\"%s\" is not a SHA-256 in lower-case hex.", args[0])
			}
			return s.with(func(c *client) error {
				ctx, collective, err := c.reading(cmd.Context(), "Download")
				if err != nil {
					return err
				}
				return s.writeTo(out, func(w io.Writer) error { return c.fetch(ctx, collective, digest, w) })
			})
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", s.lang.text("写到文件(默认:标准输出)", "write to a file (default: standard output)"))
	return cmd
}

// fetch writes a document and compares it with its digest, for the line or the server may have changed it.
func (c *client) fetch(ctx context.Context, collective string, digest documents.Digest, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.documents.Download(ctx, &apiv1.DownloadRequest{CollectiveId: collective, Sha256: digest.String()})
	if err != nil {
		return err
	}
	hash := sha256.New()
	for {
		piece, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := io.MultiWriter(hash, w).Write(piece.Data); err != nil {
			return err
		}
	}
	if documents.Digest(hash.Sum(nil)) != digest {
		return failed(exitVerified, "收到的内容不是文件 %v。", "What came is not the document %v.", digest)
	}
	return nil
}

// papers is what was found of the documents that the log of a collective names. Missing ones are told and no fault: a paper may
// be kept elsewhere.
type papers struct {
	Named   int      `json:"named"`
	Missing []string `json:"missing"` // SHA-256, hex
	Damaged []string `json:"damaged"`
}

// checkPapers looks for every document that events name, and hashes those there are.
func (d *directory) checkPapers(collective string, named map[documents.Digest]bool) (*papers, error) {
	p := &papers{Named: len(named), Missing: []string{}, Damaged: []string{}}
	for digest := range named {
		switch err := d.documents.Check(collective, digest); {
		case errors.Is(err, documents.ErrUnknown):
			p.Missing = append(p.Missing, digest.String())
		case errors.Is(err, documents.ErrDamaged):
			p.Damaged = append(p.Damaged, digest.String())
		case err != nil:
			return nil, err
		}
	}
	slices.Sort(p.Missing)
	slices.Sort(p.Damaged)
	return p, nil
}
