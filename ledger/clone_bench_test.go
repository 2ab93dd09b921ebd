package ledger_test

import (
	"testing"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// BenchmarkClone copies the state of the demonstration: what a lost race costs beside reading.
func BenchmarkClone(b *testing.B) {
	books := lt.Demo(b, "2022-12-31")
	for b.Loop() {
		if _, err := ledger.Clone(books.State); err != nil {
			b.Fatal(err)
		}
	}
}
