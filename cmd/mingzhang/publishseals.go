package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// sealsPublished is what is published of a collective beside its tree: the witness policies, and the head of each closed month with the
// signatures of its witnesses. It is public whatever the charter says of the log: nothing in it is of the books.
type sealsPublished struct {
	seals  *witness.Service
	books  witness.Books
	origin string
	keys   []string // of the log
	asides []transparency.Aside
	sealed projections.ClosedPeriod // the last month that is sealed; zero: none
}

// sealsOf makes what is published beside a head. keys are those of the log, the newest first; kept are heads that several of them have signed. The
// note that it gives is the head's, with the signatures of its witnesses when it closes a month.
func (c *client) sealsOf(ctx context.Context, id string, head transparency.Head, keys []string, note []byte, kept map[uint64][]byte) (*sealsPublished, []byte, error) {
	book, err := c.dir.books.Book(ctx, id, head.Size)
	if err != nil {
		return nil, nil, err
	}
	p := &sealsPublished{origin: head.Origin, keys: keys, books: rpc.WitnessBooks(id, book, book.Pin(projections.Moment{AsKnownAt: head.Size}))}
	p.seals = witness.NewService(c.dir.log, c.dir.log, func(string) []string { return p.keys }, clock)
	if len(p.books.Policies) == 0 {
		return p, note, nil
	}
	list, judgement, err := p.seals.Sealings(ctx, p.books)
	if err != nil {
		return nil, nil, err
	}
	var texts [][]byte
	for i := range p.books.Policies {
		text, err := p.seals.PolicyText(&p.books.Policies[i], p.origin)
		if err != nil {
			return nil, nil, err
		}
		texts = append(texts, []byte(text))
		p.add(transparency.PolicyFileOf(p.books.Policies[i].Version), texts[i], isPolicy(texts[i]))
	}
	for _, one := range list {
		if one.Policy == nil {
			continue
		}
		text, err := p.seals.Note(ctx, p.books, one)
		if err == nil && kept[one.Size] != nil {
			text, err = withLines(text, kept[one.Size])
		}
		if err != nil {
			return nil, nil, err
		}
		if p.add(transparency.SealFile(one.Size), text, p.isSeal(one, text)); one.Size == head.Size {
			note = text
		}
		if one.Sealed {
			p.sealed = projections.ClosedPeriod{Month: one.Month, Version: one.Size, ClosedAt: one.At}
		}
	}
	p.add(transparency.PolicyFile, texts[judgement.Version()-1], isPolicy(texts...))
	return p, note, nil
}

func (p *sealsPublished) add(name string, data []byte, replaces func([]byte) error) {
	p.asides = append(p.asides, transparency.Aside{Name: name, Data: data, Replaces: replaces})
}

// isPolicy takes one of these texts, with whatever keys the log had then.
func isPolicy(texts ...[]byte) func([]byte) error {
	return func(there []byte) error {
		for _, text := range texts {
			if bytes.Equal(withoutLogs(there), withoutLogs(text)) {
				return nil
			}
		}
		return errors.New("it is no witness policy of this log")
	}
}

// withoutLogs is the text of a policy without the keys of the log, which a rotation changes.
func withoutLogs(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	return bytes.Join(slices.DeleteFunc(lines, func(line []byte) bool { return bytes.HasPrefix(line, []byte("log ")) }), nil)
}

// isSeal takes the same head with signatures that are known: those of witnesses, of which more come as time goes by, and those of the log's
// keys, in whose place later ones sign.
func (p *sealsPublished) isSeal(one witness.Sealing, now []byte) func([]byte) error {
	return func(there []byte) error {
		old, err := signednote.Parse(there)
		if err != nil {
			return err
		}
		next, err := signednote.Parse(now)
		if err != nil {
			return err
		}
		if old.Text != next.Text {
			return fmt.Errorf("it is another head than that of %d events", one.Size)
		}
		for _, line := range old.Signatures {
			if !slices.ContainsFunc(next.Signatures, func(s signednote.Signature) bool { return s.String() == line.String() }) && !one.Has(line) && !p.own(old.Text, line) {
				return fmt.Errorf("the signature of %s is not one that is known", line.Name)
			}
		}
		return nil
	}
}

// own says whether a key of the log, of today or of before, made a signature line.
func (p *sealsPublished) own(text string, line signednote.Signature) bool {
	return slices.ContainsFunc(p.keys, func(key string) bool {
		v, err := signednote.ParseVerifier(key)
		return err == nil && v.Name == line.Name && v.Hash() == line.Hash && v.Verify(text, line)
	})
}

// withLines is a note with the signatures that another has of the same head.
func withLines(msg, other []byte) ([]byte, error) {
	note, err := signednote.Parse(msg)
	if err != nil {
		return nil, err
	}
	more, err := signednote.Parse(other)
	if err != nil || more.Text != note.Text {
		return msg, err
	}
	for _, line := range more.Signatures {
		if !slices.ContainsFunc(note.Signatures, func(s signednote.Signature) bool { return s.Name == line.Name && s.Hash == line.Hash }) {
			note.Signatures = append(note.Signatures, line)
		}
	}
	return note.Bytes(), nil
}
