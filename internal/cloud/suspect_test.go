package cloud

import (
	"slices"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
)

// observed is an observation after its lists are in: one healthy secret.
func observed() (*observation, map[topology.Region]*topology.Secret) {
	ob := newObservation(nil, desired(), ObserveOptions{})
	copies := map[topology.Region]*topology.Secret{}
	for _, l := range ob.looks {
		key := ob.d.Keys[l.region]
		l.view.Keys[key] = topology.Key{ARN: "arn:" + key, State: "Enabled"}
		s := &topology.Secret{
			Name: "prod/a", Region: l.region, PrimaryRegion: east, KmsKeyID: key,
			Versions: []topology.Version{{ID: "v1", Stages: []string{topology.StageCurrent}}},
		}
		l.view.Secrets[s.Name], copies[l.region] = s, s
	}
	return ob, copies
}

func TestDoubts(t *testing.T) {
	tests := []struct {
		name   string
		change func(*observation, map[topology.Region]*topology.Secret)
		want   []topology.Region
	}{
		{"healthy: nothing to ask", func(*observation, map[topology.Region]*topology.Secret) {}, nil},
		{"a replica is missing", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			delete(ob.at(west).view.Secrets, "prod/a")
		}, []topology.Region{east, west}},
		{"a replica is stale, or its list lags", func(_ *observation, c map[topology.Region]*topology.Secret) {
			c[west].Versions = []topology.Version{{ID: "v0", Stages: []string{topology.StageCurrent}}}
		}, []topology.Region{east, west}},
		{"a replica is under another key", func(ob *observation, c map[topology.Region]*topology.Secret) {
			ob.at(west).view.Keys["alias/x"] = topology.Key{ARN: "arn:x"}
			c[west].KmsKeyID = "alias/x"
		}, []topology.Region{east, west}},
		{"a replica's key is unknown", func(_ *observation, c map[topology.Region]*topology.Secret) {
			c[west].KmsKeyID = "arn:aws:kms:us-east-1:1:key/k"
		}, []topology.Region{east, west}},
		{"a copy is standalone", func(_ *observation, c map[topology.Region]*topology.Secret) {
			c[ireland].PrimaryRegion = ""
		}, []topology.Region{east, ireland}},
		{"a replica where none is desired", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			ob.d.Groups[0].Replicas = []topology.Region{west}
		}, []topology.Region{east}},
		{"a rotation is in flight", func(_ *observation, c map[topology.Region]*topology.Secret) {
			for _, s := range c {
				s.Versions = append(s.Versions, topology.Version{ID: "v2", Stages: []string{topology.StagePending}})
			}
		}, []topology.Region{east}},
		{"home does not list what others replicate from it", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			delete(ob.at(east).view.Secrets, "prod/a")
		}, []topology.Region{east}},
		{"a dark standby is no doubt", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			ob.at(west).dark(topology.CauseTimeout, "")
		}, nil},
		{"a dark home leaves nobody to ask", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			ob.at(east).dark(topology.CauseTimeout, "")
		}, nil},
		{"managed by a service", func(ob *observation, c map[topology.Region]*topology.Secret) {
			c[east].OwningService = "rds"
			delete(ob.at(west).view.Secrets, "prod/a")
		}, nil},
		{"matched by no group", func(ob *observation, _ map[topology.Region]*topology.Secret) {
			ob.d.Groups[0].Selector.Match = []string{"dev/*"}
			delete(ob.at(west).view.Secrets, "prod/a")
		}, nil},
		{"scheduled for deletion", func(ob *observation, c map[topology.Region]*topology.Secret) {
			c[east].Deleted = c[east].Deleted.AddDate(2026, 0, 0)
			delete(ob.at(west).view.Secrets, "prod/a")
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ob, copies := observed()
			tt.change(ob, copies)
			if got := ob.doubts("prod/a"); !slices.Equal(got, tt.want) {
				t.Errorf("asks %v, want %v", got, tt.want)
			}
		})
	}
}

// A replica that repeats its primary's key reference (moto) does not say what
// key it is under: unknown, not missing.
func TestEchoedKeyIsUnknown(t *testing.T) {
	ob, copies := observed()
	copies[west].KmsKeyID = copies[east].KmsKeyID
	ob.at(west).view.Keys[copies[east].KmsKeyID] = topology.Key{Missing: true}
	ob.distrustEchoedKeys()
	if _, known := ob.at(west).view.SameKey(copies[west].KmsKeyID, "alias/secrets-key-west"); known {
		t.Error("an echoed key is known")
	}
	copies[west].KmsKeyID = "alias/gone"
	ob.at(west).view.Keys["alias/gone"] = topology.Key{Missing: true}
	ob.distrustEchoedKeys()
	if same, known := ob.at(west).view.SameKey("alias/gone", "alias/secrets-key-west"); same || !known {
		t.Error("a key of the replica's own that is gone must stay known as gone")
	}
}
