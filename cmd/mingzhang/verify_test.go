package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// plant stores an event that this program would never store, with a head that covers it: somebody who has the secret did it.
func plant(t *testing.T, dir, stream string, e eventstore.NewEvent) {
	t.Helper()
	signer, err := openSigner(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(filepath.Join(dir, eventsFile), sqlite.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	log, err := transparency.Open(store, dir, signer, ledger.LogOrigin, transparency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	version, err := log.Version(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), stream, version, []eventstore.NewEvent{e}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Close(), signer.Close()); err != nil {
		t.Fatal(err)
	}
}

// verified runs verify --json in both languages and wants the same answer and exit code 4.
func verifiedBad(t *testing.T, dir string) (answer struct {
	OK      bool
	Streams []finding
}) {
	t.Helper()
	var first string
	for _, lang := range []string{"zh", "en"} {
		stdout, stderr, err := command(t, "verify", "--json", "--data", dir, "--lang", lang)
		var said strings.Builder
		if code := report(&said, language(lang), err); code != exitVerified || stderr+said.String() == "" {
			t.Errorf("exit code %d: %s%s", code, stderr, said.String())
		}
		if first == "" {
			first = stdout
		} else if stdout != first {
			t.Errorf("the JSON depends on the language:\n%s%s", first, stdout)
		}
	}
	if err := json.Unmarshal([]byte(first), &answer); err != nil {
		t.Fatalf("%v: %s", err, first)
	}
	if answer.OK {
		t.Error("ok is true")
	}
	return answer
}

// Heads that fit are not enough: what is stored has to be this program's events in this program's streams.
func TestVerifyLooksIntoTheEvents(t *testing.T) {
	for _, c := range []struct{ name, stream, result, others string }{
		{"collective", "collective-liminba", resultDamaged, "access"},
		{"operators", "access", resultDamaged, "collective-liminba"},
		{"names", "collectives", resultDamaged, "access"},
		{"foreign", "ledger", resultForeign, "collective-liminba"},
		{"not a collective's name", "collective-", resultForeign, "access"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := demoDir(t)
			if c.stream == "collective-" {
				c.stream = "Collective"
			}
			plant(t, dir, c.stream, eventstore.NewEvent{Type: "garbage", Data: []byte{0xff}})
			for _, f := range verifiedBad(t, dir).Streams {
				switch {
				case f.Stream == c.stream && (f.OK || f.Result != c.result || f.Problem == "" || f.Root != ""):
					t.Errorf("found: %+v", f)
				case f.Stream == c.others && (!f.OK || f.Result != resultSound || len(f.Root) != 64):
					t.Errorf("found: %+v", f)
				}
			}
		})
	}
}

func TestVerifyOfSoundBooksIsOK(t *testing.T) {
	var answer struct {
		OK      bool
		Streams []finding
	}
	if err := json.Unmarshal([]byte(must(t, "verify", "--json", "--data", demoDir(t))), &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.OK || len(answer.Streams) != 3 {
		t.Errorf("verify says %+v", answer)
	}
}

// Whatever page of the data file is bad, verify ends with 4 and says so; never with another code or silently.
func TestVerifyOfABadPage(t *testing.T) {
	const pageBytes = 4096
	whole, err := os.ReadFile(filepath.Join(demoDir(t), eventsFile))
	if err != nil {
		t.Fatal(err)
	}
	dir := demoDir(t)
	for page := 1; page < len(whole)/pageBytes; page += max(1, len(whole)/pageBytes/12) {
		bad := append([]byte(nil), whole...)
		for i := range pageBytes {
			bad[page*pageBytes+i] = 0xee
		}
		if err := os.WriteFile(filepath.Join(dir, eventsFile), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, err := command(t, "verify", "--data", dir, "--lang", "en")
		var said strings.Builder
		if code := report(&said, english, err); code != exitVerified || !strings.Contains(stderr+said.String(), "restore a backup") {
			t.Errorf("page %d: exit code %d: %s%s", page, code, stderr, said.String())
		}
	}
}
