package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// storedEvents are events as a store keeps them, whether any rule would have made them or not.
func storedEvents(tb testing.TB, events []*eventv1.Event) []eventstore.Event {
	tb.Helper()
	var stored []eventstore.Event
	for _, e := range events {
		data, err := ledger.Encode(e)
		if err != nil {
			tb.Fatal(err)
		}
		stored = append(stored, eventstore.Event{Stream: ledger.StreamOf(lt.LiminbaID), Version: e.Version, Type: data.Type, Data: data.Data})
	}
	return stored
}

// newKey is a log's key in other hands than the store's, for those who forge.
func newKey(tb testing.TB, origin string) (secret, verifierKey string) {
	tb.Helper()
	secret, verifierKey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		tb.Fatal(err)
	}
	return secret, verifierKey
}

// publishEvents publishes events under a new key and gives it.
func publishEvents(tb testing.TB, dir string, stored []eventstore.Event) (verifierKey string) {
	tb.Helper()
	origin, err := ledger.LogOrigin(stored[0].Stream, stored[0])
	if err != nil {
		tb.Fatal(err)
	}
	secret, verifierKey := newKey(tb, origin)
	publishUnder(tb, dir, secret, verifierKey, stored)
	return verifierKey
}

// publishUnder publishes events with a key, whatever they say.
func publishUnder(tb testing.TB, dir, secret, verifierKey string, stored []eventstore.Event) {
	tb.Helper()
	signer, err := note.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	hasher, err := transparency.NewHasher(signer.Name())
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range stored {
		if _, err := hasher.Add(e.Type, e.Data); err != nil {
			tb.Fatal(err)
		}
	}
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%v\n", signer.Name(), len(stored), hasher.Root())}, signer)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = transparency.Publish(tb.Context(), dir, transparency.Publication{Note: msg, VerifierKey: verifierKey,
		Read: func(_ context.Context, after uint64) iter.Seq2[eventstore.Event, error] {
			return func(yield func(eventstore.Event, error) bool) {
				for _, e := range stored[after:] {
					if !yield(e, nil) {
						return
					}
				}
			}
		}})
	if err != nil {
		tb.Fatal(err)
	}
}
