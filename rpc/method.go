package rpc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/mingzhang-ledger/mingzhang/access"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// method is one method of the services, made from its descriptor: what a call and a line of a batch have in common.
type method struct {
	name      string // RecordIncome
	service   string // BooksService
	procedure string // /mingzhang.api.v1.BooksService/RecordIncome
	input     protoreflect.MessageType
	unary     bool
	read      bool // has no side effects
	timeout   time.Duration
	// callers says who may call it. A command on books has none: the ledger decides, by ledger.Matrix, in the same breath as
	// everything else.
	callers *access.Callers
	anybody bool // a command on books that needs no key
}

// newRequest makes an empty request.
func (m *method) newRequest() proto.Message { return m.input.New().Interface() }

// services are the descriptors of the services, in the order of the docs.
func services() []protoreflect.ServiceDescriptor {
	var all []protoreflect.ServiceDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		apiv1.File_mingzhang_api_v1_registry_service_proto,
		apiv1.File_mingzhang_api_v1_session_service_proto,
		apiv1.File_mingzhang_api_v1_governance_service_proto,
		apiv1.File_mingzhang_api_v1_books_service_proto,
		apiv1.File_mingzhang_api_v1_audit_service_proto,
		apiv1.File_mingzhang_api_v1_disclosure_service_proto,
		apiv1.File_mingzhang_api_v1_documents_service_proto,
	} {
		for i := range file.Services().Len() {
			all = append(all, file.Services().Get(i))
		}
	}
	return all
}

// methods lists every method. A method that neither table of callers knows stays closed to everybody.
func methods() []*method {
	var all []*method
	for _, service := range services() {
		for i := range service.Methods().Len() {
			all = append(all, newMethod(service, service.Methods().Get(i)))
		}
	}
	return all
}

func newMethod(service protoreflect.ServiceDescriptor, d protoreflect.MethodDescriptor) *method {
	input, err := protoregistry.GlobalTypes.FindMessageByName(d.Input().FullName())
	if err != nil {
		panic(fmt.Sprintf("rpc: request of %s: %v", d.FullName(), err)) // generated code registers what it declares
	}
	m := &method{
		name:      string(d.Name()),
		service:   string(service.Name()),
		procedure: "/" + string(service.FullName()) + "/" + string(d.Name()),
		input:     input,
		unary:     !d.IsStreamingServer() && !d.IsStreamingClient(),
		timeout:   callTimeout,
	}
	if o, ok := d.Options().(*descriptorpb.MethodOptions); ok {
		m.read = o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS || d.IsStreamingServer()
	}
	switch {
	case m.name == "Watch", m.name == "WatchHeads":
		m.timeout = watchTimeout
	case m.name == "VerifyLog", !m.unary:
		m.timeout = longTimeout
	}
	if callers, ok := access.Matrix[m.name]; ok {
		m.callers = &callers
	} else if roles, ok := ledger.Matrix[commandName(m.name)]; ok {
		m.anybody = slices.Contains(roles, ledger.Anybody)
	} else {
		m.callers = &access.Callers{} // nobody
	}
	return m
}

// commandName is the command on books that a method gives, for it is in ledger.Matrix under that name.
func commandName(method string) string {
	if method == "RequestReversal" { // a correction without anything in place
		return "RequestCorrection"
	}
	return method
}

// CallersOf says who may call a method, from the two tables, and whether it is a command on books, which the ledger judges. A
// method that neither table knows is closed to everybody.
func CallersOf(method string) (callers access.Callers, onBooks bool) {
	if callers, ok := access.Matrix[method]; ok {
		return callers, false
	}
	roles, onBooks := ledger.Matrix[commandName(method)]
	if slices.Contains(roles, ledger.Anybody) {
		return access.Callers{Public: true}, onBooks
	}
	return access.Callers{Roles: roles}, onBooks
}

// sessionServiceName is the service whose calls are never lines of a batch: they hold passwords, and files hold batches.
const sessionServiceName = "SessionService"

// registry finds methods by their names.
type registry struct {
	byProcedure map[string]*method
	byName      map[string]*method // commands: RecordIncome, BooksService/RecordIncome, mingzhang.api.v1.BooksService/RecordIncome
	commands    []string           // their names, RecordIncome, sorted
	methods     []string           // the names of all methods, sorted
}

func newRegistry() *registry {
	r := &registry{byProcedure: map[string]*method{}, byName: map[string]*method{}}
	for _, m := range methods() {
		r.byProcedure[m.procedure] = m
		r.methods = append(r.methods, m.name)
		if m.read || !m.unary || m.name == "Apply" || m.service == sessionServiceName {
			continue
		}
		for _, name := range []string{m.name, m.service + "/" + m.name, m.procedure[1:]} {
			if r.byName[name] != nil {
				panic("rpc: two methods are called " + name)
			}
			r.byName[name] = m
		}
		r.commands = append(r.commands, m.name)
	}
	slices.Sort(r.commands)
	slices.Sort(r.methods)
	return r
}

// command finds the command that a line of a batch names, by any of its three names.
func (r *registry) command(name string) (*method, error) {
	if m := r.byName[name]; m != nil {
		return m, nil
	}
	return nil, unknown(name, r.commands)
}

// nearMax is how many names a refusal suggests.
const nearMax = 3

// unknown refuses a name and lists the known ones that are spelled most like it.
func unknown(name string, known []string) *ledger.Refusal {
	word := clip(name)
	if i := strings.LastIndexAny(word, "/."); i >= 0 {
		word = word[i+1:]
	}
	word = strings.ToLower(strings.ReplaceAll(word, "_", ""))
	near := slices.Clone(known)
	slices.SortStableFunc(near, func(a, b string) int {
		return distance(word, strings.ToLower(a)) - distance(word, strings.ToLower(b))
	})
	return refuse(methodUnknown, "method", "method", clip(name), "near", strings.Join(near[:nearMax], ", "))
}

// distance is the number of letters to insert, drop or change to make one word of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
