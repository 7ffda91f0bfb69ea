package drift

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
)

// An old primary that should follow, and that AWS refuses to overwrite: that
// it awaits a failback, which is information only, must not hide why.
func TestWhyAnOldPrimaryCannotFollowIsSaid(t *testing.T) { // G3
	const s = topology.Name("prod/s0")
	in := afterFailover(1)
	old := in.Observed.Regions[home].Secrets[s]
	old.Rotation.Enabled, old.Changed, old.Described = false, noon, true
	old.Replicas = []topology.ReplicaStatus{{Region: ireland, Status: topology.InSync}}
	in.Desired.Primary, in.Desired.Standby = ireland, []topology.Region{west, home}
	in.Desired.Groups[0].Replicas = in.Desired.Standby

	r := Check(in, Options{})
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "has-replicas" && f.Region == home })
	if i < 0 || r.Verdict != Drifted {
		t.Fatalf("%s %q", r.Verdict, codes(r))
	}
	if !strings.Contains(r.Findings[i].Fix, "understudy failback --to "+string(ireland)) {
		t.Errorf("%+v", r.Findings[i])
	}
}
