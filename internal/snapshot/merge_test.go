package snapshot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/topology"
)

const (
	east = topology.Region("us-east-1")
	west = topology.Region("us-west-2")
)

var (
	monday  = time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
)

func capture(taken time.Time, views ...*topology.RegionView) *topology.Snapshot {
	s := &topology.Snapshot{Account: "123456789012", Taken: taken, Regions: map[topology.Region]*topology.RegionView{}}
	for _, v := range views {
		v.Taken = taken
		s.Regions[v.Region] = v
	}
	return s
}

func secret(r topology.Region, version string) *topology.Secret {
	return &topology.Secret{
		Name: "prod/db", Region: r, PrimaryRegion: east,
		ARN:      "arn:aws:secretsmanager:" + string(r) + ":123456789012:secret:prod/db-AbCdEf",
		Versions: []topology.Version{{ID: version, Stages: []string{topology.StageCurrent}}},
	}
}

func view(r topology.Region, secrets ...*topology.Secret) *topology.RegionView {
	v := &topology.RegionView{Region: r, Secrets: map[topology.Name]*topology.Secret{}}
	for _, s := range secrets {
		v.Secrets[s.Name] = s
	}
	return v
}

func TestADarkRegionKeepsWhatAnEarlierCaptureKnew(t *testing.T) {
	known := view(east, secret(east, "v1"))
	known.Alarms = map[string]*topology.Alarm{"secrets-count": {Name: "secrets-count"}}
	old := capture(monday, known, view(west, secret(west, "v1")))
	fresh := capture(tuesday, &topology.RegionView{Region: east, Dark: topology.CauseTimeout}, view(west, secret(west, "v2")))

	got := Merge(old, fresh)
	if diff := cmp.Diff(known, got.Regions[east]); diff != "" {
		t.Errorf("the dark region's view changed:\n%s", diff)
	}
	if v := got.Regions[west].Secrets["prod/db"].Versions[0].ID; v != "v2" {
		t.Errorf("us-west-2 answered, but its version is still %s", v)
	}
	if age, ok := Age(got, east, tuesday); !ok || age != 24*time.Hour {
		t.Errorf("age of us-east-1 = %v %v, want 24h", age, ok)
	}
	if age, ok := Age(got, west, tuesday); !ok || age != 0 {
		t.Errorf("age of us-west-2 = %v %v, want 0", age, ok)
	}
	if _, ok := Age(got, "eu-west-1", tuesday); ok {
		t.Error("eu-west-1 was never seen and has an age")
	}
}

func TestAServiceThatDidNotAnswerKeepsItsPartOnly(t *testing.T) {
	before := view(west, secret(west, "v1"))
	before.Alarms = map[string]*topology.Alarm{"a": {Name: "a"}}
	before.Keys = map[string]topology.Key{"alias/k": {State: "Enabled"}}
	after := view(west, secret(west, "v2"))
	after.Partial = []string{"cloudwatch"}
	after.Keys = map[string]topology.Key{}

	got := Merge(capture(monday, before), capture(tuesday, after)).Regions[west]
	if len(got.Alarms) != 1 {
		t.Error("CloudWatch did not answer, and the alarms known before are gone")
	}
	if len(got.Keys) != 0 {
		t.Error("KMS answered that there is no key, and the old one is still there")
	}
	if got.Secrets["prod/db"].Versions[0].ID != "v2" {
		t.Error("Secrets Manager answered, and the old versions are still there")
	}
}

func TestAListingKeepsPolicyAndReplicasOfAnEarlierDescribe(t *testing.T) {
	described := secret(east, "v1")
	described.Described = true
	described.Replicas = []topology.ReplicaStatus{{Region: west, Status: topology.InSync}}
	described.Policy, described.PolicyKnown = `{"Version":"2012-10-17"}`, true
	old := capture(monday, view(east, described))

	got := Merge(old, capture(tuesday, view(east, secret(east, "v2")))).Regions[east].Secrets["prod/db"]
	if len(got.Replicas) != 1 || !got.PolicyKnown {
		t.Errorf("a mere listing wiped out what describe had told: %+v", got)
	}
	if got.Versions[0].ID != "v2" {
		t.Error("the versions are not the fresh ones")
	}

	other := secret(east, "v9")
	other.ARN = other.ARN[:len(other.ARN)-6] + "XyZxYz" // deleted and made anew: another secret
	got = Merge(old, capture(tuesday, view(east, other))).Regions[east].Secrets["prod/db"]
	if got.PolicyKnown || len(got.Replicas) != 0 {
		t.Error("a new secret of the same name inherited the old one's policy")
	}
}

func TestASecretThatIsGoneIsGone(t *testing.T) {
	got := Merge(capture(monday, view(east, secret(east, "v1"))), capture(tuesday, view(east)))
	if len(got.Regions[east].Secrets) != 0 {
		t.Error("a region that answered without the secret still has it")
	}
}

func TestAKeysPolicyIsKeptUntilAnotherIsRead(t *testing.T) {
	keys := func(k topology.Key) *topology.RegionView {
		v := view(west)
		v.Keys = map[string]topology.Key{"alias/west": k}
		return v
	}
	old := capture(monday, keys(topology.Key{ARN: "arn:1", State: "Enabled", Policy: "monday's", PolicyKnown: true}))
	for _, c := range []struct {
		name  string
		fresh topology.Key
		want  string
	}{
		{"not asked", topology.Key{ARN: "arn:1", State: "Disabled"}, "monday's"},
		{"denied", topology.Key{ARN: "arn:1", PolicyUnread: topology.CauseDenied}, "monday's"},
		{"read", topology.Key{ARN: "arn:1", Policy: "tuesday's", PolicyKnown: true}, "tuesday's"},
		{"another key by that name", topology.Key{ARN: "arn:2"}, ""},
	} {
		got := Merge(old, capture(tuesday, keys(c.fresh))).Regions[west].Keys["alias/west"]
		if got.Policy != c.want || got.PolicyKnown != (c.want != "") || got.State != c.fresh.State {
			t.Errorf("%s: %+v, want policy %q", c.name, got, c.want)
		}
	}
	if k := old.Regions[west].Keys["alias/west"]; k.Policy != "monday's" {
		t.Errorf("the old capture was changed: %+v", k)
	}
}
