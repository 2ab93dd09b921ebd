package projections

import (
	"encoding/binary"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// TestPassingFactsAreNotKept folds the demonstration, with papers, out of memory that is overwritten as soon as it is used, and wants
// the book that ordinary events give.
func TestPassingFactsAreNotKept(t *testing.T) {
	b := lt.Demo(t, "2022-12-31")
	rent := lt.Rent("2022-12-31", "98,000.00")
	rent.Payer, rent.Documents = "org/示例市场", []ledger.Document{{Kind: "bank_line", Issuer: "bank-of-example", Number: "2022-12-31-7", SHA256: make([]byte, 32), MediaType: "image/png"}}
	b.Do("2022-12-31", lt.Treasurer, rent)
	b.Do("2022-12-31", lt.Treasurer, &ledger.ReceiveDeposit{Kind: "lease", Amount: 100, On: lt.Day("2022-12-31"), Money: "bank", Payer: "party/lessee", Narration: "只收一次"})
	foldLent(t, lt.LiminbaID, b.Events)
	foldLent(t, lt.LiminbaID, frozenStream(t))
}

// frozenStream is the stream with every fact that the ledger's frozen encodings hold.
func frozenStream(t *testing.T) (events []*eventv1.Event) {
	data, err := os.ReadFile("../ledger/testdata/events/v1/stream.binpb")
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		e := new(eventv1.Event)
		if err := proto.Unmarshal(data[n:n+int(size)], e); err != nil {
			t.Fatal(err)
		}
		events, data = append(events, e), data[n+int(size):]
	}
	return events
}

// foldLent folds events as they are, and out of memory that is taken away again, and compares the books.
func foldLent(t *testing.T, id string, events []*eventv1.Event) {
	t.Helper()
	kept, lent := NewBook(id), NewBook(id)
	for _, e := range events {
		if err := kept.Fold(e); err != nil {
			t.Fatal(err)
		}
		stored, err := ledger.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		again := new(eventv1.Event)
		if !ledger.PassingFact(stored.Type) {
			again = e
		} else if err := again.UnmarshalVTUnsafe(stored.Data); err != nil {
			t.Fatal(err)
		}
		if err := lent.Fold(again); err != nil {
			t.Fatal(err)
		}
		if again == e {
			continue
		}
		for i := range stored.Data {
			stored.Data[i] = 'x'
		}
		again.ResetVT()
	}
	if kept.Digest() != lent.Digest() {
		t.Error("a book folded from memory that is used again is another one")
	}
}
