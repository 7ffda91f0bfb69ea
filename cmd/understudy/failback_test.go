package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

// A region dies with a version that nobody else has, and comes back.
func TestThereAndBack(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.region("us-east-1", sim.RegionPartitioned)
	if _, err := d.secrets("us-east-1").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("prod/api/gateway"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	d.region("us-east-1", sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	d.region("us-east-1", sim.RegionUp)

	d.want(exitUsage, "failback")
	d.want(exitUsage, "failback", "--to", "us-east-1", "--rescue", "a", "--give-up", "a")
	d.want(exitUsage, "failback", "--to", "us-east-9")
	d.want(exitUsage, "rescue")
	_, before := d.calls()
	d.want(exitRefused, "failback", "--to", "us-east-1", "--yes", "--output", "json")
	if e := document[struct{ Code, Message, Hint string }](t, d); e.Code != "orphan-version" ||
		!strings.Contains(e.Message, "prod/api/gateway: version ") || !strings.Contains(e.Hint, "--rescue NAME") {
		t.Errorf("%+v", e)
	}
	d.want(exitRefused, "failback", "--to", "us-east-1", "--rescue", "all") // not confirmed
	d.want(exitOK, "failback", "--to", "us-east-1", "--rescue", "all", "--dry-run")
	if !strings.Contains(d.stdout.String(), "failback --to us-east-1 --rescue all") {
		t.Errorf("the next command is not there:\n%s", &d.stdout)
	}
	d.want(exitOK, "rescue", "--from", "us-east-1", "--dry-run")
	if _, after := d.calls(); after != before {
		t.Errorf("%d mutating calls by what was refused or a dry run", after-before)
	}
	d.want(exitOK, "rescue", "--from", "us-east-1", "--yes")
	d.want(exitOK, "rescue", "--from", "us-east-1", "--yes")
	if !strings.Contains(d.stdout.String(), "Nothing to rescue") {
		t.Errorf("a second rescue:\n%s", &d.stdout)
	}
	d.want(exitOK, "failback", "--to", "us-east-1", "--yes", "--output", "json")
	if r := document[struct{ Schema, State, From, To string }](t, d); r.Schema != "understudy/run/v1" || r.State != "completed" || r.To != "us-east-1" {
		t.Errorf("%+v", r)
	}
	d.want(exitOK, "plan", "--detailed-exitcode")
	d.want(exitOK, "failback", "--to", "us-east-1", "--yes")
	if !strings.Contains(d.stdout.String(), "Nothing to do") {
		t.Errorf("a second failback:\n%s", &d.stdout)
	}
	d.want(exitRefused, "runs", "resume", "r2", "--yes") // the failover
	if strings.Contains(d.stdout.String(), "us-west-2") {
		t.Errorf("whoever reads this takes the ARNs that were left:\n%s", &d.stdout)
	}
}
