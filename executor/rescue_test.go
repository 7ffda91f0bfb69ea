package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A rotation that died before its first step leaves a version without a value,
// which cannot be copied and would be in the way of an overwrite for ever.
func TestAVersionWithoutAValueIsInNobodysWay(t *testing.T) { // G1
	for name, c := range map[string]struct {
		labels  []string
		rotates bool
		ok      bool
	}{
		"left behind by a rotation": {[]string{topology.StagePending}, false, true},
		"a rotation may fill it":    {[]string{topology.StagePending}, true, false},
		"somebody labelled it":      {[]string{topology.StagePending, "KEEP"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, s := failoverWorld(1), journal.NewMemory()
				left := m.secrets[ireland][secretName(0)]
				left.PrimaryRegion, left.Rotation.Enabled = "", c.rotates
				left.Versions = append(slices.Clone(left.Versions), topology.Version{ID: "void", Stages: c.labels})
				m.empty = map[string]bool{"void": true}
				b := planning{planner.Plan{ID: "e5c0", Command: "rescue", From: ireland}}
				b.add(planner.Step{Action: planner.RescueVersion, Secret: secretName(0), Region: east,
					Params: planner.Params{From: ireland, Version: "void", Label: "UNDERSTUDY_RESCUED_1"}})
				rep, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{})
				labelled := len(labelsOn(m.secrets[ireland][secretName(0)], "void")) > 0
				switch {
				case c.ok && (err != nil || labelled || rep.Steps.Applied != 1):
					t.Errorf("%v %+v, labelled %v", err, rep, labelled)
				case !c.ok && (!errors.Is(err, ErrStopped) || !labelled || !strings.Contains(rep.Failures[0].Message, "has no value")):
					t.Errorf("%v %+v, labelled %v", err, rep, labelled)
				}
			})
		})
	}
}
