package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

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
				return badMessage(args[0], err)
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
			return nil, cannotOpen(name, err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, lineBytesMax+1))
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	if len(text) > lineBytesMax {
		return nil, failed(exitRefused, "文件 %s 超过 %d 字节。", "The file %s is longer than %d bytes.", name, lineBytesMax)
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// What protojson says of a file, with blanks that it puts in at random.
var (
	protoPlace   = regexp.MustCompile(`\(line (\d+):(\d+)\)`)
	protoUnknown = regexp.MustCompile(`unknown field ("[^"]*")`)
	protoInvalid = regexp.MustCompile(`invalid value for (\S+) (?:field|type)[^:]*: (.*)$`)
)

// badMessage says what is wrong with a file that should hold one message.
func badMessage(name string, err error) *failure {
	said := err.Error()
	zh, en := "不是合法的 JSON,或有一项的值不对", "it is no valid JSON, or a value is of the wrong kind"
	if m := protoUnknown.FindStringSubmatch(said); m != nil {
		zh, en = "没有 "+m[1]+" 这一项", "there is no field "+m[1]
	} else if m := protoInvalid.FindStringSubmatch(said); m != nil {
		zh, en = "值 "+m[2]+" 不对", "the value "+m[2]+" is not one"
	}
	if m := protoPlace.FindStringSubmatch(said); m != nil {
		zh, en = "第 "+m[1]+" 行第 "+m[2]+" 列,"+zh, "line "+m[1]+", column "+m[2]+": "+en
	}
	if strings.Contains(said, io.ErrUnexpectedEOF.Error()) {
		zh, en = "文件没有写完", "the file ends in the middle"
	}
	return &failure{exitRefused, "", name + " 写法不对:" + zh + "。", name + " is not well formed: " + en + ".", err}
}

// commandID is the id the user gave, else a new one.
func commandID(given string) string {
	if given != "" {
		return given
	}
	return ledger.NewCommandID().String()
}
