package runbooks_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/*.txt; read the diff before you commit it")

// TestScenarios plays testdata/*.txt. A scenario is read from top to bottom:
// lines are comments (#) or commands; below a line of dashes stands what the
// commands above it print, up to the next empty line. A line "quirk NAME=VALUE"
// at the top chooses one of AWS's possible answers.
//
// Around every command that is a runbook's the guarantees are asserted from
// the simulator's state and call counts: no version is lost (G1), no secret
// rotates in two regions without an owed fence (G2), and a failover makes no
// mutating call to a region that is not up (G4).
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = playScript(t, string(text), sim.Quirks{}) })
			switch {
			case got == string(text):
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: the output differs (go test ./runbooks -update rewrites it):\n%s", file, firstDifference(string(text), got))
			}
		})
	}
}

// playScript returns the script with the output that it printed now.
func playScript(t *testing.T, text string, quirks sim.Quirks) string {
	opts := sim.Options{Lag: 2 * time.Second, Quirks: quirks}
	var out strings.Builder
	var p *player
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "----" {
			for i+1 < len(lines) && lines[i+1] != "" {
				i++ // what it printed last time
			}
			out.WriteString("----\n" + p.flush())
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if text, ok := strings.CutPrefix(line, "quirk "); ok { // before anything happens
			if err := sim.ParseQuirk(&opts.Quirks, text); err != nil || p != nil {
				t.Fatalf("%s: %v", line, err)
			}
			continue
		}
		if p == nil {
			p = &player{world: newWorld(t, opts)}
			p.watchLogins()
		}
		p.do(line)
	}
	if p != nil {
		p.end()
	}
	return out.String()
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}
