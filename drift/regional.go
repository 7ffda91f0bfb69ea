package drift

import (
	"fmt"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// rotation judges each group's rotation function wherever rotation runs now
// or would have to after a failover.
func (c *check) rotation() {
	for i := range c.in.Desired.Groups {
		g := &c.in.Desired.Groups[i]
		if g.Rotation == nil {
			continue
		}
		for _, r := range c.in.Desired.Regions() {
			if r != c.in.Desired.Primary && !slices.Contains(g.Replicas, r) {
				continue
			}
			if arn := g.Rotation.LambdaIn(r, c.in.Observed.Account); arn != "" {
				c.function(r, arn)
			}
		}
	}
}

// alarms judges alarm actions where no plan step did: they should be on in
// the acting primary, where the incidents are, and off everywhere else, or
// one incident pages twice. Where only some groups failed over, both regions
// have incidents, and where somebody promoted without this journal they may.
func (c *check) alarms() {
	acting, primaries := c.actingRegion()
	view := c.in.Observed.View(acting)
	if view.Lacks("cloudwatch") {
		return
	}
	for name, on := range alarmActions(view) {
		if c.in.Desired.RuleOf(name) == nil {
			continue
		}
		if !on {
			c.add(Finding{
				Code: CodeAlarmActions, Severity: Warning, Kind: Health, Alarm: name, Region: acting,
				Message: "its actions are off in the acting primary: nobody hears it",
				Fix:     fmt.Sprintf("aws cloudwatch enable-alarm-actions --region %s --alarm-names %s", acting, name),
			})
			continue
		}
		for _, r := range c.in.Desired.Regions() {
			if r != acting && primaries[r] == 0 && !c.outside[r] && alarmActions(c.in.Observed.View(r))[name] && !c.owes(r, name) {
				c.add(Finding{
					Code: CodeAlarmActions, Severity: Warning, Kind: Health, Alarm: name, Region: r,
					Message: fmt.Sprintf("its actions are on here and in %s: one incident pages twice", acting),
					Fix:     fmt.Sprintf("aws cloudwatch disable-alarm-actions --region %s --alarm-names %s", r, name),
				})
			}
		}
	}
}

// alarmActions says of every alarm of a region whether its actions are on.
func alarmActions(v *topology.RegionView) map[string]bool {
	out := map[string]bool{}
	for name, a := range v.Alarms {
		out[name] = a.ActionsEnabled
	}
	for name, a := range v.Composites {
		out[name] = a.ActionsEnabled
	}
	return out
}

// owes: the alarm is to be turned off there as soon as the region answers,
// and that finding is there already.
func (c *check) owes(r topology.Region, alarm string) bool {
	return slices.ContainsFunc(c.in.Placement.Owed, func(d topology.Debt) bool {
		return d.Region == r && d.Alarm == alarm && d.Action == string(planner.DisableAlarms)
	})
}

// actingRegion is the acting primary of most secrets, home if there is none;
// count says of each region of how many it is.
func (c *check) actingRegion() (best topology.Region, count map[topology.Region]int) {
	count = map[topology.Region]int{}
	resolver := c.in.Resolver()
	var s planner.Standing
	for n := range c.in.Placement.Acting { // the others are at home
		resolver.Resolve(n, &s)
		count[s.Primary]++
	}
	best = c.in.Desired.Primary
	count[best] += c.report.Secrets - len(c.in.Placement.Acting)
	for _, r := range c.in.Desired.Regions() {
		if count[r] > count[best] {
			best = r
		}
	}
	return best, count
}
