package e2e

import (
	"path/filepath"
	"testing"

	"github.com/understudy-dr/understudy/internal/sim"
)

// TestBoto3DrivesTheSimulator runs a Python script that uses every service
// through boto3, and checks error classes, paginators and waiters as boto3's
// users meet them.
func TestBoto3DrivesTheSimulator(t *testing.T) {
	requireBoto3(t)
	t.Parallel()
	_, url := serveCloud(t, sim.Options{Seed: 1})
	script, err := filepath.Abs("testdata/boto3_session.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runPeer(t, t.TempDir(), []string{"AWS_ENDPOINT_URL=" + url}, "python3", script); err != nil {
		t.Fatal(err)
	}
}
