package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/sim"
)

var update = flag.Bool("update", false, "copy config.example.toml")

// A desk is one operator's: a directory with a configuration, a state, and a
// simulator that answers at an URL.
type desk struct {
	t      *testing.T
	dir    string
	sim    *sim.Cloud
	url    string
	env    map[string]string
	input  string
	tty    bool
	stdout bytes.Buffer
	stderr bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	for _, name := range []string{"CONFIG", "OUTPUT", "NO_COLOR", "LOG_LEVEL", "ENDPOINT_URL", "STATE_DIR"} {
		if v, ok := os.LookupEnv("UNDERSTUDY_" + name); ok {
			t.Setenv("UNDERSTUDY_"+name, v) // put back afterwards
			os.Unsetenv("UNDERSTUDY_" + name)
		}
	}
	cloud := sim.New(sim.Options{Seed: 1})
	if err := cloud.Load(sim.ExampleFleet()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	d := &desk{t: t, dir: t.TempDir(), sim: cloud, url: server.URL, env: map[string]string{}}
	d.env["HOME"] = d.dir
	d.write("understudy.toml", string(example))
	return d
}

// region puts a region of the simulator into a state.
func (d *desk) region(name, state string) {
	d.t.Helper()
	if err := d.sim.SetRegion(name, sim.RegionState{State: state}); err != nil {
		d.t.Fatal(err)
	}
}

// secrets is a client as others have one, who know nothing of understudy.
func (d *desk) secrets(region string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(aws.Config{Region: region, HTTPClient: d.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")})
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run runs one command line at the desk and returns its exit code.
func (d *desk) run(args ...string) int {
	d.t.Helper()
	d.stdout.Reset()
	d.stderr.Reset()
	w := &world{
		stdin: strings.NewReader(d.input), stdout: &d.stdout, stderr: &d.stderr, stdinTTY: d.tty,
		getenv: func(name string) string { return d.env[name] }, now: time.Now,
	}
	globals := []string{"--endpoint-url", d.url, "--state-dir", filepath.Join(d.dir, "state")}
	if !strings.Contains(strings.Join(args, " "), "--config") {
		globals = append(globals, "--config", filepath.Join(d.dir, "understudy.toml"))
	}
	return w.run(d.t.Context(), append(globals, args...))
}

func (d *desk) want(code int, args ...string) {
	d.t.Helper()
	if got := d.run(args...); got != code {
		d.t.Fatalf("understudy %s: exit %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), got, code, &d.stdout, &d.stderr)
	}
}

// calls is how many calls reached AWS, and how many of them could change it.
func (d *desk) calls() (total, mutating int) {
	calls := d.sim.Calls()
	for region := range calls {
		sum := calls.Sum(region)
		total, mutating = total+sum.Total, mutating+sum.Mutating
	}
	return total, mutating
}

func TestWrongUsageIsRefusedAndNothingIsCalled(t *testing.T) {
	d := newDesk(t)
	for line, says := range map[string]string{
		"plna":                          `unknown command "understudy plna"`,
		"runs shwo x":                   `did you mean "show"?`,
		"plan --detailed-exit":          `did you mean "--detailed-exitcode"?`,
		"plan now":                      `unexpected argument "now"`,
		"plan -- --out":                 `unexpected argument "--out"`,
		"failover":                      `--to REGION is missing`,
		"failover --to":                 `flag --to needs a value`,
		"failover --to --yes":           `flag --to needs a value`,
		"failover us-west-2 --dry-run":  `unexpected argument "us-west-2"`,
		"failover --to us-west-2 x":     `unexpected argument "x"`,
		"failover --to us-wset-2 --yes": `did you mean "us-west-2"?`,
		"failover --to us-west-2 --group prd --yes":   `did you mean "prod"?`,
		"failover --to us-west-2 --accept-stale some": `invalid value "some" for flag -accept-stale`,
		"failover --to us-west-2 --accept-stale -1":   `--accept-stale -1`,
		"drift --fail-on catastrophe":                 `--fail-on "catastrophe"`,
		"drift --format yaml":                         `--format "yaml"`,
		"--output yaml plan":                          `--output "yaml"`,
		"--log-level loud plan":                       `--log-level "loud"`,
		"--confg x plan":                              `did you mean "--config"?`,
		"runs show":                                   `takes one run ID`,
		"runs resume a b":                             `takes one run ID`,
		"runs show r99-dead":                          `no such run`,
		"apply --plan absent.json":                    `no such file`,
		"rehearse --fleet absent.toml":                `absent.toml`,
		"rehearse --to ap-south-1":                    `--to "ap-south-1"`,
		"sim --quotas some":                           `--quotas "some"`,
		"plan --config " + d.dir + "/absent.toml":     `cp config.example.toml`,
	} {
		d.sim.ResetCalls()
		d.want(exitUsage, strings.Fields(line)...)
		if !strings.Contains(d.stderr.String(), says) {
			t.Errorf("understudy %s does not say %q: %s", line, says, &d.stderr)
		}
		if d.stdout.Len() > 0 {
			t.Errorf("understudy %s: an error belongs on stderr, stdout has %q", line, &d.stdout)
		}
		if n, _ := d.calls(); n > 0 {
			t.Errorf("understudy %s made %d calls", line, n)
		}
	}
}

func TestErrorsAreDocumentsForPrograms(t *testing.T) {
	d := newDesk(t)
	for line, code := range map[string]string{
		"plan --bogus --output json": "usage", "--output=json plna": "usage",
		"runs show x --output json": "no-such-run", "apply --allow-replica-gap --output json": "not-confirmed",
		"apply --output json": "needs-flag", "plan --output json --config " + d.dir: "config",
	} {
		d.run(strings.Fields(line)...)
		var doc struct{ Schema, Code, Message, Hint string }
		if err := json.Unmarshal(d.stdout.Bytes(), &doc); err != nil {
			t.Errorf("understudy %s: %v in %q", line, err, &d.stdout)
		}
		if doc.Schema != "understudy/error/v1" || doc.Code != code || doc.Message == "" {
			t.Errorf("understudy %s: %+v, want code %s", line, doc, code)
		}
	}
}

// The table is a contract: scripts branch on these numbers.
func TestExitCodesAreInHelp(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "--help")
	table := `   Exit codes:
      0  done, or clean
      1  error
      2  changes, drift, or not ready (plan: only with --detailed-exitcode)
      3  refused by a guard, nothing changed (stale plan, lease held, safety check)
      4  stopped midway: runs resume continues
      5  incomplete: something could not be observed, so there is no verdict
      6  split brain: two writers were found
     64  wrong usage or configuration
`
	if !strings.Contains(d.stdout.String(), table) {
		t.Errorf("help does not show\n%s\nbut\n%s", table, &d.stdout)
	}
	want := []int{0, 1, 2, 3, 4, 5, 6, 64}
	got := []int{exitOK, exitFailed, exitChanges, exitRefused, exitStopped, exitIncomplete, exitSplitBrain, exitUsage}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestABadEnvironmentIsWrongUsage(t *testing.T) {
	d := newDesk(t)
	t.Setenv("UNDERSTUDY_NO_COLOR", "maybe")
	d.want(exitUsage, "plan")
	if !strings.Contains(d.stderr.String(), "UNDERSTUDY_NO_COLOR") || d.stdout.Len() > 0 {
		t.Errorf("stdout %q, stderr %q", &d.stdout, &d.stderr)
	}
}

func TestHelpIsOnStdoutForEveryCommand(t *testing.T) {
	d := newDesk(t)
	for _, line := range []string{"", "plan --help", "help failover", "runs --help", "runs resume -h", "config check --help", "help runs show", "help"} {
		d.want(exitOK, strings.Fields(line)...)
		if !strings.Contains(d.stdout.String(), "USAGE:") || d.stderr.Len() > 0 {
			t.Errorf("understudy %s: stdout %q, stderr %q", line, &d.stdout, &d.stderr)
		}
	}
}

func TestTheEmbeddedExampleIsTheOneInTheRepository(t *testing.T) {
	const path = "../../config.example.toml"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("example.toml", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(example)); diff != "" {
		t.Errorf("example.toml is not %s (-update copies it):\n%s", path, diff)
	}
}
