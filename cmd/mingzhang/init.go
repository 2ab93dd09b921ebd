package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (s *session) initCmd() *cobra.Command {
	var secret string
	cmd := &cobra.Command{
		Use:   "init",
		Short: s.lang.text("建立数据目录、管理员和密钥文件", "make a data directory with an admin and its key file"),
		Long: s.lang.text(`建立数据目录、管理员和密钥文件。
给了 --store 就是集群的一个节点的目录:账簿在集群里,签名的密钥、根和快照在目录里。集群里已有操作员时不再建管理员。
几个节点要用同一个 secret(--secret),签出的根才是同一把密钥的。
给了 --signer 就由那个签名进程(mingzhang signer)来签,目录里没有 secret。`,
			`Make a data directory with an admin and its key file.
With --store it is the directory of a node of a cluster: the log is there, the secret, heads and snapshots are here. No admin is made when the store has operators.
The nodes of a store need one secret (--secret), so that what they sign is signed by the same keys.
With --signer that process (mingzhang signer) signs, and the directory has no secret.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.server != "" {
				return failed(exitUsage, "init 只能在本机建立数据目录;请用 --data。", "init makes a data directory on this machine: use --data.")
			}
			if s.signer != "" && secret != "" {
				return failed(exitUsage, "给了 --signer,密钥在签名的进程那里;请去掉 --secret。", "With --signer the secret is with the signer: leave --secret out.")
			}
			made, err := makeDirectory(cmd.Context(), s.data, making{secret: secret, store: s.store, signer: s.signer})
			if err != nil {
				return err
			}
			s.welcome(made, secret != "" || s.signer != "")
			return nil
		},
	}
	cmd.Flags().StringVar(&secret, "secret", "", s.lang.text("用这个 secret 文件,不另建(集群的各个节点要一样)", "use this file secret instead of a new one (the nodes of a cluster need the same)"))
	return cmd
}

// welcome says what was made and what comes next.
func (s *session) welcome(made made, sameSecret bool) {
	if !made.admin {
		fmt.Fprintf(s.stdout, s.lang.text(`已建立节点的数据目录 %[1]s。集群里已有操作员,没有另建管理员:各人用自己的密钥。
密钥丢了可以在这里补发:mingzhang operator key 操作员 --data %[1]s
接下来:
  mingzhang verify --data %[1]s
  mingzhang serve --data %[1]s
`, `The data directory %[1]s of a node is made. The store has operators, so no admin was made: they bring their keys.
A key that was lost can be replaced here: mingzhang operator key OPERATOR --data %[1]s
Next:
  mingzhang verify --data %[1]s
  mingzhang serve --data %[1]s
`), s.data)
		if !sameSecret {
			fmt.Fprintf(s.stderr, s.lang.text("注意:这个节点的 secret 是新的,它签的根别的节点的公钥核对不了;要签得一样,请删去 %[1]s,用 --secret 给出别的节点的 secret 重做。\n",
				"Note: the secret of this node is new, what it signs cannot be checked with the public keys of others. To sign as they do, remove %[1]s and do it again with --secret and the secret of another node.\n"), s.data)
		}
		return
	}
	beside := s.lang.text("和 ", " and of ") + filepath.Join(s.data, secretFile) + s.lang.text(" 一起", "")
	if s.signer != "" { // which has the secret
		beside = ""
	}
	fmt.Fprintf(s.stdout, s.lang.text(`已建立数据目录 %[1]s。
管理员 %[2]s 的密钥在 %[3]s,只有您能读;请%[4]s另存一份。
接下来:
  mingzhang operator add treasurer --name 会计 --data %[1]s
  mingzhang found 章程.json --data %[1]s
  mingzhang serve --data %[1]s
`, `The data directory %[1]s is made.
The key of the operator %[2]s is in %[3]s, readable by you alone; keep a copy of it%[4]s elsewhere.
Next:
  mingzhang operator add treasurer --name Treasurer --data %[1]s
  mingzhang found charter.json --data %[1]s
  mingzhang serve --data %[1]s
`), s.data, adminID, keyPath(s.data, adminID), beside)
}
