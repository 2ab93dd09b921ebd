package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// version is the version of this program as its build says.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func (s *session) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: s.lang.text("本程序的版本;给出 --server 时还有服务器的", "the version of this program, and of the server with --server"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer := map[string]string{"version": version()}
			if s.server != "" {
				err := s.with(func(c *client) error {
					server, err := c.disclosure.GetVersion(cmd.Context(), &apiv1.GetVersionRequest{})
					answer["server"], answer["store"] = server.GetVersion(), server.GetStore()
					return err
				})
				if err != nil {
					return err
				}
			}
			if s.json {
				return json.NewEncoder(s.stdout).Encode(answer)
			}
			fmt.Fprintln(s.stdout, "mingzhang", answer["version"])
			if s.server != "" {
				fmt.Fprintf(s.stdout, "%s %s (%s)\n", s.server, answer["server"], answer["store"])
			}
			return nil
		},
	}
}
