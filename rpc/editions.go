package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// This file is about what is published beside the books: editions, and rounds under a sum tree. Both commands name what is to be
// published and get filled in, from the books and the log, what follows from that; Decide then judges them as it does all others.

// published makes those commands; nil when the request is about something else.
func (p *reader) published(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.PublishEditionRequest:
		return &ledger.PublishEdition{First: p.day("from", r.From), Last: p.day("to", r.To), Corrects: r.Corrects, Reason: r.Reason, Version: r.Version}
	case *apiv1.DiscloseRoundRequest:
		return &ledger.DiscloseRound{Kind: eventv1.RoundKind(r.Kind), Round: r.RoundId}
	}
	return nil
}

// computed says whether a command is filled in from the books, which have to have everything before it by then.
func computed(c ledger.Command) bool {
	switch c.(type) {
	case *ledger.PublishEdition, *ledger.DiscloseRound, *ledger.PublishInquiry:
		return true
	}
	return false
}

// complete fills in a computed command that is about to be carried out. The seed of a round is kept before its root is in the log: a crash
// in between leaves a record that nothing names. A command that is refused keeps none.
func (s *Server) complete(ctx context.Context, g given) error {
	seed, err := s.compute(ctx, g)
	if err != nil || seed == nil || s.dry {
		return err
	}
	if _, err := s.config.Ledger.Preview(ctx, g.collective, g.order); err != nil {
		return err
	}
	if s.config.Seeds == nil {
		return refuse(seedMissing, "round_id", "round", seed.Round)
	}
	return s.config.Seeds.Keep(ctx, g.collective, *seed)
}

// compute fills in a computed command, and gives the seed of a round's tree, which nobody has kept yet. Nothing is computed for somebody
// who may not give the command, for one that was accepted before, or for one that Decide will refuse.
func (s *Server) compute(ctx context.Context, g given) (*Seed, error) {
	if !computed(g.order.Command) {
		return nil, nil
	}
	facts, err := s.config.Ledger.Facts(ctx, g.collective)
	if err != nil {
		return nil, err
	}
	if !ledger.MayGive(g.order.Command.Name(), facts.Roles(g.order.Meta.Actor)) {
		return nil, nil
	}
	var version uint64
	repeated := false
	err = s.config.Ledger.View(ctx, g.collective, func(c *ledger.Collective) error {
		version = c.Version()
		_, repeated = c.Accepted(g.order.Meta.ID)
		return nil
	})
	if err != nil || repeated {
		return nil, err
	}
	if c, ok := g.order.Command.(*ledger.PublishInquiry); ok {
		return nil, s.compareWording(ctx, g.collective, c)
	}
	book, err := s.config.Books.Book(ctx, g.collective, version)
	if err != nil {
		return nil, err
	}
	switch c := g.order.Command.(type) {
	case *ledger.PublishEdition:
		return nil, s.computeEdition(ctx, facts, book, version, c)
	case *ledger.DiscloseRound:
		return computeTree(facts, book, c)
	}
	return nil, nil
}

func (s *Server) computeEdition(ctx context.Context, facts *ledger.Facts, book *projections.Book, version uint64, c *ledger.PublishEdition) error {
	if c.Version != 0 {
		if c.Version > version {
			return nil
		}
		version = c.Version
	}
	if c.Last < c.First || c.First.DaysTo(c.Last) >= ledger.EditionDaysMax {
		return nil
	}
	text, err := book.EditionText(c.First, c.Last, version)
	if long := (*projections.EditionTooLongError)(nil); errors.As(err, &long) {
		return refuse(editionTooLong, "to", "from", c.First.String(), "to", c.Last.String(), "max", fmt.Sprint(projections.EditionBytesMax))
	}
	if err != nil {
		return err
	}
	root, err := s.rootAt(ctx, facts.Charter, version)
	if err != nil {
		return err
	}
	c.Figures = ledger.Figures{Version: version, Root: root, Content: sha256.Sum256([]byte(text))}
	return nil
}

// rootAt is the root of the log at a version that it has.
func (s *Server) rootAt(ctx context.Context, charter *eventv1.CollectiveFounded, version uint64) (transparency.Hash, error) {
	stream := ledger.StreamOf(charter.CollectiveId)
	if !s.dry {
		head, _, err := s.config.Log.ProveConsistency(ctx, stream, version, 0)
		return head.Root, err
	}
	hasher, err := transparency.NewHasher(charter.LogOrigin) // no tree is kept of a copy
	if err != nil {
		return transparency.Hash{}, err
	}
	for e, err := range s.config.Events.Read(ctx, stream, 0) {
		if err == nil {
			_, err = hasher.Add(e.Type, e.Data)
		}
		if err != nil {
			return transparency.Hash{}, err
		}
		if e.Version == version {
			break
		}
	}
	return hasher.Root(), nil
}

func (s disclosureService) ListEditions(ctx context.Context, r *apiv1.ListEditionsRequest) (*apiv1.ListEditionsResponse, error) {
	at, after, err := s.page(ctx, r)
	if err != nil {
		return nil, err
	}
	editions, next := at.book.Editions(after, pageLimit(r), at.moment)
	shown := each(editions, func(e projections.Edition) *apiv1.Edition { return editionOf(at.facts.Charter.LogOrigin, e) })
	return &apiv1.ListEditionsResponse{Editions: shown, NextPageToken: nextNumber(r, at, next), Version: at.version}, nil
}

func (s disclosureService) GetEdition(ctx context.Context, r *apiv1.GetEditionRequest) (*apiv1.GetEditionResponse, error) {
	at, err := s.read(ctx, r)
	if err != nil {
		return nil, err
	}
	e, err := findEdition(at, r)
	if err != nil {
		return nil, err
	}
	text, err := at.book.CheckEdition(e)
	if err != nil {
		s.config.Logger.ErrorContext(ctx, "edition not reproduced", "collective", r.CollectiveId, "error", err)
		return nil, refuse(editionChanged, "number", "edition", fmt.Sprint(e.Number))
	}
	proof, err := s.proveEvent(ctx, r.CollectiveId, e.Published, e.Published)
	if err != nil {
		return nil, err
	}
	origin := at.facts.Charter.LogOrigin
	return &apiv1.GetEditionResponse{
		Edition: editionOf(origin, e), Text: text, Proof: string(transparency.FormatInclusion(proof)),
		VerifierKey: s.config.VerifierKey(origin), Version: at.version,
	}, nil
}

// EditionTextFile is the name of the file of a published log with the text of an edition.
func EditionTextFile(number uint32) string { return fmt.Sprintf("editions/%d.txt", number) }

// EditionProofFile is the name of the file of a published log with the proof that an edition was published (C2SP tlog-proof).
func EditionProofFile(number uint32) string { return fmt.Sprintf("editions/%d.tlog-proof", number) }

// editionFile is one of these files; false when the name is of none, or of an edition that there is not.
func (s *Server) editionFile(ctx context.Context, collective, name string) ([]byte, bool, error) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "editions/"), ".")
	n, err := strconv.ParseUint(digits, 10, 32)
	number := uint32(n)
	if err != nil || name != EditionTextFile(number) && name != EditionProofFile(number) {
		return nil, false, nil
	}
	e, err := disclosureService{s}.GetEdition(ctx, &apiv1.GetEditionRequest{CollectiveId: collective, Number: number})
	if refusal := (*ledger.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == ledger.EditionUnknown {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if name == EditionTextFile(number) {
		return []byte(e.Text), true, nil
	}
	return []byte(e.Proof), true, nil
}

// findEdition finds an edition by its number, its digest, or both.
func findEdition(at reading, r *apiv1.GetEditionRequest) (projections.Edition, error) {
	if r.Number != 0 {
		e, ok := at.book.Edition(r.Number, at.moment)
		if !ok {
			return e, refuse(ledger.EditionUnknown, "number", "edition", fmt.Sprint(r.Number))
		}
		if r.ContentSha256 != "" && r.ContentSha256 != hex.EncodeToString(e.ContentSha256) {
			return e, refuse(ledger.FieldInvalid, "content_sha256", "problem", "it is not the digest of that edition", problemChinese, "不是那一期的摘要")
		}
		return e, nil
	}
	for after := 0; ; {
		editions, next := at.book.Editions(after, projections.PageMax, at.moment)
		for _, e := range editions {
			if r.ContentSha256 == hex.EncodeToString(e.ContentSha256) {
				return e, nil
			}
		}
		if after = next; next == 0 {
			return projections.Edition{}, refuse(ledger.EditionUnknown, "content_sha256", "edition", clip(r.ContentSha256))
		}
	}
}

// proveEvent proves that an event is in the log at a size, 0 for the current one, with the event's entry as extra data.
func (s *Server) proveEvent(ctx context.Context, collective string, version, size uint64) (transparency.Inclusion, error) {
	stream := ledger.StreamOf(collective)
	_, p, err := s.config.Log.ProveInclusion(ctx, stream, version, size)
	if err != nil {
		return transparency.Inclusion{}, err
	}
	for e, err := range s.config.Events.Read(ctx, stream, version-1) {
		if err == nil {
			p.Extra = transparency.Entry(p.Head.Origin, e.Type, e.Data)
			_, _, err = transparency.ProvenEvent(p)
		}
		return p, err
	}
	return transparency.Inclusion{}, &eventstore.CorruptError{Stream: stream, Version: version, Reason: "the event is missing"}
}

func editionOf(origin string, e projections.Edition) *apiv1.Edition {
	return &apiv1.Edition{
		Number: e.Number, From: ledger.Day(e.FirstDay).String(), To: ledger.Day(e.LastDay).String(), Corrects: e.Corrects, CorrectedBy: e.CorrectedBy,
		Reason: e.Reason, ContentSha256: hex.EncodeToString(e.ContentSha256), Pin: pinOf(origin, e.EditionPublished), FiguresVersion: e.Version,
		Root: hex.EncodeToString(e.Root), PublishedVersion: e.Published, RecordedAt: instant(e.RecordedAt),
	}
}

// pinOf is the pin of an edition, behind the log's origin where that is known.
func pinOf(origin string, e *eventv1.EditionPublished) string {
	pin := transparency.Head{Origin: origin, Size: e.Version}
	copy(pin.Root[:], e.Root)
	return transparency.FormatPin(pin)
}

// badEdition is the first edition whose text the books do not give, nil when there is none, or when the books cannot be had.
func (s *Server) badEdition(ctx context.Context, collective string) *projections.EditionError {
	book, err := s.config.Books.Book(ctx, collective, 0)
	if err != nil {
		return nil
	}
	return book.CheckEditions()
}
