package e2e

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
)

// requirePeer skips the test, saying so, where a program that it drives is not
// installed. With UNDERSTUDY_REQUIRE_PEERS=1, as in CI, it fails instead.
func requirePeer(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missingPeer(t, program+" not found")
	}
}

func missingPeer(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("UNDERSTUDY_REQUIRE_PEERS") == "1" {
		t.Fatalf("%s, and UNDERSTUDY_REQUIRE_PEERS is set", why)
	}
	t.Skipf("skipped: %s", why)
}

// requireBoto3 is requirePeer for Python's AWS SDK.
func requireBoto3(t *testing.T) {
	t.Helper()
	requirePeer(t, "python3")
	if err := exec.Command("python3", "-c", "import boto3").Run(); err != nil {
		missingPeer(t, "boto3 not found")
	}
}

// terraformMirror finds a directory with the AWS provider in it:
// UNDERSTUDY_TF_MIRROR, or one of the usual plugin directories.
func terraformMirror(t *testing.T) string {
	t.Helper()
	requirePeer(t, "terraform")
	home, _ := os.UserHomeDir() // "" finds nothing, like a home without plugins
	for _, dir := range []string{
		os.Getenv("UNDERSTUDY_TF_MIRROR"), "/opt/tf-plugins", filepath.Join(home, ".terraform.d/plugins"),
		filepath.Join(home, ".local/share/terraform/plugins"), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins",
	} {
		if _, err := os.Stat(filepath.Join(dir, "registry.terraform.io/hashicorp/aws")); dir != "" && err == nil {
			return dir
		}
	}
	missingPeer(t, "no mirror of terraform's aws provider (set UNDERSTUDY_TF_MIRROR)")
	return ""
}

// serveCloud serves a simulator with an empty account until the test ends.
func serveCloud(t *testing.T, opts sim.Options) (*sim.Cloud, string) {
	t.Helper()
	cloud := sim.New(opts)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return cloud, server.URL
}

// runPeer runs a program to its end and returns what it printed.
func runPeer(t *testing.T, dir string, env []string, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(cleanEnv(), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s %s\n%s", program, strings.Join(args, " "), out)
	return string(out), err
}
