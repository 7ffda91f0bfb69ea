package drift

import (
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const (
	home    = topology.Region("us-east-1")
	west    = topology.Region("us-west-2")
	ireland = topology.Region("eu-west-1")
	account = "123456789012"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// lambdaIn is the rotation function that the configuration names.
func lambdaIn(r topology.Region) string {
	return "arn:aws:lambda:" + string(r) + ":" + account + ":function:rotate-db"
}

func keyIn(r topology.Region) string { return "alias/key-" + string(r) }

// newWorld is an estate without a flaw: n secrets, replicas in two regions,
// rotation on, one alarm staged.
func newWorld(n int) planner.Input {
	d := &topology.Desired{
		Account: account, Primary: home, Standby: []topology.Region{west, ireland},
		Keys: map[topology.Region]string{home: keyIn(home), west: keyIn(west), ireland: keyIn(ireland)},
		Groups: []topology.Group{{
			Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Priority: 100,
			Replicas: []topology.Region{west, ireland},
			Rotation: &topology.RotationPolicy{Template: "arn:{partition}:lambda:{region}:{account}:function:rotate-db"},
		}},
		Alarms: []topology.AlarmRule{{Match: []string{"secrets-*"}}},
	}
	in := planner.Input{Desired: d, Now: noon, Observed: &topology.Snapshot{
		Account: account, Taken: noon, Regions: map[topology.Region]*topology.RegionView{},
	}}
	for _, r := range d.Regions() {
		in.Observed.Regions[r] = newView(r)
	}
	for i := range n {
		addSecret(in, topology.Name(fmt.Sprintf("prod/s%d", i)))
	}
	in.Recovery = in.Observed
	return in
}

func newView(r topology.Region) *topology.RegionView {
	threshold := 1.0
	arn := "arn:aws:kms:" + string(r) + ":" + account + ":key/k"
	return &topology.RegionView{
		Region: r, Taken: noon, Secrets: map[topology.Name]*topology.Secret{},
		Keys: map[string]topology.Key{
			keyIn(r): {ARN: arn, State: "Enabled"}, arn: {ARN: arn, State: "Enabled"},
			topology.DefaultKey: {ARN: arn + "-default", State: "Enabled"},
		},
		Functions: map[string]*topology.Function{lambdaIn(r): {ARN: lambdaIn(r), State: "Active", Invokable: true}},
		Alarms: map[string]*topology.Alarm{"secrets-count": {
			Name: "secrets-count", Region: r, ActionsEnabled: r == home, Namespace: "AWS/SecretsManager", Metric: "ResourceCount",
			Statistic: "Minimum", Period: 60, Periods: 1, Threshold: &threshold, Comparison: "LessThanThreshold",
		}},
		Composites: map[string]*topology.CompositeAlarm{}, Filters: map[string]*topology.MetricFilter{}, LogGroups: map[string]bool{},
	}
}

func addSecret(in planner.Input, n topology.Name) {
	for _, r := range in.Desired.Regions() {
		s := &topology.Secret{
			Name: n, Region: r, PrimaryRegion: home, KmsKeyID: keyIn(r), Described: r == home,
			ARN:      "arn:aws:secretsmanager:" + string(r) + ":" + account + ":secret:" + string(n) + "-AbCdEf",
			Versions: []topology.Version{{ID: "v1", Stages: []string{topology.StageCurrent}}},
			Created:  noon.Add(-48 * time.Hour), Changed: noon.Add(-24 * time.Hour),
		}
		if r == home {
			s.Rotation = topology.Rotation{Enabled: true, LambdaARN: lambdaIn(home), Rules: topology.RotationRules{AfterDays: 30}}
			for _, standby := range in.Desired.Standby {
				s.Replicas = append(s.Replicas, topology.ReplicaStatus{Region: standby, KmsKeyID: keyIn(standby), Status: topology.InSync})
			}
		}
		in.Observed.Regions[r].Secrets[n] = s
	}
}

// entry is home's ReplicationStatus of a secret for a region.
func entry(in planner.Input, n topology.Name, r topology.Region) *topology.ReplicaStatus {
	p := in.Observed.Regions[home].Secrets[n]
	for i := range p.Replicas {
		if p.Replicas[i].Region == r {
			return &p.Replicas[i]
		}
	}
	return nil
}

// dropReplica removes a replica and home's entry for it.
func dropReplica(in planner.Input, n topology.Name, r topology.Region) {
	delete(in.Observed.Regions[r].Secrets, n)
	p := in.Observed.Regions[home].Secrets[n]
	var rest []topology.ReplicaStatus
	for _, e := range p.Replicas {
		if e.Region != r {
			rest = append(rest, e)
		}
	}
	p.Replicas = rest
}

// promote makes a replica standalone, as StopReplicationToReplica does.
func promote(in planner.Input, n topology.Name, r topology.Region) *topology.Secret {
	s := in.Observed.Regions[r].Secrets[n]
	dropReplica(in, n, r)
	s.PrimaryRegion = ""
	in.Observed.Regions[r].Secrets[n] = s
	return s
}

// elsewhere is a world after a failover to west by a machine that keeps its
// state elsewhere: rotation, alarms and the third region have gone there.
func elsewhere(in planner.Input, n topology.Name) {
	primary := promote(in, n, west)
	primary.Rotation.Enabled, primary.Described = true, true
	primary.Replicas = []topology.ReplicaStatus{{Region: ireland, Status: topology.InSync}}
	in.Observed.Regions[ireland].Secrets[n].PrimaryRegion = west
	in.Observed.Regions[home].Secrets[n].Rotation.Enabled = false
	in.Observed.Regions[west].Alarms["secrets-count"].ActionsEnabled = true
}

// move records that we moved a secret.
func move(in *planner.Input, n topology.Name, to topology.Region, at time.Time) {
	if in.Placement.Acting == nil {
		in.Placement.Acting = map[topology.Name]topology.Move{}
	}
	in.Placement.Acting[n] = topology.Move{
		From: home, To: to, Time: at, Run: "r1",
		Versions: in.Observed.Regions[to].Secrets[n].Versions,
	}
}

func version(s *topology.Secret, id string, stages ...string) {
	s.Versions = append(s.Versions, topology.Version{ID: id, Stages: stages})
}
