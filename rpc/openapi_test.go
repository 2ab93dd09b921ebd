package rpc_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/mingzhang-ledger/mingzhang/docs"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// node is a mapping of the description.
type node = map[string]any

// at walks down mappings; an absent step gives nil.
func at(n any, path ...string) any {
	for _, step := range path {
		m, _ := n.(node)
		n = m[step]
	}
	return n
}

func description(t *testing.T) node {
	t.Helper()
	var d node
	fatalIf(t, yaml.Unmarshal(docs.OpenAPI, &d))
	return d
}

// TestDescriptionIsFresh: docs/openapi.yaml has every method, by GET too where it reads, and every message with exactly the
// fields of the schema, all of them described. make check compares the whole file.
func TestDescriptionIsFresh(t *testing.T) {
	d := description(t)
	if d["openapi"] != "3.1.0" || at(d, "info", "title") != "mingzhang" {
		t.Errorf("openapi %v, info %v", d["openapi"], d["info"])
	}
	paths, _ := d["paths"].(node)
	if len(paths) != len(methodDescriptors()) {
		t.Errorf("%d paths for %d methods: make generate", len(paths), len(methodDescriptors()))
	}
	messages := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	for _, m := range methodDescriptors() {
		operations, _ := paths[procedure(m)].(node)
		reads := m.Options().(*descriptorpb.MethodOptions).GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
		if operations["post"] == nil || (operations["get"] != nil) != reads {
			t.Errorf("%s has the operations %v: make generate", m.FullName(), operations)
		}
		for verb, operation := range operations {
			if text, _ := at(operation, "description").(string); !strings.Contains(text, string(m.Name())) {
				t.Errorf("%s %s is described as %q", verb, m.Name(), text)
			}
			for _, status := range []string{"200", "default"} {
				if at(operation, "responses", status) == nil {
					t.Errorf("%s %s has no response %s", verb, m.Name(), status)
				}
			}
		}
		gather(m.Input(), messages)
		gather(m.Output(), messages)
	}
	for name, message := range messages {
		checkSchema(t, message, at(d, "components", "schemas", string(name)))
	}
}

// gather collects a message and those it holds.
func gather(m protoreflect.MessageDescriptor, all map[protoreflect.FullName]protoreflect.MessageDescriptor) {
	if m.IsMapEntry() || all[m.FullName()] != nil {
		return
	}
	all[m.FullName()] = m
	for i := range m.Fields().Len() {
		if inner := m.Fields().Get(i).Message(); inner != nil {
			gather(inner, all)
		}
	}
}

func checkSchema(t *testing.T, m protoreflect.MessageDescriptor, schema any) {
	t.Helper()
	described := node{}
	properties(schema, described)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if text, _ := at(described, f.JSONName(), "description").(string); text == "" {
			t.Errorf("%s.%s is not described: make generate", m.FullName(), f.Name())
		}
	}
	if len(described) != m.Fields().Len() {
		t.Errorf("%s has %d fields, its description has %d: make generate", m.FullName(), m.Fields().Len(), len(described))
	}
}

// properties collects the properties of a schema, also from the alternatives that a oneof becomes.
func properties(schema any, all node) {
	own, _ := at(schema, "properties").(node)
	maps.Copy(all, own)
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		list, _ := at(schema, key).([]any)
		for _, part := range list {
			properties(part, all)
		}
	}
}

// TestReferencesOfTheDescriptionResolve, and every schema is used.
func TestReferencesOfTheDescriptionResolve(t *testing.T) {
	d := description(t)
	used := map[string]bool{}
	var walk func(n any)
	walk = func(n any) {
		switch n := n.(type) {
		case node:
			if ref, ok := n["$ref"].(string); ok {
				name, local := strings.CutPrefix(ref, "#/components/schemas/")
				if !local || at(d, "components", "schemas", name) == nil {
					t.Errorf("%s leads nowhere", ref)
				}
				used[name] = true
			}
			for _, inner := range n {
				walk(inner)
			}
		case []any:
			for _, inner := range n {
				walk(inner)
			}
		}
	}
	walk(d)
	schemas, _ := at(d, "components", "schemas").(node)
	for name := range schemas {
		if !used[name] && !strings.HasSuffix(name, "Entry") { // of a map: written out where it stands
			t.Errorf("nothing refers to %s", name)
		}
	}
}

// TestErrorsAreDescribed: the refusal in the details has the fields of the schema, and the codes are those of the protocol.
func TestErrorsAreDescribed(t *testing.T) {
	d := description(t)
	described, _ := at(d, "components", "schemas", "connect.error_details.Any", "properties", "debug", "properties").(node)
	fields := (*apiv1.Refusal)(nil).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if described[fields.Get(i).JSONName()] == nil {
			t.Errorf("the refusal's %s is not described", fields.Get(i).Name())
		}
	}
	if len(described) != fields.Len() {
		t.Errorf("%d fields described, the refusal has %d", len(described), fields.Len())
	}
	codes, _ := at(d, "components", "schemas", "connect.error", "properties", "code", "enum").([]any)
	for _, row := range refusalCodes() {
		if !slices.Contains(codes, any(row)) {
			t.Errorf("code %s is not described", row)
		}
	}
}

func refusalCodes() []string {
	var codes []string
	for _, row := range rpc.ReasonTable() {
		codes = append(codes, row.Code.String())
	}
	return codes
}
