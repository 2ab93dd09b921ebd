package rpc_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/access"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

var update = flag.Bool("update", false, "write docs/roles.md and docs/refusals.md anew")

// TestDocsAreFresh: the pages about roles and refusals are made of the tables that decide.
func TestDocsAreFresh(t *testing.T) {
	for name, page := range map[string][]byte{"roles.md": rolesPage(), "refusals.md": refusalsPage()} {
		path := filepath.Join("..", "docs", name)
		if *update {
			fatalIf(t, os.MkdirAll(filepath.Dir(path), 0o755))
			fatalIf(t, os.WriteFile(path, page, 0o644))
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, page) {
			t.Errorf("docs/%s is not what the code says (%v): go test ./rpc -run TestDocsAreFresh -update", name, err)
		}
	}
}

var columns = []struct {
	role  eventv1.Role
	title string
}{
	{eventv1.Role_ROLE_TREASURER, "treasurer 会计"}, {eventv1.Role_ROLE_APPROVER, "approver 负责人"},
	{eventv1.Role_ROLE_SUPERVISOR, "supervisor 监督"}, {eventv1.Role_ROLE_CASHIER, "cashier 出纳"},
	{eventv1.Role_ROLE_AUDITOR, "auditor 审计"}, {eventv1.Role_ROLE_ADMIN, "admin 管理"}, {eventv1.Role_ROLE_BOARD, "board 公示"},
}

func rolesPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Who may call what

Made from the tables the server decides by (` + "`ledger.Matrix` and `access.Matrix`" + `); a test keeps it fresh. Do not edit.

A role is held in one collective, by an event of that collective. There, one operator holds at most one of treasurer,
approver, supervisor, cashier and admin. Whoever founds a collective is its first admin. The column *server-admin* is a flag
of an operator, not a role: it manages operators and founds collectives, and opens no books.
*key* means everybody with a key, whatever the role; a line of a batch is then judged like a call of its own. *public* means
everybody without a key.

Methods of SessionService are calls of their own, never lines of a batch. Some of them want a session and refuse bearer keys with
` + "`session_needed`" + `.

¹ Everybody, when the collective's charter says public_log full.

² From a session only when it was confirmed by password or passkey within five minutes, else ` + "`confirm_needed`" + `; keys of machines are not
asked. So want SetPassword without the old password, BeginPasskeyRegistration without an invitation and BeginIdentitySignIn with link.
`)
	for _, s := range serviceDescriptors() {
		fmt.Fprintf(&b, "\n## %s\n\n| method |", s.Name())
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", c.title)
		}
		b.WriteString(" server-admin | key | public |\n| --- |" + strings.Repeat(" :-: |", len(columns)+3) + "\n")
		for i := range s.Methods().Len() {
			name := string(s.Methods().Get(i).Name())
			callers, _ := callersOf(name)
			grave := ""
			if access.Grave[name] {
				grave = "²"
			}
			b.WriteString("| " + name + grave + " |")
			for _, c := range columns {
				b.WriteString(mark(slices.Contains(callers.Roles, c.role), ""))
			}
			note := ""
			if callers.PublicLog {
				note = "¹"
			}
			b.WriteString(mark(callers.Admin, "") + mark(callers.Operator, "") + mark(callers.Public, note) + "\n")
		}
	}
	return b.Bytes()
}

func mark(is bool, note string) string {
	if is {
		return " ✓ |"
	}
	return " " + note + " |"
}

func refusalsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Refusals

Made from the tables the server answers by; a test keeps it fresh. Do not edit.

Every error carries a ` + "`mingzhang.api.v1.Refusal`" + ` in its details: the reason (stable), the figures of the sentence by
name, the field where one is wrong, and one sentence in Chinese and in English. The error's message is both sentences. Nothing
was stored, with three exceptions: after ` + "`store_unavailable`, `deadline_exceeded` and `canceled`" + ` the outcome is unknown,
and sending the same command id again gives it.

| reason | code | figures | Chinese | English |
| --- | --- | --- | --- | --- |
`)
	for _, row := range rpc.ReasonTable() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", row.Reason, row.Code, strings.Join(figures(row.English), ", "), row.Chinese, row.English)
	}
	return b.Bytes()
}
