package runbooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/sim"
)

// What AWS leaves undocumented is a quirk of the simulator. The runbooks must
// do the same whatever AWS answers: every scenario is played again with every
// quirk the other way round. UNDERSTUDY_QUIRKS=contrary runs all tests of this
// package so (see newWorld).

// contrary is every quirk at its last value, or with middle at the one between.
func contrary(t *testing.T, middle bool) (sim.Quirks, []string) {
	t.Helper()
	var q sim.Quirks
	var set []string
	for _, listed := range sim.QuirkNames() {
		name, text, _ := strings.Cut(listed, "=")
		values := strings.Split(text, "|")
		value := values[len(values)-1]
		switch {
		case middle && len(values) < 3:
			continue
		case middle:
			value = values[1]
		case value == "DURATION":
			value = "30s"
		}
		if err := sim.ParseQuirk(&q, name+"="+value); err != nil {
			t.Fatal(err)
		}
		set = append(set, name+"="+value)
	}
	return q, set
}

func TestScenariosUnderTheOtherAnswersOfAWS(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, middle := range []bool{false, true} {
		all, set := contrary(t, middle)
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			if middle {
				name += " " + strings.Join(set, " ")
			}
			t.Run(name, func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var got string
				synctest.Test(t, func(t *testing.T) { got = playScript(t, string(text), all) })
				if got != string(text) && !tellsOfQuirks(name) {
					t.Errorf("with %s: %s", strings.Join(set, " "), firstDifference(string(text), got))
				}
			})
		}
	}
}

// tellsOfQuirks names the scenarios whose output rightly depends on what a
// quirk decides (a stale entry to clean up or not, a policy that a promotion
// keeps). They still run, and every guarantee is asserted in them.
func tellsOfQuirks(scenario string) bool {
	for _, kind := range []string{"failback", "fence_policy", "rescue", "clobber", "drift_between", "old_primary_returns"} {
		if strings.HasPrefix(scenario, kind) {
			return true
		}
	}
	return false
}
