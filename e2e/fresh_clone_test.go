package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFreshCloneRunsTheREADME clones the repository into an empty home with
// an empty module cache and runs the README's two commands as they stand
// there. It fetches every module again, so it runs where
// UNDERSTUDY_FRESH_CLONE=1 asks for it: in CI.
func TestFreshCloneRunsTheREADME(t *testing.T) {
	if os.Getenv("UNDERSTUDY_FRESH_CLONE") != "1" {
		t.Skip("set UNDERSTUDY_FRESH_CLONE=1 to fetch every module into an empty cache")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	clone := filepath.Join(home, "understudy")
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GOFLAGS=-modcacherw -buildvcs=false"}
	for _, key := range []string{"GOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOTOOLCHAIN", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	run := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	run(home, "git", "clone", "--quiet", top, clone)
	for _, command := range []string{"go run ./cmd/understudy rehearse", "go test ./..."} {
		if !strings.Contains(string(readme), command) {
			t.Fatalf("README.md does not show %q", command)
		}
		args := strings.Fields(command)
		out := run(clone, args...)
		if args[1] == "run" && !strings.Contains(out, "passed") {
			t.Errorf("%s printed no verdict:\n%s", command, out)
		}
	}
}
