package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodConfig = `[account]
id = "123456789012"

[regions]
primary = "us-east-1"
standby = ["us-west-2", "eu-west-1"]

[keys]
us-west-2 = "alias/secrets-key-west"

[[group]]
name = "prod"
match = ["prod/*"]
replicas = ["us-west-2", "eu-west-1"]
`

// TestBadInputIsRefusedBeforeAnythingIsCalled: each mistake is named with its
// position and what to do, exits 64, and reaches no AWS.
func TestBadInputIsRefusedBeforeAnythingIsCalled(t *testing.T) {
	sim := startSim(t)
	for _, row := range []struct {
		name, old, with string
		says            []string
	}{
		{"unknown key", "match =", "matches =", []string{":13:", "matches", "match"}},
		{"standby equal to primary", `["us-west-2", "eu-west-1"]`, `["us-east-1", "eu-west-1"]`, []string{":6:", "us-east-1"}},
		{"typo in a region", `primary = "us-east-1"`, `primary = "us-esat-1"`, []string{":5:", "us-esat-1", "us-east-1"}},
		{"key of another region", `"alias/secrets-key-west"`, `"arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"`, []string{":9:", "eu-west-1", "us-west-2"}},
		{"empty match", `["prod/*"]`, `[]`, []string{":13:", "match"}},
		{"wrong type", `name = "prod"`, `name = 7`, []string{":12:", "name"}},
		{"no TOML at all", `[account]`, `{"account": 1}`, []string{":1:"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSession(t, sim.url, strings.Replace(goodConfig, row.old, row.with, 1))
			for _, command := range [][]string{{"plan"}, {"apply", "--yes"}, {"config", "check"}, {"failover", "--to", "us-west-2", "--yes"}} {
				sim.control("DELETE", "calls", "", nil)
				a := s.must(64, command...)
				for _, word := range append(row.says, filepath.Base(s.config)) {
					if !strings.Contains(a.stderr, word) {
						t.Errorf("%v: stderr does not say %q: %s", command, word, a)
					}
				}
				if a.stdout != "" {
					t.Errorf("%v: an error belongs on stderr, stdout has %q", command, a.stdout)
				}
				if calls := sim.calls(); len(calls) != 0 {
					t.Errorf("%v: AWS was called: %v", command, calls)
				}
				if _, err := os.Stat(filepath.Join(s.state, "runs")); err == nil {
					t.Errorf("%v: a run was journaled", command)
				}
			}
		})
	}
	t.Run("unreadable file", func(t *testing.T) {
		s := newSession(t, sim.url, goodConfig)
		s.config = filepath.Join(t.TempDir(), "absent.toml")
		if a := s.must(64, "plan"); !strings.Contains(a.stderr, "absent.toml") {
			t.Errorf("the file is not named: %s", a)
		}
	})
	t.Run("json", func(t *testing.T) {
		s := newSession(t, sim.url, strings.Replace(goodConfig, "match =", "matches =", 1))
		e := decode[struct{ Schema, Code, Message, Hint string }](t, s.must(64, "--output", "json", "plan"))
		if e.Schema != "understudy/error/v1" || e.Code == "" || !strings.Contains(e.Message, "matches") {
			t.Errorf("error document: %+v", e)
		}
	})
}

// TestWrongUsageIsRefused: nothing is silently ignored.
func TestWrongUsageIsRefused(t *testing.T) {
	sim := startSim(t)
	s := newSession(t, sim.url, goodConfig)
	for _, args := range [][]string{
		{"failover", "us-west-2", "--dry-run"},
		{"failover", "--to", "us-west-2", "--dry-rnu"},
		{"failover"},
		{"plna"},
		{"runs", "show"},
		{"drift", "--fail-on", "catastrophe"},
		{"--output", "yaml", "plan"},
		{"failover", "--to", "ap-south-1", "--yes"}, // not a region of the config
		{"failover", "--to", "us-west-2", "--group", "staging", "--yes"},
	} {
		sim.control("DELETE", "calls", "", nil)
		a := s.run(args...)
		if a.code != 64 {
			t.Errorf("understudy %s: want exit 64, got %s", strings.Join(args, " "), a)
		}
		if calls := sim.calls(); len(calls) != 0 {
			t.Errorf("understudy %s called AWS: %v", strings.Join(args, " "), calls)
		}
	}
}

// TestWithoutATerminalNothingIsConfirmed: a mutating command without --yes
// and without a terminal changes nothing and exits 3.
func TestWithoutATerminalNothingIsConfirmed(t *testing.T) {
	sim := startSim(t)
	s := newSession(t, sim.url, exampleConfig(t))
	for _, args := range [][]string{{"apply", "--allow-replica-gap"}, {"failover", "--to", "us-west-2"}} {
		sim.control("DELETE", "calls", "", nil)
		s.must(3, args...)
		for region := range sim.calls() {
			if n := regionCalls(sim.calls(), region).Mutating; n != 0 {
				t.Errorf("%v: %d mutating calls in %s", args, n, region)
			}
		}
	}
}
