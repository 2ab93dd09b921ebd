package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

func (s *session) operatorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operator",
		Short: s.lang.text("操作员:增加、列出、密钥、邀请、停用、角色", "operators: add, list, keys, invitations, suspension, roles"),
	}
	cmd.AddCommand(s.operatorAddCmd(), s.operatorListCmd(), s.operatorKeyCmd(), s.operatorRevokeCmd(), s.operatorInviteCmd(),
		s.operatorSuspendCmd(), s.operatorReinstateCmd(), s.operatorRoleCmd())
	return cmd
}

func (s *session) operatorAddCmd() *cobra.Command {
	var name, keyOut string
	var admin, noKey bool
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: s.lang.text("增加一位操作员,并写好他的密钥文件", "add an operator and write the key file"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				name = args[0]
			}
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "CreateOperator")
				if err != nil {
					return err
				}
				r := &apiv1.CreateOperatorRequest{CommandId: commandID(""), Operator: args[0], DisplayName: name, Admin: admin, IssueKey: !noKey}
				if noKey {
					_, err := c.registry.CreateOperator(ctx, r)
					return c.said(err, "已增加操作员 "+args[0]+",没有密钥。", "The operator "+args[0]+" is added, without a key.")
				}
				path, err := c.keepKey(args[0], keyOut, func() (string, error) {
					answer, err := c.registry.CreateOperator(ctx, r)
					return answer.GetKey(), err
				})
				return c.said(err, "已增加操作员 "+args[0]+",密钥在 "+path+"。", "The operator "+args[0]+" is added; the key is in "+path+".")
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", s.lang.text("职务或化名(默认:编号)", "post or invented name (default: the id)"))
	cmd.Flags().BoolVar(&admin, "admin", false, s.lang.text("可以管理操作员、成立集体", "may manage operators and found collectives"))
	cmd.Flags().BoolVar(&noKey, "no-key", false, s.lang.text("不发密钥", "issue no key"))
	s.keyOutFlag(cmd, &keyOut)
	return cmd
}

func (s *session) keyOutFlag(cmd *cobra.Command, keyOut *string) {
	cmd.Flags().StringVarP(keyOut, "out", "o", "", s.lang.text("密钥写到哪个新文件(默认:数据目录的 keys/编号.key)", "new file for the key (default: keys/<id>.key of the data directory)"))
}

// keepKey makes the file before it asks for the key, which is shown only once; what fails leaves no empty file.
func (c *client) keepKey(operator, path string, issue func() (string, error)) (string, error) {
	if path == "" {
		path = filepath.Base(operator) + ".key"
		if c.dir != nil {
			path = filepath.Join(c.dir.path, keysDir, path)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return "", failed(exitUsage, "密钥文件 %s 已经存在;请用 -o 另给一个。", "The key file %s exists already: name another with -o.", path)
	}
	if err != nil {
		return "", cannotWrite(path, err)
	}
	key, err := issue()
	if err != nil {
		return "", errors.Join(err, file.Close(), os.Remove(path))
	}
	_, err = file.WriteString(key + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("write key file: %w", err)
	}
	return path, nil
}

// said says that something is done, unless it is not.
func (c *client) said(err error, zh, en string) error {
	if err != nil {
		return err
	}
	fmt.Fprintln(c.session.stdout, c.session.lang.text(zh, en))
	return nil
}

func (s *session) operatorListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: s.lang.text("列出操作员和各人的登录方式", "list operators and by what they can sign in"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "ListOperators")
				if err != nil {
					return err
				}
				answer, err := c.registry.ListOperators(ctx, &apiv1.ListOperatorsRequest{})
				if err != nil {
					return err
				}
				t := &table{columns: []column{
					{name: "operator", zh: "编号", en: "Id"},
					{name: "name", zh: "名称", en: "Name"},
					{name: "admin", zh: "管理员", en: "Admin"},
					{name: "password", zh: "密码", en: "Password"},
					{name: "passkeys", zh: "通行密钥", en: "Passkeys", right: true},
					{name: "sessions", zh: "登录中", en: "Sessions", right: true},
					{name: "suspended", zh: "已停用", en: "Suspended"},
					{name: "keys", zh: "密钥编号", en: "Keys"},
				}}
				for _, o := range answer.Operators {
					t.add(o.Id, o.DisplayName, s.yes(o.Admin), s.yes(o.HasPassword), some(o.Passkeys), some(o.Sessions), s.yes(o.Suspended), strings.Join(o.KeyIds, " "))
				}
				return s.show(answer, t)
			})
		},
	}
}

// some is a number in a table, empty for none.
func some(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func (s *session) yes(is bool) string {
	if !is {
		return ""
	}
	return s.lang.text("是", "yes")
}

func (s *session) operatorKeyCmd() *cobra.Command {
	var keyOut, expires string
	cmd := &cobra.Command{
		Use:   "key ID",
		Short: s.lang.text("给操作员再发一个密钥", "issue one more key to an operator"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "IssueKey")
				if err != nil {
					return err
				}
				var keyID string
				path, err := c.keepKey(args[0], keyOut, func() (string, error) {
					answer, err := c.registry.IssueKey(ctx, &apiv1.IssueKeyRequest{CommandId: commandID(""), Operator: args[0], ExpiresAt: expires})
					keyID = answer.GetKeyId()
					return answer.GetKey(), err
				})
				return c.said(err, "密钥 "+keyID+" 在 "+path+"。", "The key "+keyID+" is in "+path+".")
			})
		},
	}
	cmd.Flags().StringVar(&expires, "expires", "", s.lang.text("到期时间,RFC 3339(默认:不到期)", "end of its life, RFC 3339 (default: none)"))
	s.keyOutFlag(cmd, &keyOut)
	return cmd
}

func (s *session) operatorRevokeCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke KEY-ID",
		Short: s.lang.text("吊销一个密钥", "end a key"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "RevokeKey")
				if err != nil {
					return err
				}
				_, err = c.registry.RevokeKey(ctx, &apiv1.RevokeKeyRequest{CommandId: commandID(""), KeyId: args[0]})
				return c.said(err, "密钥 "+args[0]+" 已吊销。", "The key "+args[0]+" is ended.")
			})
		},
	}
}

func (s *session) operatorInviteCmd() *cobra.Command {
	var origin string
	cmd := &cobra.Command{
		Use:   "invite ID",
		Short: s.lang.text("邀请操作员设密码或通行密钥(7 天内,一次有效)", "invite an operator to set a password or a passkey, once, within seven days"),
		Long: s.lang.text(`链接只显示这一次,请当面或经可靠的渠道交给本人:谁拿到它,谁就能以这位操作员登录。再次邀请会使上一次的作废;忘记密码也这样重设。`,
			`The link is shown this once. Hand it to the person, or send it a way you trust: whoever has it can sign in as that operator. A later invitation takes the place of the one before; a lost password is replaced the same way.`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "InviteOperator")
				if err != nil {
					return err
				}
				answer, err := c.registry.InviteOperator(ctx, &apiv1.InviteOperatorRequest{CommandId: commandID(""), Operator: args[0]})
				if err != nil {
					return err
				}
				if origin = strings.TrimSuffix(origin, "/"); origin != "" {
					answer.Link = origin + "/invitation/" + answer.Secret + "/"
				}
				if s.json {
					return writeJSON(s.stdout, answer)
				}
				what := answer.Link
				if what == "" {
					what = answer.Secret
				}
				_, err = fmt.Fprintln(s.stdout, what)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&origin, "origin", os.Getenv(envOrigin), s.lang.text("页面的网址,写进链接("+envOrigin+",默认:问服务器;在数据目录里只给出邀请码)",
		"address of the pages, for the link ("+envOrigin+"; default: what the server knows; in a data directory the secret alone)"))
	return cmd
}

func (s *session) operatorSuspendCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "suspend ID",
		Short: s.lang.text("停用操作员:密钥和登录都立即失效", "stop every key and session of an operator"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "SuspendOperator")
				if err != nil {
					return err
				}
				_, err = c.registry.SuspendOperator(ctx, &apiv1.SuspendOperatorRequest{CommandId: commandID(""), Operator: args[0]})
				return c.said(err, "操作员 "+args[0]+" 已停用。", "The operator "+args[0]+" is suspended.")
			})
		},
	}
}

func (s *session) operatorReinstateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "reinstate ID",
		Short: s.lang.text("恢复停用的操作员", "let a suspended operator's keys work again"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "ReinstateOperator")
				if err != nil {
					return err
				}
				_, err = c.registry.ReinstateOperator(ctx, &apiv1.ReinstateOperatorRequest{CommandId: commandID(""), Operator: args[0]})
				return c.said(err, "操作员 "+args[0]+" 已恢复。", "The operator "+args[0]+" is reinstated.")
			})
		},
	}
}

func (s *session) operatorRoleCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "role",
		Short: s.lang.text("在一个集体里授予或收回角色", "grant or revoke a role in a collective"),
	}
	for _, what := range []struct {
		use, zh, en string
		grant       bool
	}{
		{"grant", "授予角色", "grant a role", true},
		{"revoke", "收回角色", "revoke a role", false},
	} {
		cmd.AddCommand(&cobra.Command{
			Use:   what.use + " COLLECTIVE OPERATOR ROLE",
			Short: s.lang.text(what.zh, what.en),
			Long: s.lang.text("角色:treasurer approver supervisor cashier board auditor admin。",
				"Roles: treasurer approver supervisor cashier board auditor admin."),
			Args: cobra.ExactArgs(3),
			RunE: func(cmd *cobra.Command, args []string) error { return s.role(cmd, args, what.grant) },
		})
	}
	return cmd
}

func (s *session) role(cmd *cobra.Command, args []string, grant bool) error {
	role := apiv1.Role(apiv1.Role_value["ROLE_"+strings.ToUpper(args[2])])
	if role == apiv1.Role_ROLE_UNSPECIFIED {
		return failed(exitUsage, "没有角色 %s。", "There is no role %s.", args[2])
	}
	s.collective = args[0]
	return s.with(func(c *client) error {
		ctx, collective, err := c.giving(cmd.Context(), "GrantRole")
		if err != nil {
			return err
		}
		if grant {
			answer, err := c.registry.GrantRole(ctx, &apiv1.GrantRoleRequest{CommandId: commandID(""), CollectiveId: collective, Operator: args[1], Role: role})
			if err != nil {
				return err
			}
			return s.showReceipt(answer.Receipt, args[1]+" 现在是 "+args[2]+"。", args[1]+" is "+args[2]+" now.")
		}
		answer, err := c.registry.RevokeRole(ctx, &apiv1.RevokeRoleRequest{CommandId: commandID(""), CollectiveId: collective, Operator: args[1], Role: role})
		if err != nil {
			return err
		}
		return s.showReceipt(answer.Receipt, args[1]+" 不再是 "+args[2]+"。", args[1]+" is "+args[2]+" no longer.")
	})
}
