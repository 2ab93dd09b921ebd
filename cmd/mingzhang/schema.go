package main

import (
	_ "embed" // for the comments of the schema
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// schemaComments are lines of a name of the schema, a tab and its comment, for methods (BooksService.RecordIncome) and for
// fields of requests (RecordIncomeRequest.amount): generated code leaves comments out. make generate writes the file.
//
//go:embed comments.tsv
var schemaComments string

// comments are the lines of schemaComments by name.
var comments = sync.OnceValue(func() map[string]string {
	all := make(map[string]string, strings.Count(schemaComments, "\n"))
	for line := range strings.Lines(schemaComments) {
		name, comment, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all[name] = comment
	}
	return all
})

// commentOf is the comment of a method, or of a field of a request.
func commentOf(d protoreflect.Descriptor) string {
	return comments()[string(d.Parent().Name())+"."+string(d.Name())]
}

// apiServices are the services of the API in the order of the docs; those that this list does not know come last, by name.
func apiServices() []protoreflect.ServiceDescriptor {
	order := []protoreflect.Name{"BooksService", "GovernanceService", "RegistryService", "AuditService", "DisclosureService"}
	var all []protoreflect.ServiceDescriptor
	pkg := apiv1.File_mingzhang_api_v1_types_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			if s := file.Services().Get(i); s.Name() != "SessionService" { // people sign in on pages; machines have keys
				all = append(all, s)
			}
		}
		return true
	})
	rank := func(s protoreflect.ServiceDescriptor) int {
		if i := slices.Index(order, s.Name()); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(all, func(a, b protoreflect.ServiceDescriptor) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(string(a.Name()), string(b.Name()))
	})
	return all
}

var capital = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// kebab is a name of the schema as one of the command line: RecordIncome and record_income become record-income.
func kebab(name protoreflect.Name) string {
	return strings.ToLower(strings.ReplaceAll(capital.ReplaceAllString(string(name), "$1-$2"), "_", "-"))
}

// enumWord is an enum's value as one short word: MONEY_ACCOUNT_KIND_BANK becomes bank.
func enumWord(v protoreflect.EnumValueDescriptor) string {
	prefix := kebab(v.Parent().Name()) + "-"
	return strings.TrimPrefix(kebab(v.Name()), prefix)
}

// enumWords are the words of an enum that mean something: all but that of 0.
func enumWords(e protoreflect.EnumDescriptor) []string {
	var words []string
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); v.Number() != 0 {
			words = append(words, enumWord(v))
		}
	}
	return words
}

// messageOf makes an empty message of a type.
func messageOf(d protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(fmt.Sprintf("message %s: %v", d.FullName(), err)) // generated code registers what it declares
	}
	return t.New().Interface()
}
