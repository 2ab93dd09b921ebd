package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/people"
	"github.com/mingzhang-ledger/mingzhang/projections"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// This file has the methods on personal data. A value comes in by KeepPersonalData and goes out by OpenPersonalField; between them it
// is in the vault alone. Nothing here, and nothing that is done with the requests on their way, puts one into an error, a log line, a
// metric or a trace.

// The reasons of this file.
const (
	textNamesPerson   ledger.Reason = "text_names_person"
	personalNotKept   ledger.Reason = "personal_data_not_kept"
	personalEmpty     ledger.Reason = "personal_data_empty"
	personalErased    ledger.Reason = "personal_data_erased"
	personalLimited   ledger.Reason = "personal_data_restricted"
	personalNotGiven  ledger.Reason = "personal_field_not_given"
	personalLost      ledger.Reason = "personal_data_missing"
	personalReasonMax               = 200 // characters of a stated reason
)

// personalMethods are the methods whose requests have values in them: what is wrong with the form of one is said without its text.
var personalMethods = map[string]bool{"KeepPersonalData": true, "RaiseInquiry": true}

// unquoted is a refusal of a request with personal values in it that quotes nothing of it.
func (m *method) unquoted(err error) error {
	refusal := (*ledger.Refusal)(nil)
	if !personalMethods[m.name] || !errors.As(err, &refusal) || refusal.Reason == requestTooLarge {
		return err
	}
	return refuse(requestMalformed, "", "problem", "it is no JSON of this method; what it says is not repeated here", problemChinese, "不是这个方法的 JSON,这里不重复其内容")
}

// unechoed is what the rules of the schema say of such a request, without the text that breaks them.
func (m *method) unechoed(err error) error {
	refusal := (*ledger.Refusal)(nil)
	if !personalMethods[m.name] || !errors.As(err, &refusal) || refusal.Reason == ledger.FieldInvalid {
		return err
	}
	return refuse(ledger.FieldInvalid, refusal.Field, "problem", "it is not well formed", problemChinese, "写法不对")
}

// fieldsGiven are the values of a request, normalised.
func fieldsGiven(r *apiv1.KeepPersonalDataRequest) (people.Values, error) {
	values := people.Values{eventv1.PersonalField_PERSONAL_FIELD_PERSON: r.PartyId}
	if r.Member != 0 {
		values[eventv1.PersonalField_PERSONAL_FIELD_PERSON] = "member " + strconv.FormatUint(uint64(r.Member), 10)
	}
	for field, value := range map[eventv1.PersonalField]string{
		eventv1.PersonalField_PERSONAL_FIELD_NAME: r.Name, eventv1.PersonalField_PERSONAL_FIELD_ID_NO: r.IdNo,
		eventv1.PersonalField_PERSONAL_FIELD_PHONE: r.Phone, eventv1.PersonalField_PERSONAL_FIELD_BANK_ACCOUNT: r.BankAccount,
		eventv1.PersonalField_PERSONAL_FIELD_ADDRESS: r.Address, eventv1.PersonalField_PERSONAL_FIELD_REASON: r.Reason,
	} {
		if value == "" {
			continue
		}
		normal, err := people.Normalise(field, value)
		if form := (*people.FormError)(nil); errors.As(err, &form) {
			return nil, refuse(ledger.FieldInvalid, people.FieldName(field), "problem", form.English, problemChinese, form.Chinese)
		}
		values[field] = normal
	}
	if len(values) == 1 {
		return nil, refuse(personalEmpty, "name")
	}
	if name, given := values[eventv1.PersonalField_PERSONAL_FIELD_NAME]; given {
		values[eventv1.PersonalField_PERSONAL_FIELD_MASK] = people.MaskName(name)
	}
	return values, nil
}

// personal makes the commands on personal data; nil when the request is of another kind.
func (p *reader) personal(r bookRequest) ledger.Command {
	switch r := r.(type) {
	case *apiv1.KeepPersonalDataRequest:
		return &ledger.CommitPersonalData{Member: r.Member, Party: r.PartyId, Round: r.RoundId}
	case *apiv1.RequestErasureRequest:
		c := &ledger.RequestErasure{Kind: eventv1.ErasureKind(r.Kind), Basis: eventv1.ErasureBasis(r.Basis)}
		for _, text := range r.RecordIds {
			id, err := uuid.Parse(text)
			p.keep(err)
			c.Records = append(c.Records, id[:])
		}
		for _, f := range r.Fields {
			c.Fields = append(c.Fields, eventv1.PersonalField(f))
		}
		return c
	case *apiv1.ApproveErasureRequest:
		return &ledger.ApproveErasure{Number: r.Erasure}
	case *apiv1.RejectErasureRequest:
		return &ledger.RejectErasure{Number: r.Erasure}
	}
	return nil
}

// record makes the record that a command of KeepPersonalData commits to.
func (s *Server) record(ctx context.Context, caller *caller, r *apiv1.KeepPersonalDataRequest, c *ledger.CommitPersonalData) (*eventv1.PersonalDataKept, error) {
	facts, err := s.config.Ledger.Facts(ctx, r.CollectiveId)
	if err != nil || !mayGive(facts, caller, c) {
		return nil, err // the ledger refuses it, before it looks at anything else
	}
	if s.config.People == nil {
		return nil, refuse(personalNotKept, "")
	}
	values, err := fieldsGiven(r)
	if err != nil {
		return nil, err
	}
	kept := people.New(facts.Charter.LogOrigin, r.CollectiveId, values)
	root := people.Root(kept)
	c.Record, c.Root = kept.Record, root[:]
	return kept, nil
}

// mayGive says whether a caller has one of the roles that may give a command.
func mayGive(facts *ledger.Facts, c *caller, command ledger.Command) bool {
	return ledger.MayGive(command.Name(), facts.Roles(c.operator.ID))
}

// keep puts a command's record into the vault before the log is told of it. What would be refused is refused before anything is kept;
// what was done before is not kept again, and is refused when the values are others.
func (s *Server) keep(ctx context.Context, g given) error {
	if g.kept == nil || s.dry {
		return nil
	}
	p, err := s.config.Ledger.Preview(ctx, g.collective, g.order)
	if err != nil {
		return err
	}
	if p.Repeated {
		return s.sameValues(ctx, g, p.Events)
	}
	return s.config.People.Keep(ctx, g.kept, g.order.Meta)
}

// sameValues refuses a command that was accepted before with other values. What is erased cannot be compared.
func (s *Server) sameValues(ctx context.Context, g given, first []*eventv1.Event) error {
	for _, e := range first {
		c := e.GetPersonalDataCommitted()
		if c == nil {
			continue
		}
		entry, err := s.config.People.Entry(ctx, g.collective, uuid.UUID(c.Record))
		if err != nil {
			return err
		}
		for i, slot := range entry.Kept.GetSlots() {
			if !entry.Erased.Has(eventv1.PersonalField(i+1)) && slot.Value != g.kept.Slots[i].Value {
				return refuse(ledger.CommandIDReused, "command_id", "command_id", g.order.Meta.ID.String(), "version", strconv.FormatUint(e.Version, 10))
			}
		}
	}
	return nil
}

// unnamed refuses a command whose public text names somebody whose name is kept. Only those who may give the command learn that it
// does: the refusal says nothing else, but it would answer guesses. A command accepted before gets its first answer.
func (s *Server) unnamed(ctx context.Context, c *caller, r bookRequest, command ledger.Command, id uuid.UUID) error {
	if _, founding := command.(*ledger.FoundCollective); founding || s.config.People == nil {
		return nil
	}
	facts, err := s.config.Ledger.Facts(ctx, r.GetCollectiveId())
	if err != nil || !mayGive(facts, c, command) {
		return err
	}
	if asks, ok := command.(*ledger.RaiseInquiry); ok && (asks.Wording == "" || !mayGive(facts, c, new(ledger.PublishInquiry))) {
		return nil // what is asked is not public
	}
	names, err := s.config.People.Names(ctx, r.GetCollectiveId())
	if unknown := (*ledger.Refusal)(nil); s.dry && errors.As(err, &unknown) {
		return nil // founded on the copy alone
	}
	if err != nil {
		return err
	}
	field, found := "", false
	if keeping, ok := r.(*apiv1.KeepPersonalDataRequest); ok { // the id of the party is all that becomes public, and may not be the name it stands for
		own := people.NewNames()
		own.Add(keeping.Name)
		field, found = "party_id", names.In(keeping.PartyId) || own.In(keeping.PartyId)
	} else if asking, ok := r.(*apiv1.RaiseInquiryRequest); ok {
		field, found = "wording", names.In(asking.Wording)
	} else {
		field, found = namedIn(r.ProtoReflect(), names)
	}
	if !found {
		return nil
	}
	accepted := false
	err = s.config.Ledger.View(ctx, r.GetCollectiveId(), func(state *ledger.Collective) error {
		_, accepted = state.Accepted(id)
		return nil
	})
	if err != nil || accepted {
		return err
	}
	return refuse(textNamesPerson, field)
}

// namedIn finds the first text of a message, at any depth, that has one of the names in it.
func namedIn(m protoreflect.Message, names *people.Names) (field string, found bool) {
	if names.Len() == 0 {
		return "", false
	}
	in := func(f protoreflect.FieldDescriptor, v protoreflect.Value) (string, bool) {
		switch f.Kind() {
		case protoreflect.StringKind:
			return string(f.Name()), names.In(v.String())
		case protoreflect.MessageKind:
			inner, found := namedIn(v.Message(), names)
			return string(f.Name()) + "." + inner, found
		}
		return "", false
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() {
			for i := range v.List().Len() {
				if field, found = in(f, v.List().Get(i)); found {
					return false
				}
			}
			return true
		}
		field, found = in(f, v)
		return !found
	})
	return field, found
}

func (s registryService) KeepPersonalData(ctx context.Context, r *apiv1.KeepPersonalDataRequest) (*apiv1.KeepPersonalDataResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.KeepPersonalDataResponse{Receipt: receipt}, err
}

func (s registryService) RequestErasure(ctx context.Context, r *apiv1.RequestErasureRequest) (*apiv1.RequestErasureResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RequestErasureResponse{Receipt: receipt}, err
}

// ApproveErasure carries the erasure out before it answers. When that fails the approval stands: the vault shows none of the data and
// goes on trying.
func (s registryService) ApproveErasure(ctx context.Context, r *apiv1.ApproveErasureRequest) (*apiv1.ApproveErasureResponse, error) {
	receipt, err := s.give(ctx, r)
	if err != nil {
		return nil, err
	}
	s.settled(ctx, r.CollectiveId)
	return &apiv1.ApproveErasureResponse{Receipt: receipt}, nil
}

// settled carries out what is approved and says whether nothing of it is left.
func (s *Server) settled(ctx context.Context, collective string) bool {
	if s.config.People == nil {
		return false
	}
	done, err := s.config.People.Settle(ctx, collective)
	if err != nil {
		s.config.Logger.LogAttrs(ctx, slog.LevelError, "approved erasures could not be carried out yet",
			slog.String("collective", collective), slog.String("error", err.Error()))
	}
	return done
}

func (s registryService) RejectErasure(ctx context.Context, r *apiv1.RejectErasureRequest) (*apiv1.RejectErasureResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RejectErasureResponse{Receipt: receipt}, err
}

// Lists of personal data are always of now: nobody is shown what was erased by asking for an earlier day.
type (
	personalList struct{ *apiv1.ListPersonalDataRequest }
	erasureList  struct{ *apiv1.ListErasuresRequest }
)

func (personalList) GetAsOf() string      { return "" }
func (personalList) GetAsKnownAt() string { return "" }
func (erasureList) GetAsOf() string       { return "" }
func (erasureList) GetAsKnownAt() string  { return "" }

func (s registryService) ListErasures(ctx context.Context, r *apiv1.ListErasuresRequest) (*apiv1.ListErasuresResponse, error) {
	at, after, err := s.page(ctx, erasureList{r})
	if err != nil {
		return nil, err
	}
	erasures, next := at.book.Erasures(after, pageLimit(r), at.moment)
	answer := &apiv1.ListErasuresResponse{Erasures: each(erasures, erasureOf), NextPageToken: nextNumber(r, at, next), Version: at.version}
	done := s.settled(ctx, r.CollectiveId)
	for _, q := range answer.Erasures {
		q.CarriedOut = done && q.State == "approved"
	}
	return answer, nil
}

func erasureOf(q projections.Erasure) *apiv1.Erasure {
	return &apiv1.Erasure{
		Number: q.Number, Kind: apiv1.ErasureKind(q.Kind), Basis: apiv1.ErasureBasis(q.Basis),
		RecordIds: each(q.Records, func(id []byte) string { return uuid.UUID(id).String() }),
		Fields:    each(q.Fields, func(f eventv1.PersonalField) apiv1.PersonalField { return apiv1.PersonalField(f) }),
		State:     q.State, RequestedBy: q.RequestedBy, RequestedAt: instant(q.RequestedAt), DecidedBy: q.DecidedBy, DecidedAt: instant(q.DecidedAt),
	}
}

// looking is who looks at personal data, and how far he may.
type looking struct {
	operator string
	auditor  bool
}

// looks says who looks, and refuses a stated reason that could not stand in the server's log.
func (s *Server) looks(ctx context.Context, collective, reason string) (looking, error) {
	if s.config.People == nil {
		return looking{}, refuse(personalNotKept, "")
	}
	facts, err := s.config.Ledger.Facts(ctx, collective)
	if err != nil {
		return looking{}, err
	}
	l := looking{operator: callerOf(ctx).operator.ID}
	l.auditor = slices.Contains(facts.Roles(l.operator), eventv1.Role_ROLE_AUDITOR)
	if err := ledger.CheckPublicText("reason", reason, personalReasonMax); err != nil {
		return l, err
	}
	names, err := s.config.People.Names(ctx, collective)
	if err == nil && names.In(reason) {
		err = refuse(textNamesPerson, "reason")
	}
	return l, err
}

// note writes down who has looked at what, and why; never what was seen.
func (s *Server) note(ctx context.Context, l looking, collective, what, reason string) {
	s.config.Logger.LogAttrs(ctx, slog.LevelInfo, "personal data was read", slog.String("operator", l.operator),
		slog.String("collective", collective), slog.String("what", what), slog.String("reason", reason))
}

func (s registryService) ListPersonalData(ctx context.Context, r *apiv1.ListPersonalDataRequest) (*apiv1.ListPersonalDataResponse, error) {
	l, err := s.looks(ctx, r.CollectiveId, r.Reason)
	if err != nil {
		return nil, err
	}
	at, after, err := s.page(ctx, personalList{r})
	if err != nil {
		return nil, err
	}
	records, next := at.book.PersonalRecords(r.Member, r.PartyId, after, pageLimit(r), at.moment)
	answer := &apiv1.ListPersonalDataResponse{NextPageToken: nextNumber(r, at, next), Version: at.version}
	limited := l.auditor && r.Reason != ""
	for _, record := range records {
		entry, err := s.config.People.Entry(ctx, r.CollectiveId, uuid.UUID(record.Record))
		if err != nil {
			return nil, err
		}
		answer.Records = append(answer.Records, recordOf(record, entry, limited))
	}
	if limited && len(records) > 0 {
		s.note(ctx, l, r.CollectiveId, "masks of "+strconv.Itoa(len(records))+" records, restricted ones among them", r.Reason)
	}
	return answer, nil
}

// recordOf is a record as a list shows it. limited says whether restricted fields are shown too.
func recordOf(r projections.PersonalRecord, e people.Entry, limited bool) *apiv1.PersonalRecord {
	m := &apiv1.PersonalRecord{
		RecordId: e.ID.String(), Member: r.Member, PartyId: r.Party, RoundId: r.Round, Root: hex.EncodeToString(r.Root),
		Version: r.Version, RecordedAt: instant(r.RecordedAt), State: apiv1.PersonalDataState_PERSONAL_DATA_STATE_KEPT,
	}
	for f := eventv1.PersonalField_PERSONAL_FIELD_PERSON; f <= eventv1.PersonalField_PERSONAL_FIELD_REASON; f++ {
		field := fieldOf(r, e, f, limited)
		if field == nil {
			continue
		}
		m.Fields = append(m.Fields, field)
		m.State = max(m.State, field.State)
		if f == eventv1.PersonalField_PERSONAL_FIELD_MASK {
			m.Mask = field.Masked
		}
	}
	if e.Lost {
		m.State = apiv1.PersonalDataState_PERSONAL_DATA_STATE_MISSING
	}
	return m
}

// fieldOf is a field as a list shows it, nil when it was not given.
func fieldOf(r projections.PersonalRecord, e people.Entry, f eventv1.PersonalField, limited bool) *apiv1.PersonalFieldState {
	m := &apiv1.PersonalFieldState{Field: apiv1.PersonalField(f)}
	switch {
	case e.Erased.Has(f):
		m.State, m.Erasure = apiv1.PersonalDataState_PERSONAL_DATA_STATE_ERASED, r.ErasedBy[f]
	case !people.Given(e.Kept, f):
		return nil
	case e.Restricted.Has(f):
		m.State, m.Erasure = apiv1.PersonalDataState_PERSONAL_DATA_STATE_RESTRICTED, r.RestrictedBy[f]
		if limited {
			m.Masked = people.Masked(f, e.Kept.Slots[f-1].Value)
		}
	default:
		m.State, m.Masked = apiv1.PersonalDataState_PERSONAL_DATA_STATE_KEPT, people.Masked(f, e.Kept.Slots[f-1].Value)
	}
	return m
}

func (s registryService) OpenPersonalField(ctx context.Context, r *apiv1.OpenPersonalFieldRequest) (*apiv1.OpenPersonalFieldResponse, error) {
	l, err := s.looks(ctx, r.CollectiveId, r.Reason)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(r.RecordId)
	if err != nil {
		return nil, refuse(ledger.FieldInvalid, "record_id", "problem", "it is not a UUID", problemChinese, "不是 UUID")
	}
	entry, err := s.config.People.Entry(ctx, r.CollectiveId, id)
	if errors.Is(err, people.ErrUnknown) {
		return nil, refuse(ledger.RecordUnknown, "record_id", "record", id.String())
	}
	if err != nil {
		return nil, err
	}
	book, err := s.config.Books.Book(ctx, r.CollectiveId, 0)
	if err != nil {
		return nil, err
	}
	field := eventv1.PersonalField(r.Field)
	record, _ := book.PersonalRecord(id)
	switch {
	case entry.Erased.Has(field):
		return nil, refuse(personalErased, "field", "record", id.String(), "field", people.FieldName(field), "erasure", strconv.Itoa(int(record.ErasedBy[field])))
	case entry.Restricted.Has(field) && !l.auditor:
		return nil, refuse(personalLimited, "field", "record", id.String(), "field", people.FieldName(field), "erasure", strconv.Itoa(int(record.RestrictedBy[field])))
	case entry.Lost:
		return nil, refuse(personalLost, "record_id", "record", id.String())
	}
	o, ok := people.Open(entry.Kept, entry.Origin, field)
	if !ok {
		return nil, refuse(personalNotGiven, "field", "record", id.String(), "field", people.FieldName(field))
	}
	if o.Event, o.Proof, err = s.committing(ctx, r.CollectiveId, record.Version); err != nil {
		return nil, err
	}
	s.note(ctx, l, r.CollectiveId, people.FieldName(field)+" of "+id.String(), r.Reason)
	return &apiv1.OpenPersonalFieldResponse{Value: o.Value, Proof: string(o.Format())}, nil
}

// committing gives the stored bytes of an event and the proof that it is in the log.
func (s *Server) committing(ctx context.Context, collective string, version uint64) (event, proof []byte, err error) {
	_, p, err := s.config.Log.ProveInclusion(ctx, ledger.StreamOf(collective), version, 0)
	if err != nil {
		return nil, nil, err
	}
	for stored, err := range s.config.Events.Read(ctx, ledger.StreamOf(collective), version-1) {
		return stored.Data, transparency.FormatInclusion(p), err
	}
	return nil, nil, errors.New("an event that the books have is not in the log")
}
