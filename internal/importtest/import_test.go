// Package importtest holds the architecture: which package may import which. Arrows point down; docs/architecture.md draws
// them. A new package without a line here fails.
package importtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mingzhang-ledger/mingzhang"

// allowed lists, for each package, the packages of this module it may import.
var allowed = map[string][]string{
	"gen/mingzhang/event/v1":                    {},
	"gen/mingzhang/api/v1":                      {},
	"gen/mingzhang/api/v1/apiv1connect":         {"gen/mingzhang/api/v1"},
	"eventstore":                                {},
	"eventstore/eventstoretest":                 {"eventstore"},
	"eventstore/sqlite":                         {"eventstore"},
	"eventstore/eventstoredb":                   {"eventstore"},
	"eventstore/eventstoredb/esdbtest":          {},
	"eventstore/eventstoredb/esdbtest/esdbfake": {"eventstore/eventstoredb/esdbtest"},
	"internal/snapshot":                         {},
	"ledger":                                    {"eventstore", "gen/mingzhang/event/v1", "internal/snapshot", "internal/signednote"},
	"ledger/ledgertest":                         {"ledger", "eventstore", "gen/mingzhang/event/v1", "internal/signednote"},
	"internal/signednote":                       {},
	"internal/headmemory":                       {},
	"internal/capitals":                         {},
	"transparency":                              {"eventstore", "internal/signednote", "internal/headmemory"},
	"witness":                                   {"transparency", "ledger", "eventstore", "gen/mingzhang/event/v1", "internal/signednote", "internal/headmemory"},
	"access":                                    {"ledger", "eventstore", "gen/mingzhang/event/v1"},
	"people":                                    {"ledger", "eventstore", "gen/mingzhang/event/v1"},
	"projections":                               {"ledger", "eventstore", "gen/mingzhang/event/v1", "internal/snapshot"},
	"documents":                                 {"gen/mingzhang/event/v1"},
	"rpc":                                       {"docs", "witness", "access", "documents", "ledger", "people", "projections", "transparency", "eventstore", "gen/mingzhang/event/v1", "gen/mingzhang/api/v1", "gen/mingzhang/api/v1/apiv1connect"},
	"web":                                       {"rpc", "browser", "internal/capitals", "gen/mingzhang/api/v1", "gen/mingzhang/api/v1/apiv1connect"},
	"internal/browsertest":                      {},
	"sqlexport":                                 {"projections", "ledger", "eventstore", "gen/mingzhang/event/v1"},
	"docs":                                      {},
	"telemetry":                                 {"eventstore", "ledger"},
	"seeds":                                     {},
	"browser":                                   {},
	"cmd/mingzhang":                             {"*"},
	"internal/importtest":                       {},
	"internal/schemadoc":                        {},
}

// clients names modules that one package alone may import: each dependency with a shape of its own lives behind one door.
var clients = map[string][]string{
	"zombiezen.com/go/sqlite": {"eventstore/sqlite", "sqlexport"},
	"modernc.org/sqlite":      {"eventstore/sqlite"},
	"golang.org/x/mod/sumdb":  {"transparency"},
	"github.com/spf13/cobra":  {"cmd/mingzhang"},
	"github.com/shopspring":   {"ledger"},
	"connectrpc.com":          {"rpc", "web", "cmd/mingzhang", "telemetry", "gen/mingzhang/api/v1/apiv1connect"},
	"github.com/prometheus":   {"telemetry"},
	"go.opentelemetry.io":     {"telemetry"},
	"github.com/EventStore":   {"eventstore/eventstoredb", "eventstore/eventstoredb/esdbtest"},
	"google.golang.org/grpc":  {"eventstore/eventstoredb", "eventstore/eventstoredb/esdbtest"},
	"buf.build/go":            {"rpc"},
	"github.com/a-h/templ":    {"web"},
	"github.com/piglig":       {"web"},
	"github.com/xuri":         {"web"},
	"github.com/go-webauthn":  {"access"},
	"github.com/coreos":       {"access"},
	"golang.org/x/oauth2":     {"access"},
	"golang.org/x/crypto":     {"access"},
	// A second verifier of proofs and a driver of browsers, for tests alone.
	"github.com/chromedp":         {"internal/browsertest"},
	"github.com/descope":          {},
	"github.com/transparency-dev": {},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string // imports, and theirs
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		may, known := allowed[name]
		if !known {
			t.Errorf("%s has no line in the table of imports", name)
			continue
		}
		for _, imported := range p.Imports {
			if inner, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(may, inner) && !slices.Contains(may, "*") {
				t.Errorf("%s must not import %s", name, inner)
			}
			for client, doors := range clients {
				if strings.HasPrefix(imported, client) && !slices.Contains(doors, name) {
					t.Errorf("%s must not import %s: only %v may", name, imported, doors)
				}
			}
		}
	}
}

// The fake server is test code: but for its own command, packages import it in their test files alone, and what we ship has no
// path to it.
func TestFakeServerStaysInTests(t *testing.T) {
	const fake = "eventstore/eventstoredb/esdbtest"
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if slices.Contains(p.Deps, module+"/"+fake) && name != fake+"/esdbfake" {
			t.Errorf("%s is built with %s, which is test code", name, fake)
		}
	}
}

// The port and the tree stand on the standard library and one tree library alone, so that they can be read to the ground.
func TestPortStandsAlone(t *testing.T) {
	for _, p := range list(t) {
		if strings.TrimPrefix(p.ImportPath, module+"/") != "eventstore" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("eventstore imports %s; it stands on the standard library alone", imported)
			}
		}
	}
}
