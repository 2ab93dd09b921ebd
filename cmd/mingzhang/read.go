package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// show writes an answer: as JSON, as CSV, or as a table for people with the lines after it.
func (s *session) show(answer proto.Message, t *table, after ...string) error {
	switch {
	case s.json:
		return writeJSON(s.stdout, answer)
	case s.csv:
		return t.printCSV(s.stdout)
	}
	if err := t.print(s.stdout, s.lang); err != nil {
		return err
	}
	for _, line := range after {
		if _, err := fmt.Fprintln(s.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON writes a message as indented protobuf JSON, with fields that are empty too, and always the same bytes.
func writeJSON(w io.Writer, m proto.Message) error {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	var b bytes.Buffer // protojson puts blanks in at random
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err = b.WriteTo(w)
	return err
}

// moment says of which moment an answer is.
func (s *session) moment(asOf string, version uint64) string {
	if asOf == "" {
		return fmt.Sprintf(s.lang.text("(到第 %d 笔为止)", "(at version %d)"), version)
	}
	return fmt.Sprintf(s.lang.text("(截至 %s,到第 %d 笔为止)", "(as of %s, at version %d)"), asOf, version)
}
