package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds understudy once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "understudy-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "understudy")
	out, err := exec.Command("go", "build", "-o", path, "github.com/understudy-dr/understudy/cmd/understudy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// A session is one operator's laptop: a configuration, a state directory, an
// endpoint.
type session struct {
	t        *testing.T
	config   string
	state    string
	endpoint string
	env      []string // more of it
}

func newSession(t *testing.T, endpoint, config string) *session {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "understudy.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return &session{t: t, config: path, state: filepath.Join(dir, "state"), endpoint: endpoint}
}

// An answer is what a command printed and how it ended.
type answer struct {
	code           int
	stdout, stderr string
}

func (a answer) String() string {
	return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", a.code, a.stdout, a.stderr)
}

func (s *session) command(ctx context.Context, args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = filepath.Dir(s.config)
	cmd.Env = append(cleanEnv(),
		"UNDERSTUDY_CONFIG="+s.config, "UNDERSTUDY_STATE_DIR="+s.state, "UNDERSTUDY_ENDPOINT_URL="+s.endpoint)
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// cleanEnv is the test's environment without anything that steers AWS
// clients or the binary, plus test credentials.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "UNDERSTUDY_") {
			continue
		}
		env = append(env, kv)
	}
	return append(env, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
}

// run runs understudy to its end.
func (s *session) run(args ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := s.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("understudy %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return answer{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs understudy and fails the test unless it ends with code.
func (s *session) must(code int, args ...string) answer {
	s.t.Helper()
	a := s.run(args...)
	if a.code != code {
		s.t.Fatalf("understudy %s: want exit %d, got %s", strings.Join(args, " "), code, a)
	}
	return a
}

// decode reads a command's JSON document.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.stdout), &v); err != nil {
		t.Fatalf("not one JSON document: %v\n%s", err, a)
	}
	return v
}

// A simulator is a running `understudy sim` process.
type simulator struct {
	t   *testing.T
	url string
}

// startSim runs `understudy sim` as a process of its own until the test ends.
func startSim(t *testing.T, args ...string) *simulator {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"sim", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = cleanEnv()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("first line of sim: %q, %v\n%s", line, err, stderr.String())
	}
	go io.Copy(io.Discard, stdout)
	return &simulator{t: t, url: url}
}

// control calls the simulator's own interface under /_sim/.
func (s *simulator) control(method, path, body string, into any) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+"/_sim/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode/100 != 2 {
		s.t.Fatalf("%s /_sim/%s: %s\n%s", method, path, resp.Status, data)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			s.t.Fatalf("%s /_sim/%s: %v\n%s", method, path, err, data)
		}
	}
}

// setRegion puts a region into a state.
func (s *simulator) setRegion(region, state string) {
	s.t.Helper()
	s.control("PUT", "regions/"+region, fmt.Sprintf(`{"state": %q}`, state), nil)
}

// callCount is one operation's count in one region.
type callCount struct{ Total, Mutating, Throttled int }

// calls returns the counts by region, service and operation.
func (s *simulator) calls() map[string]map[string]map[string]callCount {
	s.t.Helper()
	var counts map[string]map[string]map[string]callCount
	s.control("GET", "calls", "", &counts)
	return counts
}

// region sums up a region's calls.
func regionCalls(counts map[string]map[string]map[string]callCount, region string) (sum callCount) {
	for _, ops := range counts[region] {
		for _, c := range ops {
			sum.Total += c.Total
			sum.Mutating += c.Mutating
			sum.Throttled += c.Throttled
		}
	}
	return sum
}

// exampleConfig is the config.example.toml at the repository's top.
func exampleConfig(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// secretState is one region's copy of a secret, as /_sim/state tells it.
type secretState struct {
	PrimaryRegion string `json:"primary_region"`
	Rotation      *struct{ Enabled bool }
}

// secrets returns the copies that a region holds.
func (s *simulator) secrets(region string) map[string]secretState {
	s.t.Helper()
	var state struct {
		Accounts map[string]map[string]struct{ Secrets map[string]secretState }
	}
	s.control("GET", "state", "", &state)
	return state.Accounts["123456789012"][region].Secrets
}
