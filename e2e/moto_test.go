package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// moto 5.2.1 shows less than AWS, and some of it wrongly. What this test
// cannot show, because moto
//   - has no StopReplicationToReplica (HTTP 500): a failover, beyond that it
//     stops and says so;
//   - ignores a replica's KmsKeyId: keys of replicas, so all are the default;
//   - has replicas InSync at once, reading the primary's memory: InProgress,
//     Failed, staleness;
//   - leaves out PrimaryRegion at the primary, and repeats the primary's
//     ReplicationStatus at the replica;
//   - appends a second entry when a region is replicated to twice, after which
//     RemoveRegionsFromReplication answers 500: it shows here that we never do;
//   - has no PutCompositeAlarm, and a new alarm there is OK at once;
//   - answers 404 for ResourceNotFoundException (AWS: 400).
//
// None of this is copied by our simulator.

const motoConfig = `
[account]
id = "123456789012"

[regions]
primary = "us-east-1"
standby = ["us-west-2", "eu-west-1"]

[[group]]
name = "prod"
match = ["prod/*"]
replicas = ["us-west-2", "eu-west-1"]

[[alarm]]
match = ["secrets-*"]
`

// startMoto runs moto_server until the test ends.
func startMoto(t *testing.T) string {
	t.Helper()
	requirePeer(t, "moto_server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("moto_server", "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	cmd.Env = cleanEnv()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 200 {
		if resp, err := http.Get(url + "/moto-api/"); err == nil {
			resp.Body.Close()
			return url
		}
		time.Sleep(50 * time.Millisecond) // another program's start-up, in real time
	}
	t.Fatal("moto_server does not answer")
	return ""
}

// TestMotoIsMendedToo plans, applies and drift-checks an estate in a fake
// AWS that shares no code with our simulator.
func TestMotoIsMendedToo(t *testing.T) {
	t.Parallel()
	requirePeer(t, "aws")
	aws := awsCLI{t, startMoto(t)}
	for _, name := range []string{"prod/api", "prod/db", "prod/web"} {
		aws.do(nil, "us-east-1", "secretsmanager", "create-secret", "--name", name, "--secret-string", "correct horse")
	}
	aws.do(nil, "us-east-1", "secretsmanager", "replicate-secret-to-regions", "--secret-id", "prod/db",
		"--add-replica-regions", "Region=us-west-2")
	aws.do(nil, "us-east-1", "secretsmanager", "create-secret", "--name", "dev/scratch", "--secret-string", "x")
	aws.do(nil, "us-east-1", "cloudwatch", "put-metric-alarm", "--alarm-name", "secrets-count",
		"--namespace", "AWS/SecretsManager", "--metric-name", "ResourceCount", "--statistic", "Maximum", "--period", "3600",
		"--evaluation-periods", "1", "--threshold", "400000", "--comparison-operator", "GreaterThanThreshold")
	s := newSession(t, aws.endpoint, motoConfig)

	plan := decode[planDocument](t, s.must(2, "--output", "json", "plan", "--detailed-exitcode"))
	if len(plan.Steps) != 7 || plan.Summary["replicate"] != 5 || plan.Summary["put-alarm"] != 2 {
		t.Fatalf("plan: %+v, want 5 replicate and 2 put-alarm", plan.Summary)
	}
	if a := s.run("drift", "--no-snapshot"); a.code != 2 {
		t.Errorf("drift before: %s", a)
	}
	s.must(0, "apply", "--yes")
	if a := s.run("plan", "--detailed-exitcode"); a.code != 0 {
		t.Fatalf("the next plan is not empty: %s", a)
	}
	if a := s.run("drift"); a.code != 0 {
		t.Errorf("drift after: %s", a)
	}
	var d struct{ ReplicationStatus []struct{ Region string } }
	aws.do(&d, "us-east-1", "secretsmanager", "describe-secret", "--secret-id", "prod/db")
	if len(d.ReplicationStatus) != 2 {
		t.Errorf("prod/db has %d replica entries, want 2: a region was replicated to twice", len(d.ReplicationStatus))
	}

	aws.do(nil, "us-east-1", "secretsmanager", "remove-regions-from-replication", "--secret-id", "prod/web",
		"--remove-replica-regions", "us-west-2")
	if a := s.must(2, "drift"); !strings.Contains(a.stdout, "prod/web") || !strings.Contains(a.stdout, "replica-missing") {
		t.Errorf("drift does not name the removed replica: %s", a)
	}
	s.must(0, "apply", "--yes")

	failover := s.must(4, "failover", "--to", "us-west-2", "--yes")
	if !strings.Contains(failover.stderr+failover.stdout, "runs resume") {
		t.Errorf("moto cannot promote; the stop must name the way on: %s", failover)
	}
	aws.do(&d, "us-east-1", "secretsmanager", "describe-secret", "--secret-id", "prod/db")
	if len(d.ReplicationStatus) != 2 {
		t.Errorf("a failover that could not promote changed replication: %+v", d)
	}
}
