package transparency

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askTessera asks tessera's fsck about directories, one answer each: "sound", or why not. It is built as a module of its own; where
// that cannot be had the test is skipped, and says so.
func askTessera(t *testing.T, verifierKey string, dirs ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	program := filepath.Join(t.TempDir(), "oracle")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "internal", "oracle")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, NOT COMPARED: tessera's fsck cannot be built here: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(ctx, program, append([]string{verifierKey}, dirs...)...).Output()
	if err != nil {
		t.Fatalf("ask the oracle: %v", err)
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(answers) != len(dirs) {
		t.Fatalf("%d answers about %d directories", len(answers), len(dirs))
	}
	return answers
}

// Another implementation of the format accepts what Publish wrote, at each size at which tiles begin and end, and refuses it once a
// bit of a tile, a bundle or the checkpoint is another.
func TestTesseraAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds another program")
	}
	log := newPrinted(t, villageLog, 70_000)
	var dirs []string
	for _, size := range []int{1, 2, 255, 256, 257, 511, 65_536, 70_000} {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(size))
		log.publish(t, dir, size)
		dirs = append(dirs, dir)
	}
	sound := len(dirs)
	for name, bit := range map[string]int{"tile/0/000": 77, "tile/entries/000": 8*60 + 3, "tile/entries/001.p/1": 8 * 70, "tile/1/000.p/1": 5, CheckpointFile: 8 * 40} {
		dir := filepath.Join(t.TempDir(), "changed")
		log.publish(t, dir, 257)
		if err := flipIn(filepath.Join(dir, name), bit); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	for i, answer := range askTessera(t, log.key.vkey, dirs...) {
		if (answer == "sound") != (i < sound) {
			t.Errorf("%s: %s", dirs[i], answer)
		}
		_, _, err := checkDir(t.Context(), dirs[i], log.key.vkey)
		if (err == nil) != (i < sound) {
			t.Errorf("%s: we say %v, tessera %s", dirs[i], err, answer)
		}
	}
}
