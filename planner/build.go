package planner

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A build is one plan being made.
type build struct {
	in      *Input
	desired *topology.Desired
	res     *Resolver
	account string
	plan    *Plan
	steps   []*ranked
	print   fingerprinter
	grants  map[string]int // function ARN → index of its grant-invoke step
	backs   map[string]int // function ARN → index of the one that lifts its fence
	dark    map[topology.Region]bool
	// primaries counts matched secrets by acting primary.
	primaries map[topology.Region]int
	// mayLead are the regions in which a copy stands that is no primary by our
	// journal, and may be one by somebody else's.
	mayLead map[topology.Region]bool
	firings []firing
}

// each resolves every secret, counts it into the fingerprint, and hands it on.
func (b *build) each(use func(*Standing)) {
	var s Standing
	for _, n := range b.res.Names() {
		b.res.Resolve(n, &s)
		b.print.secret(&s)
		use(&s)
	}
}

// A ranked step stands in a plan by tier, then rank, then name.
type ranked struct {
	rank int
	Step
}

// Ranks order the steps of one tier for people and for whoever runs them one
// by one; what must wait for what is in Needs.
const (
	rankGrant = 10 * (iota + 1)
	rankUnfence
	rankFreeze
	rankEqual
	rankPromote
	rankPromoteThird
	rankReplicas
	rankRotation
	rankFilters
	rankAlarms // plus the depth of a composite alarm
	rankAlarmActions
	rankReparent
	rankOldAlarms
	rankOldRotation
	rankFence
)

// Phases label steps for people.
const (
	PhaseReplicas    = "replicas"
	PhasePermissions = "permissions"
	PhasePromote     = "promote"
	PhaseRotation    = "rotation"
	PhaseAlarms      = "alarms"
	PhaseReparent    = "re-parent"
	PhaseOldPrimary  = "old-primary"
)

func newBuild(in *Input, command string) *build {
	b := &build{
		in: in, desired: in.Desired, res: in.Resolver(), account: in.Desired.Account,
		plan: &Plan{
			Schema: "understudy/plan/v1", Command: command,
			Steps: []Step{}, Summary: map[Action]int{}, Skipped: []Skip{}, Unmatched: []string{},
		},
		grants: map[string]int{}, backs: map[string]int{}, dark: map[topology.Region]bool{}, primaries: map[topology.Region]int{},
		mayLead: map[topology.Region]bool{},
	}
	if b.account == "" && in.Observed != nil {
		b.account = in.Observed.Account
	}
	b.plan.Account = b.account
	b.print = fingerprinter{build: b, hash: sha256.New()}
	b.print.desired()
	for _, r := range b.desired.Regions() {
		if b.view(r).Dark != "" {
			b.dark[r] = true
		}
	}
	return b
}

func (b *build) view(r topology.Region) *topology.RegionView { return b.in.Observed.View(r) }

// add seals a step and returns its ID.
func (b *build) add(rank int, s Step) string {
	s.Account = b.account
	s = s.Seal()
	b.steps = append(b.steps, &ranked{rank, s})
	return s.ID
}

func (b *build) skip(n topology.Name, r topology.Region, reason string) {
	b.plan.Skipped = append(b.plan.Skipped, Skip{n, r, reason})
}

func (b *build) block(x Blocker) { b.plan.Blockers = append(b.plan.Blockers, x) }
func (b *build) note(x Blocker)  { b.plan.Notes = append(b.plan.Notes, x) }

// finish sorts everything and fills in what follows from the steps.
func (b *build) finish() *Plan {
	p := b.plan
	preference := map[topology.Region]int{}
	for i, r := range b.res.Regions() {
		preference[r] = i
	}
	slices.SortFunc(b.steps, func(x, y *ranked) int {
		return cmp.Or(
			cmp.Compare(x.Tier, y.Tier), cmp.Compare(x.rank, y.rank), cmp.Compare(x.Subject(), y.Subject()),
			cmp.Compare(preference[x.Region], preference[y.Region]), cmp.Compare(x.Region, y.Region),
			cmp.Compare(x.Action, y.Action), cmp.Compare(x.ID, y.ID),
		)
	})
	hash := sha256.New()
	p.Steps = slices.Grow(p.Steps, len(b.steps))
	for i, s := range b.steps {
		b.steps[i] = nil // a large plan should not be held twice
		slices.Sort(s.Needs)
		s.Needs = slices.Compact(s.Needs)
		p.Steps = append(p.Steps, s.Step)
		p.Summary[s.Action]++
		hash.Write([]byte(s.ID))
		for _, need := range s.Needs {
			hash.Write([]byte(need))
		}
		hash.Write([]byte{'\n'})
	}
	hash.Write([]byte(p.Command + p.Account + string(p.From) + string(p.To)))
	p.ID = hex.EncodeToString(hash.Sum(nil)[:6])
	for r := range b.dark {
		p.Unobserved = append(p.Unobserved, r)
	}
	slices.Sort(p.Unobserved)
	for _, r := range b.desired.Regions() {
		if v := b.view(r); v.Dark == "" && len(v.Partial) > 0 {
			p.Unanswered = append(p.Unanswered, Silence{r, slices.Sorted(slices.Values(v.Partial))})
		}
	}
	slices.SortFunc(p.Unanswered, func(x, y Silence) int { return cmp.Compare(x.Region, y.Region) })
	slices.Sort(p.Unmatched)
	slices.SortFunc(p.Skipped, func(x, y Skip) int {
		return cmp.Or(cmp.Compare(x.Secret, y.Secret), cmp.Compare(x.Region, y.Region), cmp.Compare(x.Reason, y.Reason))
	})
	p.Skipped = slices.Compact(p.Skipped)
	p.MonthlyCostChange, p.FloorSeconds = cost(p.Steps)
	b.risksFiring()
	b.risksNoted()
	p.LoginRisks = p.LoginRisks.Sorted()
	slices.SortFunc(p.Blockers, compareBlockers)
	p.Blockers = slices.Compact(p.Blockers)
	slices.SortFunc(p.Notes, compareBlockers)
	p.Notes = slices.Compact(p.Notes)
	slices.SortFunc(p.Staleness, func(x, y Forecast) int { return cmp.Compare(x.Secret, y.Secret) })
	slices.SortFunc(p.ARNs, func(x, y ARNChange) int { return cmp.Compare(x.Secret, y.Secret) })
	p.Fingerprint, p.Basis = b.print.finish(), b.basis(p.Steps)
	return p
}

func compareBlockers(x, y Blocker) int {
	fatal := func(b Blocker) int {
		if b.Fatal {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(fatal(x), fatal(y)), cmp.Compare(x.Secret, y.Secret), cmp.Compare(x.Region, y.Region),
		cmp.Compare(x.Code, y.Code), cmp.Compare(x.Message, y.Message),
	)
}
