package executor

import (
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A replica that failed because of its key is given another one: in place, or
// by removal where that is all that AWS is known to do.
func TestAFailedReplicaIsGivenAnotherKey(t *testing.T) {
	for name, removal := range map[string]bool{"in place": false, "by removal": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel()
				m.add("s", west)
				m.secrets[east]["s"].Replicas[0] = topology.ReplicaStatus{Region: west, Status: topology.Failed,
					KmsKeyID: "alias/disabled", Message: "Replication failed: no access to the KMS key"}
				delete(m.secrets[west], "s")
				b := planning{planner.Plan{ID: "rkey", Command: "apply"}}
				b.add(planner.Step{Action: planner.RekeyReplica, Secret: "s", Region: west,
					Params: planner.Params{From: east, Key: "alias/enabled", ViaRemoval: removal}})
				rep, err := New(Options{Cloud: m, Store: journal.NewMemory()}).Run(t.Context(), &b.plan, RunSpec{})
				if err != nil || rep.Steps.Applied != 1 {
					t.Fatalf("%v %+v; calls %q", err, rep.Failures, m.mutations)
				}
				entries := m.secrets[east]["s"].Replicas
				if len(entries) != 1 || entries[0].Status != topology.InSync || entries[0].KmsKeyID != "alias/enabled" {
					t.Errorf("entries: %+v", entries)
				}
				if m.secrets[west]["s"] == nil {
					t.Error("there is no replica")
				}
			})
		})
	}
}
