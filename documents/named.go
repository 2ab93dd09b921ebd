package documents

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// Named adds every document that an event names: the papers of its vouchers, and each field of 32 bytes of its fact, at any
// depth, whose name ends in sha256. It goes by the schema, so that a new fact with a paper is not forgotten.
func Named(e *eventv1.Event, named map[Digest]bool) {
	for _, v := range e.Vouchers {
		for _, paper := range v.Documents {
			add(paper.Sha256, named)
		}
	}
	m := e.ProtoReflect()
	if f := m.WhichOneof(factOneof); f != nil {
		walk(m.Get(f).Message(), named)
	}
}

var factOneof = (*eventv1.Event)(nil).ProtoReflect().Descriptor().Oneofs().ByName("fact")

// notPapers are digests of other things: of a statement, which is made of the books, and of a key's secret.
var notPapers = map[protoreflect.Name]bool{"statement_sha256": true, "secret_sha256": true}

func add(digest []byte, named map[Digest]bool) {
	if len(digest) == len(Digest{}) {
		named[Digest(digest)] = true
	}
}

func walk(m protoreflect.Message, named map[Digest]bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			for i := range v.List().Len() {
				walk(v.List().Get(i).Message(), named)
			}
		case f.IsList():
		case f.Kind() == protoreflect.MessageKind:
			walk(v.Message(), named)
		case f.Kind() == protoreflect.BytesKind && strings.HasSuffix(string(f.Name()), "sha256") && !notPapers[f.Name()]:
			add(v.Bytes(), named)
		}
		return true
	})
}
