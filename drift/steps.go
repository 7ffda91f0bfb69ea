package drift

import (
	"fmt"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A difference is how a step of a plan reads as a finding.
type difference struct {
	code     string
	severity Severity
}

// differences has every action that planner.Converge may plan. What is
// missing is worse than what is different: a failover can do without
// neither.
var differences = map[planner.Action]difference{
	planner.Replicate:         {CodeReplicaMissing, Critical},
	planner.RetryReplica:      {CodeReplicaFailed, Critical},
	planner.RekeyReplica:      {CodeReplicaKey, Warning},
	planner.RemoveReplica:     {CodeReplicaExtra, Warning},
	planner.OverwriteReplica:  {CodeNameClash, Critical},
	planner.Promote:           {CodeReplicaForeign, Critical},
	planner.AttachRotation:    {CodeRotationOff, Warning},
	planner.CancelRotation:    {CodeFenceOwed, Critical},
	planner.ClearPending:      {CodeRotationInFlight, Warning},
	planner.GrantInvoke:       {CodeFunctionDenied, Warning},
	planner.PutAlarm:          {CodeAlarmMissing, Warning},
	planner.PutCompositeAlarm: {CodeAlarmMissing, Warning},
	planner.PutMetricFilter:   {CodeFilterMissing, Warning},
	planner.EnableAlarms:      {CodeAlarmActions, Critical},
	planner.DisableAlarms:     {CodeAlarmActions, Warning},
	planner.FencePolicy:       {CodeFenceOwed, Critical},
	planner.UnfencePolicy:     {CodeFenceOwed, Warning},
	planner.RescueVersion:     {CodeVersionOrphaned, Critical},
}

// steps turns every step that would converge into a configuration finding.
func (c *check) steps() {
	resolver := c.in.Resolver()
	for i := range c.plan.Steps {
		for _, f := range c.asFindings(&c.plan.Steps[i], resolver) {
			c.add(f)
		}
	}
}

// asFindings are what a step would mend: one finding for each alarm of a batch.
func (c *check) asFindings(s *planner.Step, resolver *planner.Resolver) (list []Finding) {
	d := differences[s.Action]
	f := Finding{
		Code: d.code, Severity: d.severity, Kind: Configuration,
		Secret: s.Secret, Region: s.Region, Fix: c.applying(fixOf(s)),
	}
	if f.Message = s.Reason; s.Reason == "" {
		f.Message = fmt.Sprintf("%s: is %s, should be %s", s.Subject(), s.Before, s.After)
	}
	switch {
	case s.Action == planner.OverwriteReplica, s.Action == planner.Promote:
		var standing planner.Standing
		resolver.Resolve(s.Secret, &standing)
		f.Code = misfitCode(standing.Copy(s.Region).State)
	case s.Secret == "" && s.Alarm == "":
		f.Subject = s.Target
	}
	for _, name := range alarmsOf(s) {
		f.Alarm = name
		if s.Action == planner.PutAlarm || s.Action == planner.PutCompositeAlarm {
			f.Code = c.alarmCode(s.Region, name)
		}
		list = append(list, f)
	}
	return list
}

// alarmsOf are the alarms that a step is about; one empty name for a step
// about something else.
func alarmsOf(s *planner.Step) []string {
	if len(s.Params.Alarms) > 0 {
		return s.Params.Alarms
	}
	return []string{s.Alarm}
}

// alarmCode tells a staged alarm that is not there from one that differs.
func (c *check) alarmCode(r topology.Region, name string) string {
	v := c.in.Observed.View(r)
	if v.Alarms[name] != nil || v.Composites[name] != nil {
		return CodeAlarmDifferent
	}
	return CodeAlarmMissing
}

// fixOf is the command that does the step.
func fixOf(s *planner.Step) string {
	var b strings.Builder
	b.WriteString("understudy apply")
	if s.Requires != "" {
		b.WriteString(" --" + s.Requires)
	}
	return b.String()
}
