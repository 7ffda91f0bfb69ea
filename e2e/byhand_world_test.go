package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
)

const (
	east = "us-east-1"
	west = "us-west-2"
	eu   = "eu-west-1"
)

// A byHand is one of two identical worlds: in one the scripts are run, in the
// other understudy.
type byHand struct {
	*session
	sim *simulator
	sm  map[string]*secretsmanager.Client // by region
	dir string                            // where its scripts run
	log string                            // what its scripts called aws with
	// plain: the aws program itself runs, with its slow start.
	plain bool
}

// twins makes both worlds of a fleet.
func twins(t *testing.T, fleet, config string, sim ...string) (hand, tool *byHand) {
	t.Helper()
	requirePeer(t, "aws")
	requirePeer(t, "bash")
	return newByHand(t, fleet, config, sim...), newByHand(t, fleet, config, sim...)
}

func newByHand(t *testing.T, fleet, config string, args ...string) *byHand {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fleet.toml")
	if err := os.WriteFile(file, []byte(fleet), 0o600); err != nil {
		t.Fatal(err)
	}
	sim := startSim(t, append([]string{"--fleet", file, "--lag", "50ms"}, args...)...)
	w := &byHand{session: newSession(t, sim.url, config), sim: sim, sm: map[string]*secretsmanager.Client{}, dir: t.TempDir()}
	w.log = filepath.Join(t.TempDir(), "arguments")
	for _, region := range []string{east, west, eu} {
		w.sm[region] = secretsmanager.New(secretsmanager.Options{
			Region: region, BaseEndpoint: aws.String(sim.url), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		})
	}
	return w
}

// realAWS is the aws program itself: pyenv's shim in front of it costs a
// quarter of a second a call.
var realAWS = sync.OnceValue(func() string {
	if out, err := exec.Command("pyenv", "which", "aws").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	path, err := exec.LookPath("aws")
	if err != nil {
		return "aws"
	}
	return path
})

// A quickAWS is the aws CLI behind testdata/aws_fork.py, which takes a
// fraction of the time that the program takes, most of which is its start-up.
type quickAWS struct {
	python, program, socket string
	server                  *exec.Cmd // holds the pipe, at whose end it ends
}

// forkedAWS is nil where aws is no Python program with awscli in it (version 2
// is not): then the program itself serves.
var forkedAWS = sync.OnceValue(func() *quickAWS {
	text, err := os.ReadFile(realAWS())
	python, _, _ := strings.Cut(strings.TrimPrefix(string(text[:min(len(text), 200)]), "#!"), "\n")
	if err != nil || !filepath.IsAbs(python) || strings.Contains(python, " ") {
		return nil
	}
	program, err := filepath.Abs(filepath.Join("testdata", "aws_fork.py"))
	dir, derr := os.MkdirTemp("", "understudy-aws-")
	if err != nil || derr != nil {
		return nil
	}
	q := &quickAWS{python: python, program: program, socket: filepath.Join(dir, "s")}
	q.server = exec.Command(python, program, "serve", q.socket)
	q.server.Env = cleanEnv()
	if _, err = q.server.StdinPipe(); err != nil || q.server.Start() != nil { // never written to: it ends with us
		return nil
	}
	for range 300 {
		if _, err := os.Stat(q.socket); err == nil {
			return q
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
})

// witness puts an `aws` into a directory for PATH that writes down what it is
// called with, as ps would show it, and becomes the real one.
func (w *byHand) witness() string {
	w.t.Helper()
	dir := w.t.TempDir()
	become := fmt.Sprintf("'%s'", realAWS())
	if q := forkedAWS(); q != nil && !w.plain {
		become = fmt.Sprintf("env AWS_FORK_SOCKET='%s' '%s' -IS '%s'", q.socket, q.python, q.program)
	}
	text := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$*\" >>'%s'\nexec %s \"$@\"\n", w.log, become)
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(text), 0o700); err != nil { //nolint:gosec // a program
		w.t.Fatal(err)
	}
	return dir
}

// script runs a script by bash with the real aws CLI and returns its output.
// No secret value may be in that, nor in what aws was called with.
func (w *byHand) script(text string, env ...string) (string, error) {
	w.t.Helper()
	values := w.values()
	path := filepath.Join(w.t.TempDir(), "by-hand.sh")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	temp := w.t.TempDir()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Minute) // aws takes half a second a call, more on a busy machine
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", path)
	cmd.Dir = w.dir
	cmd.Env = append(cleanEnv(), "AWS_ENDPOINT_URL="+w.sim.url, "PATIENCE=30", "PAUSE=0.1", "TMPDIR="+temp, "PATH="+w.witness()+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if files, rerr := filepath.Glob(filepath.Join(temp, "*")); rerr != nil || len(files) > 0 {
		w.t.Errorf("the script left files behind: %q, %v", files, rerr)
	}
	if files, rerr := filepath.Glob(filepath.Join(w.dir, "*")); rerr != nil || err == nil && len(files) > 0 {
		w.t.Errorf("a script that came to its end left files behind: %q, %v", files, rerr)
	}
	called, rerr := os.ReadFile(w.log)
	if rerr != nil && !os.IsNotExist(rerr) { // it may have stopped before it called any
		w.t.Error(rerr)
	}
	for _, value := range append(values, w.values()...) {
		if strings.Contains(string(out), value) || strings.Contains(string(called), value) || strings.Contains(text, value) {
			w.t.Errorf("%s: the value %q was shown", w.sim.url, value)
		}
	}
	return string(out), err
}

func (w *byHand) mustScript(text string, env ...string) string {
	w.t.Helper()
	out, err := w.script(text, env...)
	if err != nil {
		w.t.Fatalf("%v\n%s\nof the script\n%s", err, out, text)
	}
	return out
}

// again runs a script that came to its end once more: it changes nothing.
func (w *byHand) again(text string, env ...string) {
	w.t.Helper()
	w.sim.control("DELETE", "calls", "", nil)
	out := w.mustScript(text, env...)
	for region := range w.sm {
		if c := regionCalls(w.sim.calls(), region); c.Mutating > 0 {
			w.t.Errorf("run again it made %d mutating calls in %s:\n%s\n%+v", c.Mutating, region, out, w.sim.calls()[region])
		}
	}
}

// values are all secret values there are, in each form that they might be
// printed in.
func (w *byHand) values() []string {
	w.t.Helper()
	var list []string
	var now struct {
		Regions map[string]struct{ State string }
	}
	w.sim.control("GET", "state", "", &now)
	for region, c := range w.sm {
		if s := now.Regions[region].State; s == "hang" || s == "refuse" {
			continue
		}
		for name, s := range w.copies(region) {
			for id, version := range s.Versions {
				if len(version.Stages) == 0 {
					continue // not served any more
				}
				v, err := c.GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(name), VersionId: aws.String(id)})
				if err != nil {
					w.t.Fatal(err)
				}
				for line := range strings.FieldsFuncSeq(aws.ToString(v.SecretString), func(r rune) bool { return strings.ContainsRune("\n\r\t\"{}:,", r) }) {
					if len(line) > 7 && line != "username" && line != "password" {
						list = append(list, line)
					}
				}
				if b := v.SecretBinary; len(b) > 0 {
					list = append(list, string(b), base64.StdEncoding.EncodeToString(b))
				}
			}
		}
	}
	return list
}

// write puts a version into one region's copy, as somebody else would.
func (w *byHand) write(region, name, id string, value any, labels ...string) {
	w.t.Helper()
	in := &secretsmanager.PutSecretValueInput{SecretId: aws.String(name), ClientRequestToken: aws.String(id), VersionStages: labels}
	switch v := value.(type) {
	case string:
		in.SecretString = aws.String(v)
	case []byte:
		in.SecretBinary = v
	}
	if _, err := w.sm[region].PutSecretValue(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// holds is the simulator's state, but for when a rotation was and will be, as
// the two worlds live at different seconds, and for the order in which resource
// policies are written, which means nothing (the script can't parse JSON and
// puts its statement first, understudy puts its own last).
func (w *byHand) holds() any {
	w.t.Helper()
	var state map[string]any
	w.sim.control("GET", "state", "", &state)
	forget(state, "last", "next")
	sortPolicies(state)
	return state["accounts"]
}

func sortPolicies(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	var policy map[string]any
	if text, ok := m["policy"].(string); ok && json.Unmarshal([]byte(text), &policy) == nil {
		if list, ok := policy["Statement"].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		m["policy"] = policy
	}
	for _, inner := range m {
		sortPolicies(inner)
	}
}

func forget(v any, keys ...string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range keys {
			delete(v, k)
		}
		for _, inner := range v {
			forget(inner, keys...)
		}
	case []any:
		for _, inner := range v {
			forget(inner, keys...)
		}
	}
}

// A heldCopy is what /_sim/state tells of one secret in one region.
type heldCopy struct {
	Versions map[string]struct {
		Stages []string
		Hash   string
	}
}

func (w *byHand) copies(region string) map[string]heldCopy {
	w.t.Helper()
	return secretsOf(w.t, w.holds(), region)
}

func secretsOf(t *testing.T, state any, region string) map[string]heldCopy {
	t.Helper()
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var accounts map[string]map[string]struct{ Secrets map[string]heldCopy }
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&accounts); err != nil {
		t.Fatal(err)
	}
	return accounts["123456789012"][region].Secrets
}

// both does the same in both worlds, at the same time.
func both(hand, tool *byHand, do func(*byHand)) {
	hand.t.Helper()
	var wg sync.WaitGroup
	for _, w := range []*byHand{hand, tool} {
		wg.Go(func() { do(w) })
	}
	wg.Wait()
}

// same fails the test where the two worlds hold different things.
func same(t *testing.T, hand, tool *byHand, when string) {
	t.Helper()
	if diff := cmp.Diff(tool.holds(), hand.holds()); diff != "" {
		t.Errorf("%s (-understudy +script):\n%s", when, diff)
	}
}

// settle waits until a condition on a world holds: replication takes a lag.
func (w *byHand) settle(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not so after 10 s: %s", what)
		}
	}
}

// labels of one version in a region's copy.
func (w *byHand) labels(region, name, id string) []string {
	w.t.Helper()
	return slices.Sorted(slices.Values(w.copies(region)[name].Versions[id].Stages))
}
