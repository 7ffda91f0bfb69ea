package planner_test

import (
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// perform does to a snapshot what a plan's steps do to AWS, in plan order,
// and checks on the way what AWS and the guarantees demand of each step. Steps
// in dark regions are owed: performed only in the journal.
func perform(t fataler, in *planner.Input, p *planner.Plan) {
	t.Helper()
	done := map[string]bool{}
	for i := range p.Steps {
		s := &p.Steps[i]
		for _, need := range s.Needs {
			if !done[need] {
				t.Fatalf("step %d (%s %s %s) comes before a step that it needs", i+1, s.Action, s.Subject(), s.Region)
			}
		}
		if done[s.ID] {
			t.Fatalf("step %d (%s %s %s) has the ID of another step", i+1, s.Action, s.Subject(), s.Region)
		}
		done[s.ID] = true
		v := in.Observed.View(s.Region)
		if v.Dark != "" {
			if !s.Owed {
				t.Fatalf("step %d (%s %s) is in the dark region %s and not owed", i+1, s.Action, s.Subject(), s.Region)
			}
			for _, alarm := range append(s.Params.Alarms[:len(s.Params.Alarms):len(s.Params.Alarms)], s.Alarm) { // as the journal has it
				in.Placement.Owed = append(in.Placement.Owed, topology.Debt{Action: string(s.Action), Secret: s.Secret, Alarm: alarm, Region: s.Region})
			}
			continue
		}
		performOne(t, in, p, s, v)
	}
}

func performOne(t fataler, in *planner.Input, p *planner.Plan, s *planner.Step, v *topology.RegionView) {
	t.Helper()
	switch s.Action {
	case planner.Replicate, planner.RetryReplica, planner.RekeyReplica, planner.OverwriteReplica, planner.RemoveReplica:
		performReplica(t, in, s, v)
	case planner.Promote:
		c := v.Secrets[s.Secret]
		if c.Role() == topology.RoleReplica {
			if from := in.Observed.View(c.PrimaryRegion).Secrets[s.Secret]; from != nil {
				from.Replicas = slices.DeleteFunc(from.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == s.Region })
			}
			c.PrimaryRegion = ""
		}
		if p.To == s.Region {
			in.Placement.Acting[s.Secret] = topology.Move{From: s.Params.From, To: p.To, Time: now, Run: "r2", Versions: c.Versions}
		}
	case planner.AttachRotation:
		if c := v.Secrets[s.Secret]; !c.Writable() {
			t.Fatalf("rotation attached to a %s of %s in %s", c.Role(), s.Secret, s.Region)
		}
		v.Secrets[s.Secret].Rotation = topology.Rotation{Enabled: true, LambdaARN: s.Params.Lambda, Rules: s.Params.Rules}
	case planner.CancelRotation:
		v.Secrets[s.Secret].Rotation.Enabled = false
	case planner.GrantInvoke:
		v.Functions[s.Target].Invokable = true
	case planner.PutAlarm:
		v.Alarms[s.Alarm] = s.Params.Metric
	case planner.PutCompositeAlarm:
		v.Composites[s.Alarm] = s.Params.Composite
	case planner.PutMetricFilter:
		v.Filters[s.Params.Filter.ID()] = s.Params.Filter
		v.LogGroups[s.Params.Filter.LogGroup] = true
	case planner.EnableAlarms, planner.DisableAlarms:
		performSwitch(t, s, v)
	default:
		t.Fatalf("unexpected step %s", s.Action)
	}
}

func performReplica(t fataler, in *planner.Input, s *planner.Step, v *topology.RegionView) {
	t.Helper()
	primary, there := in.Observed.View(s.Params.From).Secrets[s.Secret], v.Secrets[s.Secret]
	if !primary.Writable() {
		t.Fatalf("%s of %s asked of %s, which is no primary", s.Action, s.Secret, s.Params.From)
	}
	primary.PrimaryRegion, primary.Described = primary.Region, true
	primary.Replicas = slices.DeleteFunc(primary.Replicas, func(e topology.ReplicaStatus) bool { return e.Region == s.Region })
	ours := there != nil && there.PrimaryRegion == s.Params.From
	switch {
	case s.Action == planner.RemoveReplica:
		if there != nil && !ours {
			t.Fatalf("removed %s in %s, which is a %s of %s", s.Secret, s.Region, there.Role(), there.PrimaryRegion)
		}
		delete(v.Secrets, s.Secret)
		return
	case s.Action != planner.OverwriteReplica && there != nil && !ours:
		t.Fatalf("%s of %s onto a %s in %s", s.Action, s.Secret, there.Role(), s.Region)
	case s.Action == planner.OverwriteReplica && there != nil && there.Role() == topology.RoleReplica && !ours:
		t.Fatalf("overwrote %s in %s, a replica of %s: AWS refuses that", s.Secret, s.Region, there.PrimaryRegion)
	}
	lost := planner.Lacking(there, primary)
	if m := in.Placement.Acting[s.Secret]; m.To == s.Params.From { // what the primary held when it was promoted, it superseded
		lost = slices.DeleteFunc(lost, func(id string) bool {
			return slices.ContainsFunc(m.Versions, func(v topology.Version) bool { return v.ID == id })
		})
	}
	if s.Action == planner.OverwriteReplica && len(lost) > 0 {
		t.Fatalf("G1: overwriting %s in %s loses versions %v", s.Secret, s.Region, lost)
	}
	primary.Replicas = append(primary.Replicas, topology.ReplicaStatus{Region: s.Region, Status: topology.InSync, KmsKeyID: s.Params.Key})
	v.Secrets[s.Secret] = &topology.Secret{
		Name: s.Secret, Region: s.Region, ARN: topology.WithRegion(primary.ARN, s.Region), PrimaryRegion: primary.Region,
		KmsKeyID: s.Params.Key, Versions: slices.Clone(primary.Versions), Tags: primary.Tags,
	}
}

func performSwitch(t fataler, s *planner.Step, v *topology.RegionView) {
	t.Helper()
	if len(s.Params.Alarms) > 100 {
		t.Fatalf("%d alarm names in one call", len(s.Params.Alarms))
	}
	for _, name := range s.Params.Alarms {
		a, c := v.Alarms[name], v.Composites[name]
		switch on := s.Action == planner.EnableAlarms; {
		case a != nil:
			moved := *a
			moved.ActionsEnabled = on
			v.Alarms[name] = &moved
		case c != nil:
			moved := *c
			moved.ActionsEnabled = on
			v.Composites[name] = &moved
		case on:
			t.Fatalf("enabled alarm %s, which is not in %s", name, s.Region)
		}
	}
}
