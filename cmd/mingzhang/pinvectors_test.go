package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"testing"
)

// TestPinVectors: --pin takes and refuses what the page in the browser does; browser/vectors_test.go makes the cases.
func TestPinVectors(t *testing.T) {
	b, err := os.ReadFile("../../transparency/testdata/vectors/pin.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Text, Size, Root string
		OK                     bool
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) < 8 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		pin, err := parsePin(v.Text)
		if (err == nil) != v.OK {
			t.Errorf("%s: %v, want ok %v", v.Name, err, v.OK)
		}
		if v.OK && (strconv.FormatUint(pin.size, 10) != v.Size || hex.EncodeToString(pin.root[:]) != v.Root) {
			t.Errorf("%s: %d:%x, want %s:%s", v.Name, pin.size, pin.root, v.Size, v.Root)
		}
	}
}
