package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// Completion of the shell: verbs and flags by cobra, words of enums by the schema, and what a collective's charter names by
// asking for it. A data directory in use by another process completes nothing and says nothing.

// completion adds the command that prints the scripts of shells, and completes the collectives.
func (s *session) completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if s.lang == chinese {
		for _, cmd := range root.Commands() {
			if cmd.Name() == "completion" {
				cmd.Short = "打印命令行补全脚本(bash、zsh、fish、powershell)"
			}
		}
	}
	complete(root, "collective", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var ids []string
		s.quietly(func(ctx context.Context, c *client) {
			answer, err := c.disclosure.ListCollectives(ctx, &apiv1.ListCollectivesRequest{PageSize: pageMax})
			if err == nil {
				for _, one := range answer.Collectives {
					ids = append(ids, one.Id+"\t"+one.Name)
				}
			}
		})
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	complete(root, "lang", cobra.FixedCompletions([]string{"zh", "en"}, cobra.ShellCompDirectiveNoFileComp))
}

// complete registers a completion; the flag exists, so there is no error to tell.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic("completion of --" + flag + ": " + err.Error())
	}
}

// quietly runs f with a client, or not at all.
func (s *session) quietly(f func(context.Context, *client)) {
	_ = s.with(func(c *client) error { f(context.Background(), c); return nil }) // no completion is no failure
}

// completeField completes a field's values.
func (s *session) completeField(cmd *cobra.Command, flag string, field protoreflect.FieldDescriptor) {
	switch {
	case field.Enum() != nil:
		complete(cmd, flag, cobra.FixedCompletions(enumWords(field.Enum()), cobra.ShellCompDirectiveNoFileComp))
	case field.Kind() == protoreflect.BoolKind:
		complete(cmd, flag, cobra.FixedCompletions([]string{"true", "false"}, cobra.ShellCompDirectiveNoFileComp))
	case field.Kind() == protoreflect.BytesKind:
	case field.Kind() == protoreflect.StringKind && named(field, nil) != nil:
		complete(cmd, flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var ids []string
			s.quietly(func(ctx context.Context, c *client) {
				collective, err := c.theCollective(ctx)
				if err != nil {
					return
				}
				if answer, err := c.disclosure.GetCollective(ctx, &apiv1.GetCollectiveRequest{CollectiveId: collective}); err == nil {
					ids = named(field, answer.Collective)
				}
			})
			return ids, cobra.ShellCompDirectiveNoFileComp
		})
	default:
		complete(cmd, flag, cobra.NoFileCompletions)
	}
}

// named are the ids a charter has for a field, each with its name; nil when the field names nothing in a charter.
func named(field protoreflect.FieldDescriptor, c *apiv1.Collective) []string {
	ids := []string{}
	switch name := string(field.Name()); {
	case name == "fund" || strings.HasSuffix(name, "_fund"):
		for _, f := range c.GetFunds() {
			ids = append(ids, f.Id+"\t"+f.Name)
		}
	case name == "money_account" || field.Parent().Name() == "MoveMoneyRequest" && (name == "from" || name == "to"):
		for _, m := range c.GetMoneyAccounts() {
			ids = append(ids, m.Id+"\t"+m.Name)
		}
	case name == "body":
		for _, b := range c.GetBodies() {
			ids = append(ids, b.Id+"\t"+b.Name)
		}
	case name == "purpose" || name == "purposes":
		for _, f := range c.GetFunds() {
			ids = append(ids, f.Purposes...)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	default:
		return nil
	}
	return ids
}
