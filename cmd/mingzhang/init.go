package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (s *session) initCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: s.lang.text("建立数据目录、管理员和密钥文件", "make a data directory with an admin and its key file"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.server != "" {
				return failed(exitUsage, "init 只能在本机建立数据目录;请用 --data。", "init makes a data directory on this machine: use --data.")
			}
			if err := makeDirectory(cmd.Context(), s.data); err != nil {
				return err
			}
			fmt.Fprintf(s.stdout, s.lang.text(`已建立数据目录 %[1]s。
管理员 %[2]s 的密钥在 %[3]s,只有您能读;请和 %[1]s/secret 一起另存一份。
接下来:
  mingzhang operator add treasurer --name 会计 --data %[1]s
  mingzhang found 章程.json --data %[1]s
  mingzhang serve --data %[1]s
`, `The data directory %[1]s is made.
The key of the operator %[2]s is in %[3]s, readable by you alone; keep a copy of it and of %[1]s/secret elsewhere.
Next:
  mingzhang operator add treasurer --name Treasurer --data %[1]s
  mingzhang found charter.json --data %[1]s
  mingzhang serve --data %[1]s
`), s.data, adminID, keyPath(s.data, adminID))
			return nil
		},
	}
}
