// Command schemadoc writes the comments of the API's methods and of the fields of their requests, which generated code leaves
// out, as lines of a name, a tab and the comment on one line, sorted; only of what is a verb of the command line. make generate runs it; the command line shows them as help.
//
// It reads a FileDescriptorSet with source info from standard input, as buf build makes it.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	if err := write(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schemadoc:", err)
		os.Exit(1)
	}
}

func write(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(text, set); err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	var lines []string
	requests := requestsOf(set)
	for _, file := range set.File {
		for _, location := range file.GetSourceCodeInfo().GetLocation() {
			name, comment := nameAt(file, location.Path, requests), strings.Join(strings.Fields(location.GetLeadingComments()), " ")
			if name != "" && comment != "" {
				lines = append(lines, name+"\t"+comment+"\n")
			}
		}
	}
	slices.Sort(lines)
	w := bufio.NewWriter(out)
	for _, line := range lines {
		w.WriteString(line)
	}
	return w.Flush()
}

// sessions is the service that people use on pages: none of its methods is a verb, and nobody asks for help on it.
const sessions = "SessionService"

// requestsOf are the names of the messages that methods take.
func requestsOf(set *descriptorpb.FileDescriptorSet) map[string]bool {
	requests := map[string]bool{}
	for _, file := range set.File {
		for _, service := range file.Service {
			if service.GetName() == sessions {
				continue
			}
			for _, method := range service.Method {
				name := method.GetInputType()
				requests[name[strings.LastIndexByte(name, '.')+1:]] = true
			}
		}
	}
	return requests
}

// nameAt names what stands at a path of a file, when it is a method (6, service, 2, method) or a field (4, message, 2, field)
// of a request: BooksService.RecordIncome, RecordIncomeRequest.amount.
func nameAt(file *descriptorpb.FileDescriptorProto, path []int32, requests map[string]bool) string {
	if len(path) != 4 || path[2] != 2 {
		return ""
	}
	switch path[0] {
	case 4:
		if message := file.MessageType[path[1]]; requests[message.GetName()] {
			return message.GetName() + "." + message.Field[path[3]].GetName()
		}
	case 6:
		service := file.Service[path[1]]
		if service.GetName() == sessions {
			return ""
		}
		return service.GetName() + "." + service.Method[path[3]].GetName()
	}
	return ""
}
