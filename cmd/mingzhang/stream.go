package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Streams as verbs. What a server sends is printed as it comes, one JSON object a line. What a server takes is read the same
// way: --request is a file with one request a line, and flags go over the first.

// readStream prints what a stream sends: each entry of a message that is one list, else the message.
func (c *client) readStream(ctx context.Context, v verb, request proto.Message) error {
	stream, err := c.conn.CallServerStream(ctx, v.spec(), request)
	if err != nil {
		return err
	}
	defer stream.Close()
	for {
		answer := messageOf(v.method.Output())
		if err := stream.Receive(answer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, m := range entries(answer) {
			text, err := compactJSON(m)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(c.session.stdout, "%s\n", text); err != nil {
				return err
			}
		}
	}
}

// streamVerb sends a stream of requests and prints the answer.
func (s *session) streamVerb(ctx context.Context, v verb, a *asked) error {
	if v.sends() || a.writing.dryRun {
		return failed(exitUsage, "%s 是双向或上传的流,不能这样办理或预览。", "%s is a stream that cannot be used or previewed like this.", v.name)
	}
	if err := s.mayAsk(a.writing); err != nil {
		return err
	}
	requests, err := s.requestsOf(v, a)
	if err != nil {
		return err
	}
	return s.with(func(c *client) error {
		ctx, err := c.calling(ctx, v, requests[0])
		if err != nil {
			return err
		}
		if !a.writing.yes {
			if err := s.ask("办理吗?", "Do it?"); err != nil {
				return err
			}
		}
		answer, err := c.sendAll(ctx, v, requests)
		if err != nil {
			return v.atFlag(a, err)
		}
		return s.showAnswer(answer, "")
	})
}

func (c *client) sendAll(ctx context.Context, v verb, requests []proto.Message) (proto.Message, error) {
	stream, err := c.conn.CallClientStream(ctx, v.spec())
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for _, request := range requests {
		if err := stream.Send(request); errors.Is(err, io.EOF) {
			break // the server has answered already: why, it says below
		} else if err != nil {
			return nil, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	answer := messageOf(v.method.Output())
	return answer, stream.Receive(answer)
}

// requestsOf reads the requests of a stream, at least one.
func (s *session) requestsOf(v verb, a *asked) ([]proto.Message, error) {
	requests := []proto.Message{messageOf(v.method.Input())}
	if a.request != "" {
		text, err := s.readAll(a.request)
		if err != nil {
			return nil, err
		}
		requests = nil
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, lineBytesMax+1)
		for lines.Scan() {
			if strings.TrimSpace(lines.Text()) == "" {
				continue
			}
			request := messageOf(v.method.Input())
			if err := protojson.Unmarshal(lines.Bytes(), request); err != nil {
				return nil, badMessage(a.request, err)
			}
			requests = append(requests, request)
		}
		if len(requests) == 0 {
			return nil, failed(exitRefused, "文件 %s 里没有请求。", "The file %s has no request.", a.request)
		}
	}
	oneofs := map[protoreflect.Name]string{}
	for _, f := range a.fields {
		if err := f.put(requests[0].ProtoReflect(), oneofs); err != nil {
			return nil, err
		}
	}
	return requests, nil
}
