package drift

import (
	"fmt"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// blockers shows what keeps the plan from mending something, where no finding
// says so yet. One that is for information only does not: that an old primary
// waits is no reason to keep quiet about why it can't follow.
func (c *check) blockers() {
	type place struct {
		secret topology.Name
		region topology.Region
	}
	told := map[place]bool{}
	for _, f := range c.report.Findings {
		if (f.Secret != "" || f.Subject != "") && f.Severity != Info {
			told[place{f.Secret, f.Region}] = true
		}
	}
	for _, b := range c.plan.Blockers {
		if !told[place{b.Secret, b.Region}] {
			c.add(Finding{
				Code: b.Code, Severity: Critical, Kind: Configuration, Secret: b.Secret, Region: b.Region,
				Message: b.Message, Fix: b.Fix,
			})
		}
	}
}

// debts shows what is owed to a region that did not answer when it was due.
func (c *check) debts() {
	for _, d := range c.in.Placement.Owed {
		f := Finding{
			Code: CodeFenceOwed, Severity: Warning, Kind: Health,
			Secret: d.Secret, Alarm: d.Alarm, Region: d.Region,
			Message: fmt.Sprintf("%s in %s is owed since %s (run %s)", d.Action, d.Region, d.Since.UTC().Format(time.RFC3339), d.Run),
			Fix:     fmt.Sprintf("understudy fence --region %s", d.Region),
		}
		if d.Cause != "" {
			f.Message += "; when last tried: " + d.Cause
		}
		if d.Action == string(planner.CancelRotation) {
			f.Severity = Critical // until it is paid, two regions may rotate
		}
		switch planner.Action(d.Action) {
		case planner.FencePolicy:
			f.Subject = planner.FenceStatement
		case planner.RevokeInvoke:
			f.Subject = d.Target
		}
		if c.dark(d.Region) {
			f.Fix += ", as soon as it answers"
		}
		c.add(f)
	}
}

// damagedRuns shows what the journal no longer tells. A run that moved nothing
// is worth knowing; one that may have moved secrets may owe fences, too.
func (c *check) damagedRuns() {
	for _, d := range c.in.Placement.Damaged {
		f := Finding{
			Code: CodeRunDamaged, Severity: Info, Kind: Hygiene, Subject: d.Run,
			Message: fmt.Sprintf("%s: run %s (%s) is known in part only; it moved no primary", d.Message, d.Run, d.Command),
			Fix:     fmt.Sprintf("understudy runs verify %s", d.Run),
		}
		if d.Moves {
			f.Severity, f.Kind = Warning, Health
			f.Message = fmt.Sprintf("%s: run %s is known in part only, and may have moved secrets or owe fences that are not known", d.Message, d.Run)
			f.Fix += "; once status shows every secret where it should be, move the run's directory out of the state directory"
		}
		c.add(f)
	}
}

// snapshot judges what a failover would have to go by if the primary were
// dark now.
func (c *check) snapshot() {
	if c.in.Recovery == nil {
		c.add(Finding{
			Code: CodeSnapshotMissing, Severity: Warning, Kind: Health,
			Message: "there is no recovery snapshot: a failover from a dark primary would not know rotation settings and versions",
			Fix:     "understudy drift",
		})
		return
	}
	for _, r := range c.in.Desired.Regions() {
		v := c.in.Recovery.View(r)
		switch age := c.options.Now.Sub(v.Taken); {
		case v.Dark != "" || v.Taken.IsZero():
			c.add(Finding{
				Code: CodeSnapshotMissing, Severity: Warning, Kind: Health, Region: r,
				Message: "the recovery snapshot knows nothing of " + string(r),
				Fix:     "once " + string(r) + " answers: understudy drift",
			})
		case age > c.options.SnapshotMaxAge && !slices.Contains(c.options.Frozen, r):
			c.add(Finding{
				Code: CodeSnapshotStale, Severity: Warning, Kind: Health, Region: r,
				Message: fmt.Sprintf("the recovery snapshot of %s is %s old, and %s is the limit", r, topology.Age(age), topology.Age(c.options.SnapshotMaxAge)),
				Fix:     "understudy drift",
			})
		}
	}
}

// leftAlone lists what no plan touches, so that nobody takes silence for
// protection.
func (c *check) leftAlone() {
	c.report.Skipped = len(c.plan.Skipped)
	if c.plan.Unmatched != nil {
		c.report.Unmatched = c.plan.Unmatched
	}
	for _, n := range c.plan.Unmatched {
		c.add(Finding{
			Code: CodeUnmatched, Severity: Info, Kind: Hygiene, Secret: topology.Name(n),
			Message: "no group matches it: it is not protected",
			Fix:     "add it to a group's match in the configuration, or to exclude",
		})
	}
}
