package planner

import (
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

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
				Before: "actions off", After: count(len(batch), "alarm") + " with actions on", Reason: reason, Tier: b.switchTier(),
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

// disable plans disable-alarms in batches, composites before their children,
// and the first of them behind what like needs.
func (b *build) disable(set alarmSet, r topology.Region, pick func(string) bool, like Step, rank int) {
	levels := set.levels()
	before := like.Needs
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
		if len(ids) > 0 {
			before = ids // which need all that is before them
		}
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

// switchTier is where alarms begin or cease to act when the primary moves:
// behind all promotions and rotations, so that neither region is unwatched
// while secrets are on their way.
func (b *build) switchTier() int { return b.lastTier() + 1 }
