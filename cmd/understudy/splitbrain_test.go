package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

// Whichever command meets two writers says so, in its exit code and with both
// sides, as text and as JSON; the ways out are no refusals.
func TestTwoWriters(t *testing.T) { // G2, G6
	d := newDesk(t)
	state := func(s string) {
		t.Helper()
		if err := d.sim.SetRegion("us-east-1", sim.RegionState{State: s}); err != nil {
			t.Fatal(err)
		}
	}
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	state(sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	state(sim.RegionUp)
	d.want(exitOK, "fence", "--yes")
	client := secretsmanager.NewFromConfig(aws.Config{Region: "us-east-1", HTTPClient: d.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")})
	const value = "behind its back"
	if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("prod/api/gateway"), SecretString: aws.String(value)}); err != nil {
		t.Fatal(err)
	}
	_, before := d.calls()
	for _, command := range [][]string{
		{"plan"}, {"plan", "--detailed-exitcode"}, {"apply", "--yes"}, {"drift"}, {"status"}, {"fence", "--yes"},
		{"failover", "--to", "us-west-2", "--yes"}, {"failover", "--to", "us-west-2", "--dry-run"}, {"failover", "--to", "eu-west-1", "--dry-run"},
		{"switchover", "--to", "eu-west-1", "--yes"}, {"switchover", "--to", "eu-west-1", "--dry-run"},
	} {
		d.want(exitSplitBrain, command...)
		for _, words := range []string{"acting primary", "second writer", "understudy", "rescue --from us-east-1"} {
			if said := d.stdout.String() + d.stderr.String(); !strings.Contains(said, words) || strings.Contains(said, value) {
				t.Errorf("%s: no %q, or the value, in:\n%s", command, words, said)
			}
		}
		d.want(exitSplitBrain, append(command, "--output", "json")...)
		doc := document[struct {
			SplitBrain []struct {
				Secret string
				Sides  []struct{ Region string }
				Fix    []string
			} `json:"split_brain"`
		}](t, d)
		if list := doc.SplitBrain; len(list) != 1 || list[0].Secret != "prod/api/gateway" || len(list[0].Sides) != 2 || len(list[0].Fix) == 0 {
			t.Errorf("%s --output json tells of %+v", command, list)
		}
	}
	d.want(exitRefused, "failback", "--to", "us-east-1", "--yes") // the word of the operator is missing
	d.want(exitOK, "failback", "--to", "us-east-1", "--rescue", "all", "--dry-run")
	if _, after := d.calls(); after != before {
		t.Errorf("%d mutating calls", after-before)
	}
	d.want(exitOK, "rescue", "--from", "us-east-1", "--yes")
	d.want(exitOK, "status")
	d.want(exitOK, "fence", "--yes")
}
