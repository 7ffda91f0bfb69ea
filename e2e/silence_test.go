package e2e

import (
	"strings"
	"testing"
)

// TestASilentServiceIsSaidAloud: Secrets Manager answers, CloudWatch of one
// region does not. No command may call that clean (G5: unknown is never
// treated as absent).
func TestASilentServiceIsSaidAloud(t *testing.T) {
	t.Parallel()
	sim := startSim(t)
	s := newSession(t, sim.url, exampleConfig(t))
	s.must(0, "apply", "--yes", "--allow-replica-gap")
	sim.control("PUT", "regions/us-west-2", `{"state": "unavailable", "services": ["monitoring"]}`, nil)
	for _, command := range [][]string{{"plan", "--detailed-exitcode"}, {"apply", "--yes"}, {"drift"}} {
		a := s.must(5, command...)
		if out := a.stdout + a.stderr; !strings.Contains(out, "us-west-2") || !strings.Contains(out, "cloudwatch") {
			t.Errorf("%v does not name the service and the region: %s", command, a)
		}
	}
	sim.setRegion("us-west-2", "up")
	s.must(0, "plan", "--detailed-exitcode")
	s.must(0, "drift")
}
