package main

import (
	"context"
	"regexp"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// verb is a method of the API as a command of this program, made of its descriptor: a method that is added to the schema is a
// verb without a line of code here. Commands written by hand keep their names.
type verb struct {
	method protoreflect.MethodDescriptor
	name   string // record-income
}

// verbs are all methods, service by service, in the order of the schema.
func verbs() []verb {
	var all []verb
	for _, service := range apiServices() {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			all = append(all, verb{method, kebab(method.Name())})
		}
	}
	return all
}

func (v verb) service() string { return string(v.method.Parent().Name()) }

// reads says that the method changes nothing. A stream that is only sent from the server, which cannot be marked so, reads.
func (v verb) reads() bool {
	o, ok := v.method.Options().(*descriptorpb.MethodOptions)
	return v.sends() && !v.takes() || ok && o.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
}

// sends and takes say that answers, or requests, are a stream.
func (v verb) sends() bool { return v.method.IsStreamingServer() }
func (v verb) takes() bool { return v.method.IsStreamingClient() }

func (v verb) paged() bool {
	return v.method.Input().Fields().ByName("page_token") != nil && v.method.Output().Fields().ByName("next_page_token") != nil
}

// about is one line that says what the method does.
func (v verb) about(l language) string {
	comment := commentOf(v.method)
	if text := chineseVerbs[string(v.method.Name())]; l == chinese && text != "" {
		return text
	}
	comment = strings.TrimSuffix(strings.TrimPrefix(comment, string(v.method.Name())+" "), ".")
	if l == english {
		comment = termInChinese.ReplaceAllString(comment, "")
	}
	return comment
}

// termInChinese is the Chinese term with which comments of methods begin.
var termInChinese = regexp.MustCompile(`^\([^)]*\) `)

// spec is how a client calls the method.
func (v verb) spec() connect.Spec {
	spec := connect.Spec{Schema: v.method, Procedure: "/" + string(v.method.Parent().FullName()) + "/" + string(v.method.Name())}
	switch {
	case v.sends():
		spec.StreamType = connect.StreamTypeServer
	case v.takes():
		spec.StreamType = connect.StreamTypeClient
	case v.reads():
		spec.IdempotencyLevel = connect.IdempotencyNoSideEffects
	}
	return spec
}

// addVerbs adds a command for every method whose name no other command has, in groups by service.
func (s *session) addVerbs(root *cobra.Command) {
	byHand := map[string]bool{}
	for _, cmd := range root.Commands() {
		byHand[cmd.Name()] = true
	}
	names := map[string][]string{}
	for _, v := range verbs() {
		if !byHand[v.name] {
			root.AddCommand(s.verbCmd(v))
			names[v.service()] = append(names[v.service()], v.name)
		}
	}
	for _, service := range apiServices() {
		id := string(service.Name())
		root.AddGroup(&cobra.Group{ID: id, Title: serviceTitle(service, s.lang) + "\n" + wrapped(names[id])})
	}
}

// serviceTitle heads the verbs of a service.
func serviceTitle(service protoreflect.ServiceDescriptor, l language) string {
	if title := chineseServices[string(service.Name())]; l == chinese && title != "" {
		return title + "(" + string(service.Name()) + "):"
	}
	return string(service.Name()) + ":"
}

// wrapped sets words into lines of a terminal's width.
func wrapped(words []string) string {
	const width = 96
	text, line := "", "  "
	for i, word := range words {
		if i < len(words)-1 {
			word += ", "
		}
		if len(line)+len(word) > width {
			text, line = text+strings.TrimRight(line, " ")+"\n", "  "
		}
		line += word
	}
	return text + line
}

// asked is what the flags of a verb say.
type asked struct {
	fields  []*fieldFlag
	request string // file with the request, - for standard input
	limit   int    // entries of a list at most, 0 for all
	writing writing
}

func (s *session) verbCmd(v verb) *cobra.Command {
	a := new(asked)
	cmd := &cobra.Command{
		Use:     v.name,
		GroupID: v.service(),
		Short:   v.about(s.lang),
		Long:    s.verbHelp(v),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if v.takes() {
				return s.streamVerb(cmd.Context(), v, a)
			}
			request, err := s.requestOf(v, a)
			if err != nil {
				return err
			}
			if v.reads() {
				return s.with(func(c *client) error { return c.readVerb(cmd.Context(), v, a, request) })
			}
			return s.commandVerb(cmd.Context(), v, a, request)
		},
	}
	cmd.Flags().SortFlags = false
	a.fields = s.fieldFlags(cmd, v.method.Input())
	cmd.Flags().StringVar(&a.request, "request", "", s.lang.text("从文件读请求(protobuf JSON,- 为标准输入);其他选项盖过它",
		"file with the request in protobuf JSON, - for standard input; flags go over it"))
	switch {
	case !v.reads():
		s.writeFlags(cmd, &a.writing)
	case v.paged():
		cmd.Flags().IntVar(&a.limit, "limit", 0, s.lang.text("最多几项(默认:全部)", "entries at most (default: all)"))
	}
	return cmd
}

// verbHelp says what the method does, in the schema's words too, and where it is called over the network.
func (s *session) verbHelp(v verb) string {
	text := commentOf(v.method)
	if about := v.about(s.lang); s.lang == chinese && about != text {
		text = about + "。\n" + text
	}
	return text + "\nAPI: POST /" + string(v.method.Parent().FullName()) + "/" + string(v.method.Name())
}

// requestOf makes the request of a file, if any, and the flags over it.
func (s *session) requestOf(v verb, a *asked) (proto.Message, error) {
	request := messageOf(v.method.Input())
	if a.request != "" {
		text, err := s.readAll(a.request)
		if err != nil {
			return nil, err
		}
		if err := protojson.Unmarshal(text, request); err != nil {
			return nil, badMessage(a.request, err)
		}
	}
	oneofs := map[protoreflect.Name]string{}
	for _, f := range a.fields {
		if err := f.put(request.ProtoReflect(), oneofs); err != nil {
			return nil, err
		}
	}
	if a.limit < 0 {
		return nil, failed(exitUsage, "--limit 不能为负。", "--limit cannot be negative.")
	}
	return request, nil
}

// textField is a field of a message for reading and writing a text; ok is false when there is none.
func textField(m proto.Message, name protoreflect.Name) (field protoreflect.FieldDescriptor, text string, ok bool) {
	field = m.ProtoReflect().Descriptor().Fields().ByName(name)
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return nil, "", false
	}
	return field, m.ProtoReflect().Get(field).String(), true
}

func setText(m proto.Message, field protoreflect.FieldDescriptor, text string) {
	m.ProtoReflect().Set(field, protoreflect.ValueOfString(text))
}

// calling fills in the collective and says who calls. The collective of a founding has to be named: it is none of those
// there are.
func (c *client) calling(ctx context.Context, v verb, request proto.Message) (context.Context, error) {
	s := c.session
	callers, onBooks := rpc.CallersOf(string(v.method.Name()))
	field, given, ofCollective := textField(request, "collective_id")
	if ofCollective {
		if s.collective == "" {
			s.collective = given
		}
		if s.collective == "" && callers.Admin {
			return ctx, failed(exitUsage, "请用 --collective 给出编号。", "Give the id with --collective.")
		}
		collective, err := c.theCollective(ctx)
		if err != nil {
			return ctx, err
		}
		setText(request, field, collective)
	}
	switch {
	case c.dir == nil:
		return ctx, nil
	case callers.Public && s.as == "":
		return ctx, nil
	case callers.Public:
		return rpc.AsOperator(ctx, s.as), nil
	case callers.Admin || callers.Operator || !ofCollective:
		return c.asAdmin(ctx, string(v.method.Name()))
	}
	ctx, _, err := c.acting(ctx, string(v.method.Name()), callers.Roles, !onBooks)
	return ctx, err
}

// commandVerb gives a command, after its preview and a question where somebody can be asked.
func (s *session) commandVerb(ctx context.Context, v verb, a *asked, request proto.Message) error {
	if err := s.mayAsk(a.writing); err != nil {
		return err
	}
	return s.with(func(c *client) error {
		if field, given, ok := textField(request, "command_id"); ok && (given == "" || a.writing.id != "") {
			setText(request, field, commandID(a.writing.id))
		}
		ctx, err := c.calling(ctx, v, request)
		if err != nil {
			return err
		}
		done, err := c.confirm(ctx, a.writing, string(v.method.Name()), request, "办理吗?", "Do it?")
		if done || err != nil {
			return v.atFlag(a, err)
		}
		answer := messageOf(v.method.Output())
		if err := c.conn.CallUnary(ctx, v.spec(), request, answer); err != nil {
			return repeatable(v.atFlag(a, err), request)
		}
		return c.showDone(request, answer)
	})
}

// atFlag names the flag of the field that a refusal is about.
func (v verb) atFlag(a *asked, err error) error {
	refusal := refusalIn(err)
	if refusal == nil {
		return err
	}
	name, _, _ := strings.Cut(refusal.Field, ".")
	name, _, _ = strings.Cut(name, "[")
	for _, f := range a.fields {
		if string(f.field.Name()) == name {
			said := *explain(err)
			said.zh += "(选项 --" + f.name + ")"
			said.en += " (--" + f.name + ")"
			return &said
		}
	}
	return err
}

// readVerb calls a read and prints its answer.
func (c *client) readVerb(ctx context.Context, v verb, a *asked, request proto.Message) error {
	ctx, err := c.calling(ctx, v, request)
	if err != nil {
		return err
	}
	if v.sends() {
		return c.readStream(ctx, v, request)
	}
	answer := messageOf(v.method.Output())
	if v.paged() {
		err = c.readPages(ctx, v, a.limit, request, answer)
	} else {
		err = c.conn.CallUnary(ctx, v.spec(), request, answer)
	}
	if err != nil {
		return v.atFlag(a, err)
	}
	_, asOf, _ := textField(request, "as_of")
	return c.session.showAnswer(answer, asOf)
}

// pageMax is how many entries are asked for at a time.
const pageMax = 1000

// readPages reads page after page into one answer, up to a limit, 0 for none. The answer's token says where to go on.
func (c *client) readPages(ctx context.Context, v verb, limit int, request, answer proto.Message) error {
	in, all := request.ProtoReflect(), answer.ProtoReflect()
	size, token := in.Descriptor().Fields().ByName("page_size"), in.Descriptor().Fields().ByName("page_token")
	next := all.Descriptor().Fields().ByName("next_page_token")
	for {
		if size != nil {
			in.Set(size, protoreflect.ValueOfUint32(uint32(pageMax)))
			if limit > 0 {
				in.Set(size, protoreflect.ValueOfUint32(uint32(min(pageMax, limit-count(all)))))
			}
		}
		page := messageOf(v.method.Output())
		if err := c.conn.CallUnary(ctx, v.spec(), request, page); err != nil {
			return err
		}
		before := in.Get(token).String()
		all.Clear(next)
		proto.Merge(answer, page)
		if token := all.Get(next).String(); token == "" || token == before || limit > 0 && count(all) >= limit {
			return nil
		}
		in.Set(token, all.Get(next))
	}
}

// count is how many entries the lists of an answer have.
func count(m protoreflect.Message) int {
	n := 0
	for i := range m.Descriptor().Fields().Len() {
		if f := m.Descriptor().Fields().Get(i); f.IsList() && f.Message() != nil {
			n += m.Get(f).List().Len()
		}
	}
	return n
}
