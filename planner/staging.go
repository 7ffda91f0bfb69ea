package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// staging plans what failover should find in place: alarms in the standbys
// with their actions off, the metric filters that feed them, and permission
// to invoke the standby rotation functions.
func (b *build) staging() {
	main := b.mainRegion()
	if b.view(main).Dark != "" {
		b.dark[main] = true
		return
	}
	source := b.alarmsOf(main)
	for _, r := range b.desired.Regions() {
		if r == main || r == b.desired.Primary || b.view(r).Dark != "" {
			continue // home is left alone while the primary is elsewhere
		}
		b.stageInvoke(r)
		b.stageAlarms(source, r)
		// A failover of some groups has its alarms act in both regions; one of
		// which another machine keeps the journal must not fall silent.
		if b.primaries[r] == 0 && !b.mayLead[r] {
			b.quieten(source, r)
		}
	}
	if main != b.desired.Primary {
		b.wake(source)
		b.stageInvoke(main)
	}
}

// mainRegion is where most secrets' acting primary is, home if undecided:
// alarms belong to a region, not to a secret.
func (b *build) mainRegion() topology.Region {
	main := b.desired.Primary
	for _, r := range b.res.Regions() {
		if b.primaries[r] > b.primaries[main] {
			main = r
		}
	}
	return main
}

// An alarmSet is one region's alarms that the rules pick, by name.
type alarmSet struct {
	region     topology.Region
	metrics    map[string]*topology.Alarm
	composites map[string]*topology.CompositeAlarm
	filters    []*topology.MetricFilter // those that feed the metrics
	// known is false where CloudWatch neither answered nor was snapshot.
	known bool
}

// alarmsOf reads a region's alarms from the observation, or from the recovery
// snapshot where that does not know.
func (b *build) alarmsOf(r topology.Region) alarmSet {
	set := alarmSet{region: r, metrics: map[string]*topology.Alarm{}, composites: map[string]*topology.CompositeAlarm{}}
	v := b.view(r)
	if v.Lacks("cloudwatch") {
		v = b.in.Recovery.View(r)
	}
	set.known = !v.Lacks("cloudwatch")
	for name, a := range v.Alarms {
		if b.desired.RuleOf(name) != nil {
			set.metrics[name] = a
		}
	}
	for name, a := range v.Composites {
		if b.desired.RuleOf(name) != nil {
			set.composites[name] = a
		}
	}
	logs := b.view(r)
	if logs.Lacks("logs") {
		logs = b.in.Recovery.View(r)
	}
	read := metricsRead(set.metrics)
	for _, id := range slices.Sorted(maps.Keys(logs.Filters)) {
		if f := logs.Filters[id]; feeds(f, read) {
			set.filters = append(set.filters, f)
		}
	}
	return set
}

func metricsRead(alarms map[string]*topology.Alarm) map[string]bool {
	read := map[string]bool{}
	for _, a := range alarms {
		read[a.Namespace+" "+a.Metric] = true
		for i := range a.Metrics {
			read[a.Metrics[i].Namespace+" "+a.Metrics[i].Metric] = true
		}
	}
	return read
}

func feeds(f *topology.MetricFilter, read map[string]bool) bool {
	return slices.ContainsFunc(f.Transformations, func(t topology.MetricTransformation) bool {
		return read[t.Namespace+" "+t.Metric]
	})
}

// stageAlarms plans the metric filters, metric alarms and then composite
// alarms that a region lacks or has differently. It returns the steps' IDs by
// alarm name.
func (b *build) stageAlarms(source alarmSet, r topology.Region) map[string]string {
	v := b.view(r)
	b.stageFilters(source, r)
	ids := map[string]string{}
	if v.Lacks("cloudwatch") {
		return ids
	}
	for _, name := range slices.Sorted(maps.Keys(source.metrics)) {
		want, dropped := stageAlarm(source.metrics[name], b.desired.RuleOf(name), source.region, r)
		have := v.Alarms[name]
		var differs []string
		if have != nil {
			if differs = alarmDiffers(have, want); len(differs) == 0 {
				continue
			}
		}
		ids[name] = b.add(rankAlarms, b.alarmStep(PutAlarm, name, r, have != nil, differs, source.region, dropped, Params{Metric: want}))
	}
	for depth, names := range byDepth(source.composites) {
		for _, name := range names {
			b.stageComposite(source, r, name, depth, ids)
		}
	}
	return ids
}

func (b *build) stageComposite(source alarmSet, r topology.Region, name string, depth int, ids map[string]string) {
	v := b.view(r)
	want, dropped := stageComposite(source.composites[name], b.desired.RuleOf(name), source.region, r)
	have := v.Composites[name]
	var differs []string
	if have != nil {
		if differs = compositeDiffers(have, want); len(differs) == 0 {
			return
		}
	}
	step := b.alarmStep(PutCompositeAlarm, name, r, have != nil, differs, source.region, dropped, Params{Composite: want})
	for _, child := range children(want) {
		switch {
		case ids[child] != "":
			step.Needs = append(step.Needs, ids[child])
		case v.Alarms[child] == nil && v.Composites[child] == nil:
			b.block(Blocker{
				Code: "composite-child-missing", Region: r,
				Message: fmt.Sprintf("composite alarm %s needs alarm %s, which is not in %s and no [[alarm]] rule stages it", name, child, r),
				Fix:     "add " + child + " to an [[alarm]] match",
			})
			return
		}
	}
	ids[name] = b.add(rankAlarms+1+depth, step)
}

func (b *build) alarmStep(action Action, name string, r topology.Region, exists bool, differs []string, from topology.Region, dropped int, params Params) Step {
	s := Step{
		Action: action, Alarm: name, Region: r, Tier: b.lastTier(), Phase: PhaseAlarms, Params: params,
		Before: "absent", After: "as in " + string(from) + ", actions off",
		Reason: "alarm missing in " + string(r),
	}
	if exists {
		s.Before, s.Reason = "differs: "+strings.Join(differs, ", "), "alarm differs from "+string(from)
	}
	if dropped > 0 {
		s.Reason += "; " + count(dropped, "autoscaling action") + " left out (their ARNs are regional): name them under [[alarm]] actions"
	}
	return s
}

func (b *build) stageFilters(source alarmSet, r topology.Region) {
	v := b.view(r)
	if v.Lacks("logs") {
		return
	}
	for _, f := range source.filters {
		want := stageFilter(f, v, source.region, r)
		step := Step{
			Action: PutMetricFilter, Target: want.ID(), Region: r, Tier: b.lastTier(), Phase: PhaseAlarms, Params: Params{Filter: want},
			Before: "absent", After: "as in " + string(source.region), Reason: "metric filter missing in " + string(r),
		}
		have := v.Filters[want.ID()]
		if have != nil {
			differs := filterDiffers(have, want)
			if len(differs) == 0 {
				continue
			}
			step.Before, step.Reason = "differs: "+strings.Join(differs, ", "), "metric filter differs from "+string(source.region)
		} else if v.LogGroups != nil && !v.LogGroups[want.LogGroup] {
			step.Reason += "; its log group " + want.LogGroup + " is missing too and is created"
		}
		b.add(rankFilters, step)
	}
}

// stageInvoke lets Secrets Manager invoke the rotation functions that the
// configuration names for a region.
func (b *build) stageInvoke(r topology.Region) {
	v := b.view(r)
	if v.Lacks("lambda") {
		return
	}
	for i := range b.desired.Groups {
		g := &b.desired.Groups[i]
		arn := g.Rotation.LambdaIn(r, b.account)
		f := v.Functions[arn]
		if arn == "" || f == nil {
			continue
		}
		switch {
		case f.Missing:
			b.block(Blocker{
				Code: "rotation-function-missing", Region: r,
				Message: "the rotation function " + arn + " of group " + g.Name + " does not exist",
				Fix:     "deploy it in " + string(r) + ": without it rotation stays off after a failover",
			})
		case !f.Invokable && (b.in.Placement.Fenced(f.ARN, r) || len(b.taken(fn{r, arn})) > 0):
			// our own fence: granting it here would lift it
		case !f.Invokable:
			b.grant(r, arn, "Secrets Manager may not invoke it yet: attaching rotation would fail", g.Priority)
		}
	}
}
