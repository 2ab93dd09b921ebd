package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// streamDigest is what a stream is, for a comparison of two stores.
//
// SHA256 is over all events in order, each as
//
//	<length of the type, 4 bytes big-endian> <type> <length of the data, 4 bytes big-endian> <data>
//
// and so has nothing in it that depends on the store. Root is the RFC 6962 root of the stream's tree (package transparency).
type streamDigest struct {
	Events uint64 `json:"events"`
	Bytes  uint64 `json:"bytes"`  // of data
	SHA256 string `json:"sha256"` // hex
	Root   string `json:"root"`   // hex
}

// digestOf reads a stream from its first event to a version.
func digestOf(ctx context.Context, log eventstore.Store, stream string, version uint64, step func(events int)) (d streamDigest, err error) {
	sum := sha256.New()
	var tree *transparency.Hasher
	var frame [4]byte
	field := func(b []byte) {
		binary.BigEndian.PutUint32(frame[:], uint32(len(b))) // at most EventBytesMax
		sum.Write(frame[:])
		sum.Write(b)
	}
	for e, err := range log.Read(ctx, stream, 0) {
		if err != nil {
			return d, err
		}
		if e.Version > version {
			break
		}
		if tree == nil {
			origin, err := originOf(stream, e)
			if err != nil {
				return d, err
			}
			if tree, err = transparency.NewHasher(origin); err != nil {
				return d, err
			}
		}
		if _, err := tree.Add(e.Type, e.Data); err != nil {
			return d, &eventstore.CorruptError{Stream: stream, Version: e.Version, Reason: err.Error()}
		}
		field([]byte(e.Type))
		field(e.Data)
		d.Events++
		d.Bytes += uint64(len(e.Data))
		step(1)
	}
	d.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if tree != nil {
		root := tree.Root()
		d.Root = hex.EncodeToString(root[:])
	}
	return d, nil
}

// verify reads a stream on both sides again and compares them, and with the signed head where a side is a directory.
func (c *copying) verify(ctx context.Context, st *copiedStream) error {
	from, err := digestOf(ctx, c.from.log, st.Stream, st.version, c.step)
	if err != nil {
		return err
	}
	to, err := digestOf(ctx, c.to.log, st.Stream, st.version, c.step)
	if err != nil {
		return err
	}
	if from != to || from.Events != st.version {
		return failed(exitVerified, "抄完以后 %s 两边不同:源 %d 笔 %s,目标 %d 笔 %s;不要使用目标,请查明原因。", "After the copy %s is not the same: %d events %s in the source, %d events %s in the target. Do not use the target, find out why.",
			st.Stream, from.Events, from.Root, to.Events, to.Root)
	}
	st.streamDigest = from
	for _, side := range []*openedPlace{c.from, c.to} {
		if err := side.compareHead(ctx, st); err != nil {
			return err
		}
	}
	version, err := c.to.log.Version(ctx, st.Stream)
	if err == nil && version != st.version {
		err = failed(exitVerified, "抄写的时候有别的程序往目标的 %s 里写了,它到了第 %d 笔;不要使用目标,请查明原因。", "Something else wrote to %s in the target meanwhile, it is at version %d: do not use the target, find out why.", st.Stream, version)
	}
	return err
}

// compareHead compares with the head that the directory has signed. One in a cluster that is in use may have grown since.
func (p *openedPlace) compareHead(ctx context.Context, st *copiedStream) error {
	if p.heads == nil {
		return nil
	}
	head, _, err := p.heads.Head(ctx, st.Stream)
	if err != nil {
		return err
	}
	if head.Size > st.Events && p.cluster != nil {
		return nil // of the events up to here the read above has compared the root
	}
	if root := hex.EncodeToString(head.Root[:]); head.Size != st.Events || root != st.Root {
		return damagedAt(st.Stream, 0, fmt.Sprintf("the signed head of %s has %d events and the root %s, the log %d and %s", p.name(), head.Size, root, st.Events, st.Root))
	}
	return nil
}

func sameEvent(a, b eventstore.Event) bool {
	return a.Version == b.Version && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

// pull gives the events of a read one by one, and an error when there are no more.
func pull(events iter.Seq2[eventstore.Event, error]) (next func() (eventstore.Event, error), stop func()) {
	more, stop := iter.Pull2(events)
	return func() (eventstore.Event, error) {
		e, err, ok := more()
		if !ok {
			return e, fmt.Errorf("the source ended early")
		}
		return e, err
	}, stop
}
