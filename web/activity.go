package web

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// activity is the log of everything that anybody did, newest first, searched by person, day and content.
func (s *site) activity(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "log")
	if err != nil {
		return nil, err
	}
	asked := &apiv1.ListEventsRequest{
		CollectiveId: f.books.Id, Actor: v.query("actor"), Type: v.query("type"), CommandId: v.query("command"), From: v.query("from"), To: v.query("to"),
		Text: v.query("text"), Descending: true, PageToken: v.query("page"),
	}
	answer, err := s.audit.ListEvents(v.ctx, asked)
	if err != nil {
		return nil, err
	}
	roles, err := s.audit.ListRoles(v.ctx, &apiv1.ListRolesRequest{CollectiveId: f.books.Id, Past: true})
	if _, err = withheld(err); err != nil {
		return nil, err
	}
	return activityPage(f, asked, answer, operatorsOf(roles.GetRoles())), nil
}

// operatorsOf are those who hold or held a role, each once.
func operatorsOf(roles []*apiv1.RoleHolding) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range roles {
		if !seen[r.Operator] {
			seen[r.Operator] = true
			all = append(all, r.Operator)
		}
	}
	return all
}

// storedEvent is one event with its place in the log.
type storedEvent struct {
	*apiv1.EventHeader
	fields   []storedField
	noFields *apiv1.Refusal
	proof    *apiv1.ProveInclusionResponse
	noProof  *apiv1.Refusal
	bytes    int
}

// storedField is a field of an event as it is stored, in the names of the schema.
type storedField struct {
	name   string
	value  string // of a plain field, as people read it
	fields []storedField
}

func (s *site) logEvent(v *visit) (templ.Component, error) {
	f, err := s.folio(v, "log")
	if err != nil {
		return nil, err
	}
	version, err := versionIn(v)
	if err != nil {
		return nil, err
	}
	e := new(storedEvent)
	if version > f.books.Version {
		return nil, errNotFound
	}
	if e.EventHeader, err = s.header(f, version); err != nil {
		return nil, err
	}
	if e.EventHeader == nil {
		return nil, errNotFound
	}
	data, err := s.stored(f, version)
	if e.noFields, err = withheld(err); err != nil {
		return nil, err
	}
	if e.noFields == nil {
		message, err := rpc.DecodeEvent(data)
		if err != nil {
			return nil, err
		}
		e.fields, e.bytes = fieldsOf(message.ProtoReflect()), len(data)
	}
	e.proof, err = s.audit.ProveInclusion(v.ctx, &apiv1.ProveInclusionRequest{CollectiveId: f.books.Id, Version: version})
	if e.noProof, err = withheld(err); err != nil {
		return nil, err
	}
	return eventPage(f, e), nil
}

// versionIn is the version in the address of an event.
func versionIn(v *visit) (uint64, error) {
	version, err := strconv.ParseUint(v.request.PathValue("version"), 10, 64)
	if err != nil || version == 0 {
		return 0, errNotFound
	}
	return version, nil
}

// stored reads the bytes of one event.
func (s *site) stored(f *folio, version uint64) ([]byte, error) {
	stream, err := s.audit.ReadLog(f.ctx, &apiv1.ReadLogRequest{CollectiveId: f.books.Id, After: version - 1})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	piece, err := stream.Receive()
	if err != nil {
		return nil, err
	}
	if len(piece.Events) == 0 || piece.Events[0].Version != version {
		return nil, fmt.Errorf("the log did not send event %d", version)
	}
	return piece.Events[0].Data, nil
}

// logProof sends the proof that an event is in the log, as a file.
func (s *site) logProof(v *visit) (templ.Component, error) {
	version, err := versionIn(v)
	if err != nil {
		return nil, err
	}
	proof, err := s.audit.ProveInclusion(v.ctx, &apiv1.ProveInclusionRequest{CollectiveId: v.collective(), Version: version})
	if err != nil {
		return nil, err
	}
	v.writer.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.writer.Header().Set("Content-Disposition", `attachment; filename="proof-`+number(version)+`.txt"`)
	v.writer.WriteHeader(http.StatusOK)
	_, _ = v.writer.Write([]byte(proof.Proof))
	return nil, nil
}

// listedMax is how many entries of a list in an event are shown; a roster has thousands.
const listedMax = 50

// fieldsOf writes what a stored message has, in the order of the schema.
func fieldsOf(m protoreflect.Message) []storedField {
	var list []storedField
	for i := range m.Descriptor().Fields().Len() {
		d := m.Descriptor().Fields().Get(i)
		if !m.Has(d) {
			continue
		}
		one := storedField{name: string(d.Name())}
		switch {
		case d.IsList():
			one.value, one.fields = listOf(d, m.Get(d).List())
		case d.Message() != nil:
			one.fields = fieldsOf(m.Get(d).Message())
		default:
			one.value = valueOf(d, m.Get(d))
		}
		list = append(list, one)
	}
	return list
}

// listOf writes a list: plain values in one line, messages under their places.
func listOf(d protoreflect.FieldDescriptor, l protoreflect.List) (value string, fields []storedField) {
	var plain []string
	for i := range min(l.Len(), listedMax) {
		if d.Message() != nil {
			fields = append(fields, storedField{name: strconv.Itoa(i + 1), fields: fieldsOf(l.Get(i).Message())})
		} else {
			plain = append(plain, valueOf(d, l.Get(i)))
		}
	}
	value = strings.Join(plain, ", ")
	if l.Len() > listedMax {
		value += " … (" + strconv.Itoa(l.Len()) + ")"
	}
	return value, fields
}

// valueOf writes one plain value by what the schema's names say of it: _fen are amounts, _on days, _at microseconds.
func valueOf(d protoreflect.FieldDescriptor, v protoreflect.Value) string {
	name := string(d.Name())
	switch {
	case d.Kind() == protoreflect.BytesKind && len(v.Bytes()) == 16:
		return uuid.UUID(v.Bytes()).String()
	case d.Kind() == protoreflect.BytesKind:
		return hex.EncodeToString(v.Bytes())
	case d.Kind() == protoreflect.EnumKind:
		if value := d.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
	case strings.HasSuffix(name, "_at") && d.Kind() == protoreflect.Int64Kind:
		return time.UnixMicro(v.Int()).UTC().Format(time.RFC3339Nano)
	case strings.HasSuffix(name, "_fen"):
		return grouped(yuanOf(v.String()))
	case (strings.HasSuffix(name, "_on") || strings.HasSuffix(name, "_date")) && len(v.String()) == 8:
		day := v.String()
		return day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	return v.String()
}

// yuanOf sets the point into whole fen.
func yuanOf(fen string) string {
	digits, negative := strings.CutPrefix(fen, "-")
	if len(digits) < 3 {
		digits = strings.Repeat("0", 3-len(digits)) + digits
	}
	yuan := digits[:len(digits)-2] + "." + digits[len(digits)-2:]
	if negative {
		return "-" + yuan
	}
	return yuan
}
