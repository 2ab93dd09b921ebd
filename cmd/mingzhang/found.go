package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

func (s *session) foundCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "found FILE.json",
		Short: s.lang.text("按章程文件成立一个集体(- 读标准输入)", "found a collective from a file with its charter (- is standard input)"),
		Long: s.lang.text("文件是一个 FoundCollectiveRequest(protobuf JSON)。没有 commandId 时按内容生成,再办一次不会重复。",
			"The file is a FoundCollectiveRequest in protobuf JSON. Without a commandId one is made of its content: founding once more changes nothing."),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := s.readAll(args[0])
			if err != nil {
				return err
			}
			r := new(apiv1.FoundCollectiveRequest)
			if err := protojson.Unmarshal(text, r); err != nil {
				return failed(exitRefused, "%s 写法不对:%v。", "%s is not well formed: %v.", args[0], err)
			}
			if r.CommandId == "" {
				r.CommandId = commandIDOf("found", text).String()
			}
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "FoundCollective")
				if err != nil {
					return err
				}
				answer, err := c.registry.FoundCollective(ctx, r)
				if err != nil {
					return err
				}
				return s.showReceipt(answer.Receipt,
					fmt.Sprintf("%s(%s)已成立。接下来授予角色:mingzhang operator role grant %s OPERATOR treasurer", r.Name, r.CollectiveId, r.CollectiveId),
					fmt.Sprintf("%s (%s) is founded. Grant roles next: mingzhang operator role grant %s OPERATOR treasurer", r.Name, r.CollectiveId, r.CollectiveId))
			})
		},
	}
}

// readAll reads a small file, or standard input for -.
func (s *session) readAll(name string) ([]byte, error) {
	in := s.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, failed(exitUsage, "打不开文件 %s(%v)。", "The file %s cannot be opened (%v).", name, err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, lineBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > lineBytesMax {
		return nil, failed(exitRefused, "文件 %s 超过 %d 字节。", "The file %s is longer than %d bytes.", name, lineBytesMax)
	}
	return text, nil
}

// commandID is the id the user gave, else a new one.
func commandID(given string) string {
	if given != "" {
		return given
	}
	return ledger.NewCommandID().String()
}
