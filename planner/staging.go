package planner

import (
	"cmp"
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
		b.quieten(source, r)
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
		case !f.Invokable:
			b.grant(r, arn, "Secrets Manager may not invoke it yet: attaching rotation would fail", g.Priority)
		}
	}
}

// quieten turns actions off where a staged alarm of a standby has them on: it
// would fire beside the primary's.
func (b *build) quieten(source alarmSet, r topology.Region) {
	v := b.view(r)
	if v.Lacks("cloudwatch") {
		return
	}
	planned := map[string]bool{} // to be put anyway, with actions off
	for i := range b.steps {
		if s := b.steps[i]; s.Region == r && (s.Action == PutAlarm || s.Action == PutCompositeAlarm) {
			planned[s.Alarm] = true
		}
	}
	on := func(name string) bool {
		if planned[name] {
			return false
		}
		a, c := v.Alarms[name], v.Composites[name]
		return a != nil && a.ActionsEnabled || c != nil && c.ActionsEnabled
	}
	b.disable(source, r, on, Step{
		Before: "actions on", After: "actions off", Tier: b.lastTier(), Phase: PhaseAlarms,
		Reason: "staged alarms must stay quiet while " + string(source.region) + " is the primary",
	}, rankAlarmActions)
}

// wake turns actions on in the region that has become the primary.
func (b *build) wake(source alarmSet) {
	v := b.view(source.region)
	if v.Lacks("cloudwatch") {
		return
	}
	home := b.alarmsOf(b.desired.Primary)
	b.enable(source, source.region, func(name string) bool {
		a, c := v.Alarms[name], v.Composites[name]
		off := a != nil && !a.ActionsEnabled || c != nil && !c.ActionsEnabled
		return off && b.wereOn(home, name)
	}, nil, "alarms of the acting primary must act")
}

// wereOn reports whether an alarm acted in the region it came from: turned
// off there by a person, it stays off. A failover turns the old region's off
// too, so the recovery snapshot's word counts as well, and unknown is on.
func (b *build) wereOn(set alarmSet, name string) bool {
	on, known := false, false
	for _, v := range []*topology.RegionView{b.view(set.region), b.in.Recovery.View(set.region)} {
		if a := v.Alarms[name]; a != nil {
			on, known = on || a.ActionsEnabled, true
		}
		if a := v.Composites[name]; a != nil {
			on, known = on || a.ActionsEnabled, true
		}
	}
	return on || !known
}

// maxAlarmNames is how many names one Enable- or DisableAlarmActions takes.
const maxAlarmNames = 100

// enable plans enable-alarms in batches, composites after their children, so
// that no parent acts on children that are not being watched yet. puts are
// the steps that create some of them, by name.
func (b *build) enable(set alarmSet, r topology.Region, pick func(string) bool, puts map[string]string, reason string) {
	var before []string
	for level, names := range set.levels() {
		var ids []string
		for batch := range slices.Chunk(filter(names, pick), maxAlarmNames) {
			step := Step{
				Action: EnableAlarms, Alarm: batch[0], Region: r, Phase: PhaseAlarms, Params: Params{Alarms: batch},
				Needs:  slices.Clone(before),
				Before: "actions off", After: count(len(batch), "alarm") + " with actions on", Reason: reason, Tier: b.lastTier(),
			}
			for _, name := range batch {
				if id := puts[name]; id != "" {
					step.Needs = append(step.Needs, id)
				}
			}
			ids = append(ids, b.add(rankAlarmActions+min(level, 9), step))
		}
		before = append(before, ids...)
	}
}

// disable plans disable-alarms in batches, composites before their children.
func (b *build) disable(set alarmSet, r topology.Region, pick func(string) bool, like Step, rank int) {
	levels := set.levels()
	var before []string
	for i := range levels {
		var ids []string
		for batch := range slices.Chunk(filter(levels[len(levels)-1-i], pick), maxAlarmNames) {
			step := like
			step.Action, step.Alarm, step.Region = DisableAlarms, batch[0], r
			step.Params = Params{Alarms: batch}
			step.Needs = slices.Clone(before)
			step.After = count(len(batch), "alarm") + " with " + like.After
			ids = append(ids, b.add(rank+min(i, 9), step))
		}
		before = append(before, ids...)
	}
}

func filter(names []string, pick func(string) bool) []string {
	var out []string
	for _, n := range names {
		if pick(n) {
			out = append(out, n)
		}
	}
	return out
}

// lastTier is where alarms go: putting them takes a third of a second each,
// and no secret should wait for that.
func (b *build) lastTier() int {
	tier := 0
	for i := range b.desired.Groups {
		tier = max(tier, b.desired.Groups[i].Priority)
	}
	return tier
}

// levels are the names of metric alarms, then of composites by depth.
func (set *alarmSet) levels() [][]string {
	return append([][]string{slices.Sorted(maps.Keys(set.metrics))}, byDepth(set.composites)...)
}

// byDepth sorts composite alarms into levels: those over metric alarms only,
// then those over them, and so on. CloudWatch refuses cycles; should one be
// observed, its alarms share a level.
func byDepth(composites map[string]*topology.CompositeAlarm) [][]string {
	depth := map[string]int{}
	var visit func(name string) int
	visit = func(name string) int {
		if d, ok := depth[name]; ok {
			return d
		}
		depth[name] = 0 // a cycle ends here
		d := 0
		for _, child := range children(composites[name]) {
			if composites[child] != nil {
				d = max(d, visit(child)+1)
			}
		}
		depth[name] = d
		return d
	}
	names := slices.Sorted(maps.Keys(composites))
	for _, name := range names {
		visit(name)
	}
	var levels [][]string
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(depth[x], depth[y]) })
	for _, name := range names {
		for len(levels) <= depth[name] {
			levels = append(levels, nil)
		}
		levels[depth[name]] = append(levels[depth[name]], name)
	}
	return levels
}

// children are the alarms that a composite alarm's rule names, sorted, and
// its suppressor: ALARM(name), OK("name"), INSUFFICIENT_DATA(arn).
// AWS: PutCompositeAlarm, AlarmRule.
func children(a *topology.CompositeAlarm) []string {
	var names []string
	rule := a.Rule
	for {
		open := strings.IndexByte(rule, '(')
		if open < 0 {
			break
		}
		function := strings.TrimRight(rule[:open], " \t\n")
		rule = rule[open+1:]
		if !isStateFunction(function) {
			continue
		}
		name, rest := operand(rule)
		rule = rest
		names = append(names, alarmName(name))
	}
	if a.Suppressor != "" {
		names = append(names, alarmName(a.Suppressor))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isStateFunction(before string) bool {
	for _, f := range []string{"ALARM", "OK", "INSUFFICIENT_DATA"} {
		if strings.HasSuffix(before, f) {
			return true
		}
	}
	return false
}

// operand reads what stands in the parentheses; a quoted name may hold some
// itself.
func operand(s string) (name, rest string) {
	trimmed := strings.TrimLeft(s, " \t\n")
	if strings.HasPrefix(trimmed, `"`) {
		if name, rest, ok := strings.Cut(trimmed[1:], `"`); ok {
			return name, rest
		}
	}
	name, rest, _ = strings.Cut(s, ")")
	return strings.TrimSpace(name), rest
}

// alarmName is the name in an alarm's ARN, or the name itself.
func alarmName(ref string) string {
	if topology.RegionOf(ref) == "" {
		return ref
	}
	_, name, _ := strings.Cut(ref, ":alarm:")
	return name
}
