package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// editionsMax bounds how many editions are looked for where there is no log that says how many there are.
const editionsMax = 1 << 20

// checkEditions checks the editions of a log in files and says how many there are. Of one with events each text is made anew, its root is
// compared with the log's, and the files beside it have to be exactly those; an export has none. Of a log that shows its head alone, a
// file can be held to its proof, and the proof to the key.
func checkEditions(ctx context.Context, held *heldLog) (count int, err error) {
	if held.replay == nil {
		return checkEditionFiles(ctx, held)
	}
	for after := 0; ; {
		editions, next := held.replay.book.Editions(after, projections.PageMax, projections.Moment{})
		for _, e := range editions {
			if err := checkEdition(ctx, held, e); err != nil {
				return count, err
			}
			count++
		}
		if after = next; next == 0 {
			break
		}
	}
	if held.files == nil {
		return count, nil
	}
	return count, checkAhead(ctx, held, uint32(count)+1)
}

// checkAhead holds that the edition behind the last one of a log is not there, or was published since: editions are published before the
// checkpoint that has them.
func checkAhead(ctx context.Context, held *heldLog, number uint32) error {
	if _, err := held.files.Read(ctx, rpc.EditionTextFile(number), projections.EditionBytesMax); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, head, err := provenEdition(ctx, held, number); err != nil || head.Size <= held.head.Size {
		return badEdition(number, "the log has no such edition")
	}
	return nil
}

func badEdition(number uint32, format string, args ...any) error {
	return &projections.EditionError{Number: number, Reason: fmt.Sprintf(format, args...)}
}

// checkEdition holds one edition to the log, and its files to it.
func checkEdition(ctx context.Context, held *heldLog, e projections.Edition) error {
	text, err := held.replay.book.CheckEdition(e)
	if err != nil {
		return err
	}
	if root, ok := held.rootAt(e.Version); !ok || string(root[:]) != string(e.Root) {
		return badEdition(e.Number, "its pin is %x at %d events, the log has %v", e.Root, e.Version, root)
	}
	if held.files == nil {
		return nil
	}
	have, err := editionFile(ctx, held.files, e.Number, rpc.EditionTextFile(e.Number), projections.EditionBytesMax)
	if err != nil {
		return err
	}
	if string(have) != text {
		return badEdition(e.Number, "%s is not the text that the log gives", rpc.EditionTextFile(e.Number))
	}
	published, head, err := provenEdition(ctx, held, e.Number)
	if err != nil {
		return err
	}
	if root, ok := held.rootAt(e.Published); !ok || head.Size != e.Published || root != head.Root || string(published.ContentSha256) != string(e.ContentSha256) {
		return badEdition(e.Number, "%s is not of this log", rpc.EditionProofFile(e.Number))
	}
	return nil
}

// checkEditionFiles holds the files of editions to their proofs.
func checkEditionFiles(ctx context.Context, held *heldLog) (count int, err error) {
	for number := uint32(1); number < editionsMax; number++ {
		text, err := held.files.Read(ctx, rpc.EditionTextFile(number), projections.EditionBytesMax)
		if errors.Is(err, fs.ErrNotExist) {
			return count, nil
		}
		if err != nil {
			return count, badEdition(number, "%v", err)
		}
		published, head, err := provenEdition(ctx, held, number)
		if err != nil {
			return count, err
		}
		if digest := sha256.Sum256(text); string(digest[:]) != string(published.ContentSha256) {
			return count, badEdition(number, "%s has the digest %x, and %x was published", rpc.EditionTextFile(number), digest, published.ContentSha256)
		}
		if head.Size > held.head.Size { // published since, before the checkpoint that has it
			return count, nil
		}
		if head.Size == held.head.Size && head.Root != held.head.Root {
			return count, badEdition(number, "%s is of %d events with another root than the checkpoint", rpc.EditionProofFile(number), head.Size)
		}
		count++
	}
	return count, nil
}

// editionFile reads a file of an edition that has to be there.
func editionFile(ctx context.Context, files transparency.Files, number uint32, name string, most int64) ([]byte, error) {
	data, err := files.Read(ctx, name, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, badEdition(number, "%s is missing", name)
	}
	if bad := (*transparency.PublishedError)(nil); errors.As(err, &bad) {
		return nil, badEdition(number, "%v", bad)
	}
	return data, err
}

// provenEdition reads the proof of an edition: the key of the log signed its head, and the event under that published this number.
func provenEdition(ctx context.Context, held *heldLog, number uint32) (*eventv1.EditionPublished, transparency.Head, error) {
	name := rpc.EditionProofFile(number)
	text, err := editionFile(ctx, held.files, number, name, editionProofMax)
	if err != nil {
		return nil, transparency.Head{}, err
	}
	p, err := transparency.ParseInclusion(text)
	if err != nil {
		return nil, p.Head, badEdition(number, "%s: %v", name, err)
	}
	if err := held.signed(p.Note); err != nil {
		return nil, p.Head, badEdition(number, "%s: the key of the log did not sign it (%v)", name, err)
	}
	event, err := extraEvent(p)
	if err != nil {
		return nil, p.Head, badEdition(number, "%s: %v", name, err)
	}
	published := event.GetEditionPublished()
	if published.GetNumber() != number {
		return nil, p.Head, badEdition(number, "%s proves something else", name)
	}
	return published, p.Head, nil
}

// extraEvent is the event that a proof has as its extra data, and proves.
func extraEvent(p transparency.Inclusion) (*eventv1.Event, error) {
	eventType, data, err := transparency.ProvenEvent(p)
	if err != nil {
		return nil, err
	}
	return ledger.Decode(eventstore.Event{Version: p.Index + 1, Type: eventType, Data: data})
}

// signed says whether a key of the log has signed a head: the one that signs now, or one that a rotation in the log names.
func (held *heldLog) signed(note []byte) error {
	_, err := transparency.OpenHead(note, held.key)
	for _, key := range held.keys {
		if err == nil {
			break
		}
		_, err = transparency.OpenHead(note, key)
	}
	return err
}

// editions checks the editions of a log in files; the first that is wrong is named.
func (p *published) editions(ctx context.Context, held *heldLog) error {
	count, err := checkEditions(ctx, held)
	if bad := (*projections.EditionError)(nil); errors.As(err, &bad) {
		return failed(exitVerified, "%[1]s 核验不符:第 %[2]d 期公示:%[4]s。", "%[1]s does not verify: edition %[2]d: %[3]s.", held.name, bad.Number, bad.Reason, reasonChinese(bad.Reason))
	}
	if err != nil {
		return err
	}
	if count > 0 {
		if held.files != nil {
			held.others = max(0, held.others-2*count)
		}
		fmt.Fprintf(p.session.stderr, p.session.lang.text("公示文本 %d 期,都相符。\n", "Editions: %d, all sound.\n"), count)
	}
	return nil
}

// editions notes the first edition of a collective whose text or root its log does not give.
func (v *verification) editions(ctx context.Context, id string, f *finding) error {
	book, err := v.client.dir.books.Book(ctx, id, 0)
	if err != nil {
		return err
	}
	for after := 0; ; {
		editions, next := book.Editions(after, projections.PageMax, projections.Moment{})
		for _, e := range editions {
			_, err := book.CheckEdition(e)
			if err == nil {
				var then transparency.Head
				then, _, err = v.client.dir.log.ProveConsistency(ctx, f.Stream, e.Version, 0)
				if err != nil {
					return err
				}
				if string(then.Root[:]) != string(e.Root) {
					err = badEdition(e.Number, "its pin is %x at %d events, the log has %v", e.Root, e.Version, then.Root)
				}
			}
			if err != nil {
				f.Result, f.FirstBad, f.Problem = resultEdition, e.Published, err.Error()
				return nil
			}
		}
		if after = next; next == 0 {
			return nil
		}
	}
}
