package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
)

// A terraformDir is a working directory with its own configuration of the
// terraform program.
type terraformDir struct {
	t    *testing.T
	path string
	env  []string
}

func newTerraformDir(t *testing.T, endpoint string) terraformDir {
	t.Helper()
	mirror := terraformMirror(t)
	dir := t.TempDir()
	config, err := os.ReadFile("testdata/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"main.tf":    config,
		"rotate.zip": zipOf(t, "lambda_function.py", "def lambda_handler(event, context):\n    pass\n"),
		"cli.tfrc": fmt.Appendf(nil, "disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n",
			mirror),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return terraformDir{t, dir, []string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "TF_INPUT=0", "NO_COLOR=1",
		"GOGC=400", // most of its time goes into loading the provider's schema, again for every command
		"TF_VAR_endpoint=" + endpoint, "TF_CLI_ARGS=-no-color",
	}}
}

func zipOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// do runs terraform and fails the test unless it succeeds.
func (d terraformDir) do(args ...string) string {
	d.t.Helper()
	start := time.Now()
	out, err := runPeer(d.t, d.path, d.env, "terraform", args...)
	d.t.Logf("took %s", time.Since(start).Round(time.Second))
	if err != nil {
		d.t.Fatalf("terraform %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// TestTerraformDrivesTheSimulator lets terraform's AWS provider build, change
// and destroy an estate: what it plans right after an apply must be nothing.
func TestTerraformDrivesTheSimulator(t *testing.T) {
	t.Parallel()
	cloud, url := serveCloud(t, sim.Options{Seed: 1})
	tf := newTerraformDir(t, url)
	tf.do("init")
	tf.do("apply", "-auto-approve")
	tf.do("plan", "-detailed-exitcode") // exit 2 if it would change anything

	const account = "123456789012"
	secret, _ := cloud.State().Secret(account, "us-east-1", "prod/db")
	if len(secret.Replicas) != 2 || secret.Rotation == nil || !secret.Rotation.Enabled || secret.Policy == "" {
		t.Errorf("prod/db: %+v", secret)
	}
	for region, r := range secret.Replicas {
		if r.Status != "InSync" {
			t.Errorf("replica in %s: %+v", region, r)
		}
	}

	change := []string{"-var=second_region=ap-southeast-2", "-var=west_own_key=false"}
	tf.do(append([]string{"apply", "-auto-approve"}, change...)...)
	secret, _ = cloud.State().Secret(account, "us-east-1", "prod/db")
	if r := secret.Replicas; len(r) != 2 || r["ap-southeast-2"].Status != "InSync" || r["us-west-2"].Key != "alias/aws/secretsmanager" {
		t.Errorf("after another region and key: %+v", r)
	}
	if _, there := cloud.State().Secret(account, "eu-west-1", "prod/db"); there {
		t.Error("the replica in eu-west-1 outlived its removal")
	}

	tf.do(append([]string{"destroy", "-auto-approve"}, change...)...)
	for region, left := range cloud.State().Accounts[account] {
		if len(left.Secrets) > 0 {
			t.Errorf("%s still has secrets after destroy: %v", region, left.Secrets)
		}
	}
}
