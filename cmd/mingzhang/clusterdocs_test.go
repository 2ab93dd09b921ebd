package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Every command line of docs/cluster.md and of the unit is one that this program has: its verbs and its flags.
func TestClusterPageKnowsTheCommandLine(t *testing.T) {
	text := page(t, "docs/cluster.md") + "\n" + page(t, "docs/cluster/mingzhang@.service")
	typed := regexp.MustCompile("(?m)(?:^ *|`|/bin/)mingzhang ((?:[a-z-]+ ?)[^`#\n]*)").FindAllStringSubmatch(text, -1)
	checked := 0
	for _, line := range typed {
		words := strings.Fields(line[1])
		s := &session{stdout: io.Discard, stderr: io.Discard}
		root := s.root(words)
		command, rest, err := root.Find(words)
		if err != nil || command == root {
			t.Errorf("mingzhang %s: no such command (%v)", line[1], err)
			continue
		}
		for _, word := range rest {
			name, isFlag := strings.CutPrefix(word, "--")
			if name, _, _ = strings.Cut(name, "="); !isFlag || name == "" {
				continue
			}
			if command.Flag(name) == nil && command.InheritedFlags().Lookup(name) == nil {
				t.Errorf("mingzhang %s: no flag --%s", line[1], name)
			}
		}
		checked++
	}
	if checked < 10 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// The compose file parses, has three members alike but for their names, and sets nothing that hides or loses events.
func TestComposeFile(t *testing.T) {
	text := page(t, "docs/cluster/compose.yaml")
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			Volumes     []string
			HealthCheck struct{ Test []string }
			DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	members := []string{"db1", "db2", "db3"}
	for _, name := range members {
		s, ok := file.Services[name]
		if !ok || s.Image == "" || len(s.HealthCheck.Test) == 0 || s.DependsOn["certificates"].Condition != "service_completed_successfully" {
			t.Errorf("%s is incomplete: %+v", name, s)
		}
		for key, want := range map[string]string{
			"KURRENTDB_CLUSTER_SIZE": "3", "KURRENTDB_RUN_PROJECTIONS": "None", "KURRENTDB_NODE_HOST_ADVERTISE_AS": name,
			"KURRENTDB_REPLICATION_HOST_ADVERTISE_AS": name, "KURRENTDB_CERTIFICATE_FILE": "/certs/" + name + "/node.crt",
		} {
			if s.Environment[key] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, s.Environment[key], want)
			}
		}
		for _, other := range members {
			if seeded := strings.Contains(s.Environment["KURRENTDB_GOSSIP_SEED"], other+":2113"); seeded == (other == name) {
				t.Errorf("%s seeds %q", name, s.Environment["KURRENTDB_GOSSIP_SEED"])
			}
		}
		for key := range s.Environment {
			if strings.Contains(key, "INSECURE") || strings.Contains(key, "UNSAFE") || strings.Contains(key, "MEM_DB") || strings.Contains(key, "MAX_APPEND") {
				t.Errorf("%s sets %s", name, key)
			}
		}
		if _, ok := file.Volumes[name]; !ok || len(s.Volumes) != 2 || !strings.HasPrefix(s.Volumes[0], name+":/var/lib/kurrentdb") {
			t.Errorf("%s keeps its data in %v", name, s.Volumes)
		}
	}
	if _, ok := file.Services["certificates"]; !ok || len(file.Services) != 4 {
		t.Errorf("services: %d", len(file.Services))
	}
}

// The unit parses, restarts what a restart can help, and keeps its fences.
func TestUnitFile(t *testing.T) {
	settings := make(map[string]string)
	section := ""
	for _, line := range strings.Split(page(t, "docs/cluster/mingzhang@.service"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			t.Fatalf("no setting: %s", line)
		}
		settings[section+"."+key] = value
	}
	for key, want := range map[string]string{
		"Service.Restart": "always", "Service.RestartPreventExitStatus": "2 4", "Service.ProtectSystem": "strict", "Service.NoNewPrivileges": "true",
		"Service.EnvironmentFile": "/etc/mingzhang/%i.env", "Service.StateDirectory": "mingzhang", "Service.CapabilityBoundingSet": "", "Install.WantedBy": "multi-user.target",
	} {
		if got, ok := settings[key]; !ok || got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if exitUsage != 2 || exitVerified != 4 || exitStorage != 3 {
		t.Error("the exit codes have changed: so must RestartPreventExitStatus")
	}
}
