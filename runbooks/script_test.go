package runbooks_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
// at the top chooses one of AWS's possible answers; "[NAME=VALUE] " before a
// line of output says that it is printed under that answer only.
//
// Around every command that is a runbook's the guarantees are asserted from
// the simulator's state and call counts: no version is lost (G1), no secret
// rotates in two regions without an owed fence (G2), and a failover makes no
// mutating call to a region that is not up (G4).
func TestScenarios(t *testing.T) {
	quirks, _ := answers(t, usual)
	if os.Getenv("UNDERSTUDY_QUIRKS") == "contrary" {
		quirks, _ = answers(t, contrary)
	}
	for _, file := range scenarios(t) {
		t.Run(scenario(file), func(t *testing.T) {
			sideBySide(t)
			text := readScript(t, file)
			switch got := playAlone(t, text, quirks); {
			case got == text:
			case *update:
				writeScript(t, file, got)
			default:
				t.Errorf("%s: the output differs (go test ./runbooks -update rewrites it):\n%s", file, firstDifference(text, got))
			}
		})
	}
}

func readScript(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeScript(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// playAlone plays a script in a bubble of its own. Where it came to a question
// of which AWS has three answers, the third must make no difference.
func playAlone(t *testing.T, text string, quirks sim.Quirks) (got string) {
	t.Helper()
	var again int
	synctest.Test(t, func(t *testing.T) { got, again = playScript(t, text, quirks) })
	if again == 0 {
		return got
	}
	quirks.Rekey = "rekey"
	synctest.Test(t, func(t *testing.T) {
		if other, _ := playScript(t, text, quirks); other != got {
			t.Errorf("with rekey=rekey: %s", firstDifference(got, other))
		}
	})
	return got
}

// scenarios are the scripts' files.
func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	return files
}

// sideBySide lets scripts be played at the same time, but for when they are
// rewritten: then each is read after it was.
func sideBySide(t *testing.T) {
	t.Helper()
	if !*update {
		t.Parallel()
	}
}

func scenario(file string) string { return strings.TrimSuffix(filepath.Base(file), ".txt") }

// playScript returns the script with the output that it printed now, and how
// often AWS was asked to replicate again to where a replica was (quirk rekey).
func playScript(t *testing.T, text string, quirks sim.Quirks) (got string, again int) {
	opts := sim.Options{Lag: 2 * time.Second, Quirks: quirks}
	var out strings.Builder
	var p *player
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "----" {
			first := i + 1
			for i+1 < len(lines) && lines[i+1] != "" {
				i++ // what it printed last time
			}
			out.WriteString("----\n" + revise(t, lines[first:i+1], p.flush(), opts.Quirks))
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
		again = p.sim.ReplicatedAgain()
	}
	return out.String(), again
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

// revise is a block of output as it stands in the script, with what was
// printed now in place of what differs from it. Lines that another answer of
// AWS would print stay where they are.
func revise(t *testing.T, old []string, printed string, quirks sim.Quirks) string {
	t.Helper()
	var now []string
	if printed != "" {
		now = strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	}
	plain := make([]string, len(old)) // without its condition; "\n" where that is not met
	for i, line := range old {
		if plain[i] = "\n"; inForce(t, line, quirks) {
			plain[i] = condition.ReplaceAllString(line, "")
		}
	}
	same := common(plain, now)
	var out strings.Builder
	for i, j := 0, 0; i < len(old) || j < len(now); {
		switch {
		case i < len(old) && plain[i] == "\n":
			out.WriteString(old[i] + "\n")
			i++
		case i < len(old) && j < len(now) && plain[i] == now[j]:
			out.WriteString(old[i] + "\n")
			i, j = i+1, j+1
		case j == len(now) || i < len(old) && same[i+1][j] >= same[i][j+1]:
			i++ // not printed any more
		default:
			out.WriteString(now[j] + "\n")
			j++
		}
	}
	return out.String()
}

// common[i][j] is how many lines of a from i on and of b from j on are the
// same, in order.
func common(a, b []string) [][]int {
	n := make([][]int, len(a)+1)
	n[len(a)] = make([]int, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		n[i] = make([]int, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			if n[i][j] = max(n[i+1][j], n[i][j+1]); a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			}
		}
	}
	return n
}

// condition is what a line of output may depend on: [stale-entry=drop].
var condition = regexp.MustCompile(`^\[([a-z-]+=[\w-]+)\] `)

// inForce reports whether a line of output is printed under these answers.
func inForce(t *testing.T, line string, quirks sim.Quirks) bool {
	t.Helper()
	found := condition.FindStringSubmatch(line)
	if found == nil {
		return true
	}
	with := quirks
	if err := sim.ParseQuirk(&with, found[1]); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return with == quirks
}
