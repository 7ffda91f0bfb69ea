package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/internal/sim"
)

// Whichever command meets two writers says so, in its exit code and with both
// sides, as text and as JSON; the ways out are no refusals.
func TestTwoWriters(t *testing.T) { // G2, G6
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.region("us-east-1", sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	d.region("us-east-1", sim.RegionUp)
	d.want(exitOK, "fence", "--yes")
	const value = "behind its back"
	if _, err := d.secrets("us-east-1").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("prod/api/gateway"), SecretString: aws.String(value)}); err != nil {
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

// A terraform apply on the recovered side, with force, has made a replica of the
// new primary. No command takes that for a world that is well.
func TestOverwrittenByOthers(t *testing.T) { // G1
	d := newDesk(t)
	const gateway = "prod/api/gateway"
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	d.region("us-east-1", sim.RegionRefuse)
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes")
	if !strings.Contains(d.stdout.String(), "danger: a terraform apply") || !strings.Contains(d.stdout.String(), "understudy drift") && !strings.Contains(d.stdout.String(), " drift\n") {
		t.Errorf("the danger, or the check, is not named:\n%s", &d.stdout)
	}
	d.region("us-east-1", sim.RegionUp)
	d.want(exitOK, "fence", "--yes")
	// Nothing protects a primary without replicas; and terraform changes an
	// entry by removing it and adding it again.
	for primary, replica := range map[string]string{"us-west-2": "eu-west-1", "us-east-1": "us-west-2"} {
		if _, err := d.secrets(primary).RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{
			SecretId: aws.String(gateway), RemoveReplicaRegions: []string{replica},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.secrets("us-east-1").ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: aws.String(gateway), ForceOverwriteReplicaSecret: true, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("us-west-2")}},
	}); err != nil {
		t.Fatal(err)
	}
	d.sim.Advance(time.Minute)

	d.want(exitChanges, "drift", "--output", "json")
	if !strings.Contains(d.stdout.String(), "promoted-became-replica") {
		t.Errorf("drift does not tell:\n%s", &d.stdout)
	}
	d.want(exitOK, "status")
	if !strings.Contains(d.stdout.String(), "OVERWRITTEN") {
		t.Errorf("status does not tell:\n%s", &d.stdout)
	}
	d.want(exitOK, "apply", "--yes")
	if out := d.stdout.String(); !strings.Contains(out, "promoted-became-replica") || strings.Contains(out, "what is there is what is wanted") {
		t.Errorf("apply does not tell:\n%s", out)
	}
	d.want(exitOK, "failover", "--to", "us-west-2", "--yes") // the way out
	d.want(exitOK, "apply", "--yes")
	d.want(exitOK, "status")
	if strings.Contains(d.stdout.String(), "OVERWRITTEN") {
		t.Errorf("the way out does not lead out:\n%s", &d.stdout)
	}
}

// A failover of which a fence failed, for no want of permission, is not
// finished, and status says so, with what goes on.
func TestStatusOfAnUnfinishedMove(t *testing.T) { // G2, G3
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	if err := d.sim.AddFault(sim.Fault{
		Match: sim.FaultMatch{Region: "us-east-1", Operation: "DisableAlarmActions"}, Fault: sim.FaultError, Code: "ValidationError",
	}); err != nil {
		t.Fatal(err)
	}
	d.want(exitStopped, "failover", "--to", "us-west-2", "--yes")
	d.sim.ClearFaults()
	d.want(exitOK, "status")
	for _, words := range []string{"failover r2-", "is not finished: 2 steps left", "disable-alarms", "runs resume r2-"} {
		if !strings.Contains(d.stdout.String(), words) {
			t.Errorf("no %q in:\n%s", words, &d.stdout)
		}
	}
	d.want(exitOK, "status", "--output", "json")
	doc := document[struct {
		Unfinished []struct{ ID, Command string }
		Owed       []struct{ Action string }
	}](t, d)
	if len(doc.Unfinished) != 1 || len(doc.Owed) != 6 { // the alarms that waited for the refused one, too
		t.Fatalf("%+v", doc)
	}
	d.want(exitOK, "runs", "resume", doc.Unfinished[0].ID, "--yes")
	d.want(exitOK, "status")
	if strings.Contains(d.stdout.String(), "not finished") {
		t.Errorf("it is finished:\n%s", &d.stdout)
	}
}

// Apply would refuse what plan shows while a move is unfinished.
func TestPlanOverAnUnfinishedMove(t *testing.T) {
	d := newDesk(t)
	d.want(exitOK, "apply", "--yes", "--allow-replica-gap")
	if err := d.sim.AddFault(sim.Fault{
		Match: sim.FaultMatch{Region: "us-west-2", Operation: "ReplicateSecretToRegions"}, Fault: sim.FaultError, Code: "InvalidRequestException",
	}); err != nil {
		t.Fatal(err)
	}
	d.want(exitStopped, "failover", "--to", "us-west-2", "--yes")
	d.sim.ClearFaults()
	d.want(exitOK, "plan")
	if out := d.stdout.String(); !strings.Contains(out, "runs resume r2-") || strings.Contains(out, "understudy apply") || strings.Contains(out, " apply --allow") {
		t.Errorf("advice that apply would refuse:\n%s", out)
	}
	d.want(exitChanges, "drift", "--no-snapshot")
	if out := d.stdout.String(); !strings.Contains(out, "runs resume r2-") || strings.Contains(out, " apply") {
		t.Errorf("advice that apply would refuse:\n%s", out)
	}
}
