package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/sim"
)

// Who is refused needs the other regions, and the whole list, most.
func TestARefusedFailoverSaysWhereElseAndWhyNot(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.region("us-east-1", sim.RegionPartitioned)
	if _, err := d.secrets("us-east-1").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("prod/db/orders"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	d.want(exitOK, "drift", "--fail-on", "critical")
	d.region("us-east-1", sim.RegionRefuse)

	d.want(exitRefused, "failover", "--to", "us-west-2", "--yes")
	for _, says := range []string{"Regions, best first:", "us-west-2  rejected", "eu-west-1  rejected", "stale-standby: prod/db/orders", "If reads are all that is needed"} {
		if !strings.Contains(d.stdout.String(), says) {
			t.Errorf("not said: %s\n%s", says, &d.stdout)
		}
	}
	d.want(exitRefused, "failover", "--to", "us-west-2", "--yes", "--output", "json")
	var doc report.Error
	if err := json.Unmarshal(d.stdout.Bytes(), &doc); err != nil || doc.Code != "stale-standby" || doc.Plan == nil {
		t.Fatalf("%v\n%s", err, &d.stdout)
	}
	if p := doc.Plan; len(p.Candidates) != 2 || len(p.Refused()) != 1 || p.Refused()[0].Secret != "prod/db/orders" || len(p.Staleness) != 23 {
		t.Errorf("candidates %v, refused for %v, staleness of %d", p.Candidates, p.Refused(), len(p.Staleness))
	}
}

// No snapshot and a dark primary: "0 behind" would be a guess.
func TestUnknownStalenessIsNotZero(t *testing.T) {
	d := newDesk(t)
	d.region("us-east-1", sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--dry-run")
	if text := d.stdout.String(); !strings.Contains(text, "23 secrets could move, unknown how far behind") {
		t.Errorf("%s", text[strings.Index(text, "Regions, best"):])
	}
}

// With one standby there is nobody left to protect the new primary, and a plan
// makes nothing: the command that is named says what does.
func TestTheWayOutOfBeingUnprotectedLeadsOut(t *testing.T) {
	d := newDesk(t)
	d.write("understudy.toml", strings.NewReplacer(`["us-west-2", "eu-west-1"]`, `["us-west-2"]`, "eu-west-1 =", "# eu-west-1 =", `, eu-west-1 = "arn:aws:lambda:eu-west-1:123456789012:function:rotate-db"`, "").Replace(string(example)))
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap", "--allow-remove")
	d.region("us-east-1", sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	says := d.stdout.String()
	_, unprotected, _ := strings.Cut(says, "UNPROTECTED since ")
	if unprotected, _, _ = strings.Cut(unprotected, "\n\n"); !strings.Contains(unprotected, " drift says") {
		t.Errorf("after the failover:\n%s", says)
	}
	d.run("drift")
	if !strings.Contains(d.stdout.String(), "failback --to us-east-1, once it is well") {
		t.Errorf("drift:\n%s", &d.stdout)
	}
}
