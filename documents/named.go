package documents

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Named adds every digest that a fact names: each field of 32 bytes, at any depth, whose name ends in sha256. It goes by the
// schema, so that a new fact with a paper is not forgotten; digests of other things (a statement) do no harm.
func Named(fact proto.Message, named map[Digest]bool) { walk(fact.ProtoReflect(), named) }

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
		case f.Kind() == protoreflect.BytesKind && strings.HasSuffix(string(f.Name()), "sha256") && len(v.Bytes()) == len(Digest{}):
			named[Digest(v.Bytes())] = true
		}
		return true
	})
}
