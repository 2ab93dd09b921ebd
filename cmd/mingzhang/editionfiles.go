package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"google.golang.org/protobuf/proto"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// Editions lie beside the log of their collective: the text of each, and the proof that it was published. Neither ever changes, but that the
// head of the proof is signed with the keys of today, which are what whoever has no events knows.

const editionProofMax = 64 << 10

// editions publishes those that the head has and the directory has not, and wants the others to be what they were.
func (c *client) editions(ctx context.Context, id string, head transparency.Head) func(transparency.Shelf) error {
	return func(s transparency.Shelf) error {
		for number, err := range c.editionsUpTo(ctx, id, head.Size) {
			if err != nil {
				return err
			}
			e, err := c.disclosure.GetEdition(ctx, &apiv1.GetEditionRequest{CollectiveId: id, Number: number})
			if err != nil {
				return err
			}
			if err := shelveOnce(s, rpc.EditionTextFile(number), []byte(e.Text), projections.EditionBytesMax, bytes.Equal); err != nil {
				return err
			}
			if err := shelveOnce(s, rpc.EditionProofFile(number), []byte(e.Proof), editionProofMax, sameProof); err != nil {
				return err
			}
		}
		return nil
	}
}

// editionsUpTo gives the numbers of the editions that were published by a version.
func (c *client) editionsUpTo(ctx context.Context, id string, version uint64) iter.Seq2[uint32, error] {
	return func(yield func(uint32, error) bool) {
		r := &apiv1.ListEditionsRequest{CollectiveId: id, PageSize: 1000}
		for {
			answer, err := c.disclosure.ListEditions(ctx, r)
			if err != nil {
				yield(0, err)
				return
			}
			for _, e := range answer.Editions {
				if e.PublishedVersion > version || !yield(e.Number, nil) {
					return
				}
			}
			if r.PageToken = answer.NextPageToken; r.PageToken == "" {
				return
			}
		}
	}
}

// shelveOnce writes a file that is not there, or says the same in other bytes, and refuses one that says something else.
func shelveOnce(s transparency.Shelf, name string, data []byte, most int64, same func(a, b []byte) bool) error {
	there, err := s.Read(name, most)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && !same(there, data):
		return &transparency.PublishedError{File: name, Reason: "it is not what was published: an edition never changes"}
	case err == nil && bytes.Equal(there, data):
		return nil
	}
	return s.Write(name, data)
}

// sameProof compares what two proofs prove. Who has signed the head may differ: a log's key can be another one later.
func sameProof(a, b []byte) bool {
	p, errP := transparency.ParseInclusion(a)
	q, errQ := transparency.ParseInclusion(b)
	if errP != nil || errQ != nil || p.Head != q.Head {
		return false
	}
	p.Note = q.Note
	return bytes.Equal(transparency.FormatInclusion(p), transparency.FormatInclusion(q))
}

// showEdition prints an edition's own text, byte for byte, and on the other stream what a poster says of it; false for any other answer.
func (s *session) showEdition(answer proto.Message) (bool, error) {
	a, ok := answer.(*apiv1.GetEditionResponse)
	if !ok || s.csv {
		return false, nil
	}
	e := a.Edition
	fmt.Fprintf(s.stderr, s.lang.text("第 %d 期公示,SHA-256 %s\n印记 %s\n", "Edition %d, SHA-256 %s\npin %s\n"), e.Number, e.ContentSha256, e.Pin)
	if e.CorrectedBy != 0 {
		fmt.Fprintf(s.stderr, s.lang.text("注意:已由第 %d 期更正。\n", "NOTE: edition %d corrects it.\n"), e.CorrectedBy)
	}
	_, err := io.WriteString(s.stdout, a.Text)
	return true, err
}
