package executor

import (
	"fmt"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A planning collects steps into a plan, by hand: what the planner would make
// of these worlds is its own tests' business.
type planning struct{ plan planner.Plan }

func (b *planning) add(s planner.Step, needs ...string) string {
	s.Needs = needs
	s = s.Seal()
	b.plan.Steps = append(b.plan.Steps, s)
	return s.ID
}

// failoverWorld has n secrets replicated from us-east-1 to two regions, with
// rotation and one alarm.
func failoverWorld(n int) *model {
	m := newModel()
	for i := range n {
		m.add(secretName(i), west, ireland)
	}
	m.functions[lambdaIn(west)] = &topology.Function{ARN: lambdaIn(west)}
	m.alarms[east]["logins"] = &topology.Alarm{Name: "logins", ActionsEnabled: true}
	m.alarms[west]["logins"] = &topology.Alarm{Name: "logins"}
	return m
}

func secretName(i int) topology.Name { return topology.Name(fmt.Sprintf("prod/db-%03d", i)) }

// failoverPlan moves them to us-west-2.
func failoverPlan(n int) *planner.Plan {
	b := planning{planner.Plan{ID: "f00d", Command: "failover", From: east, To: west}}
	grant := b.add(planner.Step{Action: planner.GrantInvoke, Region: west, Target: lambdaIn(west),
		Params: planner.Params{Lambda: lambdaIn(west), Statement: "understudy-secretsmanager"}, Phase: "rotation"})
	var attached []string
	for i := range n {
		name := secretName(i)
		expect := func(r topology.Region) planner.Expect {
			return planner.Expect{ARN: arnOf(r, name), Current: "v1-" + string(name), PrimaryRegion: east}
		}
		up := b.add(planner.Step{Action: planner.Promote, Secret: name, Region: west, Group: "prod", Phase: "promote", Expect: expect(west)})
		third := b.add(planner.Step{Action: planner.Promote, Secret: name, Region: ireland, Group: "prod", Phase: "promote", Expect: expect(ireland)})
		attached = append(attached, b.add(planner.Step{Action: planner.AttachRotation, Secret: name, Region: west, Group: "prod", Phase: "rotation",
			Params: planner.Params{Lambda: lambdaIn(west), Rules: topology.RotationRules{AfterDays: 30}}}, grant, up))
		b.add(planner.Step{Action: planner.CancelRotation, Secret: name, Region: east, Group: "prod", Owed: true, Phase: "fence"}, up)
		b.add(planner.Step{Action: planner.OverwriteReplica, Secret: name, Region: ireland, Group: "prod", Phase: "protect",
			Params: planner.Params{From: west, Key: topology.DefaultKey}, Expect: planner.Expect{ARN: arnOf(ireland, name)}}, up, third)
		b.plan.ARNs = append(b.plan.ARNs, planner.ARNChange{Secret: name, Old: arnOf(east, name), New: arnOf(west, name)})
	}
	on := b.add(planner.Step{Action: planner.EnableAlarms, Alarm: "logins", Region: west, Params: planner.Params{Alarms: []string{"logins"}}, Phase: "alarms"}, attached...)
	b.add(planner.Step{Action: planner.DisableAlarms, Alarm: "logins", Region: east, Params: planner.Params{Alarms: []string{"logins"}}, Owed: true, Phase: "fence"}, on)
	return &b.plan
}

// applyWorld has one secret for each thing that apply mends.
func applyWorld() *model {
	m := newModel()
	m.add("missing", ireland)
	m.add("failed", west, ireland)
	m.secrets[east]["failed"].Replicas[0] = topology.ReplicaStatus{Region: west, Status: topology.Failed, Message: "Replication failed: no access to the KMS key"}
	delete(m.secrets[west], "failed")
	m.add("wrong-key", west)
	m.add("wrong-key-2", west)
	m.add("extra", ireland)
	m.add("stuck", west)
	m.secrets[east]["stuck"].Versions = append(m.secrets[east]["stuck"].Versions, topology.Version{ID: "v2", Stages: []string{topology.StagePending}})
	m.add("fenced")
	m.add("rescued")
	m.secrets[west]["rescued"] = &topology.Secret{Name: "rescued", Region: west, ARN: arnOf(west, "rescued"), Versions: []topology.Version{{ID: "only-here", Stages: []string{topology.StageCurrent}}}}
	return m
}

func applyPlan() *planner.Plan {
	b := planning{planner.Plan{ID: "ab1e", Command: "apply"}}
	from := planner.Params{From: east, Key: "alias/west"}
	removal := from
	removal.ViaRemoval = true
	b.add(planner.Step{Action: planner.Replicate, Secret: "missing", Region: west, Params: from, Tier: 2, Group: "prod"})
	b.add(planner.Step{Action: planner.RetryReplica, Secret: "failed", Region: west, Params: from, Tier: 2, Group: "prod"})
	b.add(planner.Step{Action: planner.RekeyReplica, Secret: "wrong-key", Region: west, Params: removal, Tier: 1, Group: "first"})
	b.add(planner.Step{Action: planner.RekeyReplica, Secret: "wrong-key-2", Region: west, Params: removal, Tier: 1, Group: "first"})
	b.add(planner.Step{Action: planner.RemoveReplica, Secret: "extra", Region: ireland, Params: planner.Params{From: east}, Tier: 2, Group: "prod"})
	b.add(planner.Step{Action: planner.ClearPending, Secret: "stuck", Region: east, Params: planner.Params{Version: "v2"}, Tier: 2})
	b.add(planner.Step{Action: planner.FencePolicy, Secret: "fenced", Region: east, Params: planner.Params{Statement: "UnderstudyFence"}, Tier: 2})
	b.add(planner.Step{Action: planner.RescueVersion, Secret: "rescued", Region: east, Params: planner.Params{From: west, Version: "only-here", Label: "UNDERSTUDY_RESCUED_1"}, Tier: 2})
	b.add(planner.Step{Action: planner.PutAlarm, Alarm: "logins", Region: west, Params: planner.Params{Metric: &topology.Alarm{Name: "logins", Metric: "Logins", Periods: 1}}, Tier: 2})
	return &b.plan
}
