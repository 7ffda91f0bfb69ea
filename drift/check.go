package drift

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Options shape a check. Zero durations mean the defaults.
type Options struct {
	Now time.Time // default Input.Now
	// Seen is what the last check left (Report.Seen).
	Seen Seen
	// StuckAfter is how long a replica or a rotation may be in progress;
	// default 15 minutes.
	StuckAfter time.Duration
	// LagGrace is how long a replica may lack a version before that is more
	// than worth knowing; default one minute. AWS promises no figure, and
	// every rotation makes every replica behind for a moment.
	LagGrace time.Duration
	// SnapshotMaxAge is how old the recovery snapshot may be; default 24 hours.
	SnapshotMaxAge time.Duration
	// Frozen regions keep a snapshot from before a move on purpose.
	Frozen []topology.Region
	// Moves of the primary that stopped midway: until they have ended, apply
	// keeps its hands off what they are about.
	Moves []Move
}

func (o Options) withDefaults(in planner.Input) Options {
	if o.Now.IsZero() {
		o.Now = in.Now
	}
	o.StuckAfter = cmp.Or(o.StuckAfter, 15*time.Minute)
	o.LagGrace = cmp.Or(o.LagGrace, time.Minute)
	o.SnapshotMaxAge = cmp.Or(o.SnapshotMaxAge, 24*time.Hour)
	return o
}

// A check is one comparison under way.
type check struct {
	in      planner.Input
	options Options
	plan    *planner.Plan
	seen    Seen
	found   map[string]int // finding key → index in report.Findings
	report  *Report
	// outside are the regions of copies that were promoted without this journal.
	outside map[topology.Region]bool
	pending pending
}

// Check compares what is desired with what was observed. It is pure: the
// same input gives the same report.
//
// The configuration findings that a plan can mend come from the plan itself,
// one for each of its steps, so that `drift` and `plan` cannot disagree. All
// else (health, hygiene, and differences that need a person) is judged here.
func Check(in planner.Input, o Options) *Report {
	c := &check{
		in: in, options: o.withDefaults(in), plan: planner.Converge(in),
		seen: Seen{}, found: map[string]int{}, outside: map[topology.Region]bool{},
		report: &Report{
			Schema: "understudy/drift/v1", Findings: []Finding{}, Unknown: []Unknown{},
			Regions: in.Desired.Regions(), Unmatched: []string{},
		},
	}
	c.moves()
	c.regions()
	c.steps()
	c.secrets()
	c.rotation()
	c.keys()
	c.alarms()
	c.blockers()
	c.debts()
	c.damagedRuns()
	c.snapshot()
	c.leftAlone()
	c.keepDark()
	return c.finish()
}

// add records a finding once; the first to name a difference words it.
func (c *check) add(f Finding) {
	key := f.key()
	if _, ok := c.found[key]; ok {
		return
	}
	f.FirstSeen = c.since(key)
	f.Fix = cmp.Or(c.pending.mends[key], f.Fix)
	c.found[key] = len(c.report.Findings)
	c.report.Findings = append(c.report.Findings, f)
}

func (c *check) finish() *Report {
	r := c.report
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity.rank(), a.Severity.rank()),
			cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Alarm, b.Alarm), cmp.Compare(a.Subject, b.Subject),
		)
	})
	r.Checked, r.Seen = c.options.Now, c.seen
	if r.Verdict = verdict(r); r.Verdict == SplitBrain {
		r.SplitBrain = planner.Doctor(c.in)
	}
	return r
}

// verdict sums a report up. Two writers outrank everything; what could not
// be observed outranks what was found, because the findings may not be all.
func verdict(r *Report) Verdict {
	worst := Severity("")
	for _, f := range r.Findings {
		if f.Code == CodeSplitBrain {
			return SplitBrain
		}
		if f.Severity.rank() > worst.rank() {
			worst = f.Severity
		}
	}
	switch {
	case len(r.Unknown) > 0:
		return Incomplete
	case worst.rank() >= Warning.rank():
		return Drifted
	}
	return Clean
}

// rank orders severities; an unknown one is the mildest.
func (s Severity) rank() int {
	return slices.Index([]Severity{Info, Warning, Critical}, s)
}

// AtLeast reports whether s is as severe as other, or more.
func (s Severity) AtLeast(other Severity) bool { return s.rank() >= other.rank() }

// Worst returns the severity of the report's worst finding, "" if it has
// none.
func (r *Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

func (c *check) dark(r topology.Region) bool { return c.in.Observed.View(r).Dark != "" }

// regions lists what could not be observed: regions, and services of regions
// that otherwise answered.
func (c *check) regions() {
	for _, r := range c.in.Desired.Regions() {
		v := c.in.Observed.View(r)
		if v.Dark != "" {
			c.report.Unknown = append(c.report.Unknown, Unknown{r, string(v.Dark), v.Detail})
			c.unobserved(CodeRegionUnobserved, r, "does not answer ("+string(v.Dark)+"): what it holds is unknown")
			continue
		}
		silent := slices.Sorted(slices.Values(v.Partial))
		for _, service := range silent {
			c.report.Unknown = append(c.report.Unknown, Unknown{r, service + " did not answer", v.Detail})
		}
		if len(silent) > 0 {
			c.unobserved(CodeServiceUnobserved, r, "does not answer for "+strings.Join(silent, ", ")+": what they hold there is unknown")
		}
	}
}

func (c *check) unobserved(code string, r topology.Region, message string) {
	c.add(Finding{
		Code: code, Severity: Warning, Kind: Health, Region: r, Message: string(r) + " " + message,
		Fix: "once " + string(r) + " answers: understudy drift",
	})
}
