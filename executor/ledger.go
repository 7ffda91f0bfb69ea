package executor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A ledger is what a run's records add up to. A run at work and one that is
// read from the store keep the same ledger, so they report the same.
type ledger struct {
	fence bool // onlyOwed
	plan  *planner.Plan
	index map[string]int32

	steps    []stepState
	tally    [failed + 1]int // steps by state
	failures map[int32]Failure
	owed     map[int32]duty      // deferred steps
	made     map[int32]time.Time // of what arrives in the target
	away     map[int32]float64   // overwritten copies: seconds that they were away
	taken    map[int32][]topology.Permission
	undone   map[int32]Outcome
	undoing  Counts            // undos that this session has ended
	stuck    map[int32]Failure // undos that failed
	aborting bool              // an abort has begun
	phases   map[string]*span

	first, last session
	state       State
	reason      string
	started     time.Time
	ended       time.Time
	calls       map[topology.Region]Calls
}

// A stepState is one step's place, in one byte.
type stepState uint8

const (
	pending  stepState = iota
	intended           // an intent without an outcome: unknown
	applied
	alreadyDone
	deferred
	failed
)

var stateOf = map[Outcome]stepState{Applied: applied, AlreadyDone: alreadyDone, Deferred: deferred, Failing: failed}

func (s stepState) satisfied() bool { return s == applied || s == alreadyDone }

type span struct{ start, end time.Time }

func newLedger(plan *planner.Plan) *ledger {
	g := &ledger{
		plan: plan, fence: onlyOwed(plan.Steps), index: make(map[string]int32, len(plan.Steps)), steps: make([]stepState, len(plan.Steps)),
		failures: map[int32]Failure{}, owed: map[int32]duty{}, taken: map[int32][]topology.Permission{}, made: map[int32]time.Time{}, away: map[int32]float64{}, undone: map[int32]Outcome{}, stuck: map[int32]Failure{},
		phases: map[string]*span{}, calls: map[topology.Region]Calls{}, state: Running,
	}
	g.tally[pending] = len(plan.Steps)
	for i := range plan.Steps {
		g.index[plan.Steps[i].ID] = int32(i)
	}
	return g
}

// visit adds a stored record.
func (g *ledger) visit(r journal.Record) error {
	switch r.Kind {
	case kindBegin, kindResume, kindAbort:
		return read(r, func(s session) error { g.open(r.Kind, s, r.Time); return nil })
	case kindIntent:
		return read(r, func(d intent) error { return g.on(r, d.Step, func(i int32) { g.intend(i, d.Undo, r.Time) }) })
	case kindTaken:
		return read(r, func(d taken) error {
			return g.on(r, d.Step, func(i int32) { g.taken[i] = append(g.taken[i], d.Permission) })
		})
	case kindOutcome:
		return read(r, func(d outcome) error { return g.on(r, d.Step, func(i int32) { g.settle(i, d, r.Time) }) })
	case kindEnd:
		return read(r, func(d ended) error { g.close(d, r.Time); return nil })
	}
	return nil // a kind of a later version: nothing here depends on it
}

func read[T any](r journal.Record, use func(T) error) error {
	var v T
	if err := json.Unmarshal(r.Data, &v); err != nil {
		return fmt.Errorf("journal record %d (%s): %w", r.Seq, r.Kind, err)
	}
	return use(v)
}

func (g *ledger) on(r journal.Record, id string, use func(int32)) error {
	i, ok := g.index[id]
	if !ok {
		return fmt.Errorf("journal record %d (%s) is of step %s, which the plan does not have", r.Seq, r.Kind, id)
	}
	use(i)
	return nil
}

func (g *ledger) open(kind string, s session, at time.Time) {
	g.aborting = g.aborting || kind == kindAbort
	if g.started.IsZero() {
		g.first, g.started = s, at
	}
	g.last, g.state, g.reason, g.ended, g.undoing = s, Running, "", time.Time{}, Counts{}
}

func (g *ledger) intend(i int32, undo bool, at time.Time) {
	if undo {
		return
	}
	g.set(i, intended)
	g.touch(i, at)
}

func (g *ledger) settle(i int32, o outcome, at time.Time) {
	if o.Undo {
		g.undone[i] = o.Outcome
		g.undoing.add(o.Outcome)
		g.stick(i, o)
		return
	}
	s := &g.plan.Steps[i]
	g.set(i, stateOf[o.Outcome])
	g.touch(i, at)
	delete(g.failures, i)
	if o.Away != nil {
		g.away[i] = *o.Away
	}
	if g.arrives(s) && g.steps[i].satisfied() {
		g.made[i] = at
	}
	if o.Outcome == Failing {
		g.failures[i] = failureOf(s, s.Action, o)
	}
	if !o.open() {
		delete(g.owed, i)
		return
	}
	d, known := g.owed[i]
	if !known {
		d.since = at
	}
	d.cause = o.hindrance()
	g.owed[i] = d
}

// A duty is a step that is owed.
type duty struct {
	since time.Time
	cause string
}

// stick keeps why a step was not taken back.
func (g *ledger) stick(i int32, o outcome) {
	delete(g.stuck, i)
	if s := &g.plan.Steps[i]; o.Outcome == Failing {
		g.stuck[i] = failureOf(s, s.Undo, o)
	}
}

func failureOf(s *planner.Step, a planner.Action, o outcome) Failure {
	return Failure{Step: s.ID, Action: string(a), Code: o.Code, Secret: s.Secret, Alarm: s.Alarm, Region: s.Region, Message: o.Message}
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Applied:
		c.Applied++
	case AlreadyDone:
		c.AlreadyDone++
	case Deferred:
		c.Deferred++
	case Failing:
		c.Failed++
	}
}

func (c *Counts) ended() int { return c.Applied + c.AlreadyDone + c.Deferred + c.Failed }

func (g *ledger) touch(i int32, at time.Time) {
	phase := cmp.Or(g.plan.Steps[i].Phase, string(g.plan.Steps[i].Action))
	p := g.phases[phase]
	if p == nil {
		p = &span{start: at, end: at}
		g.phases[phase] = p
	}
	if at.Before(p.start) {
		p.start = at
	}
	if at.After(p.end) {
		p.end = at
	}
}

func (g *ledger) close(e ended, at time.Time) {
	g.state, g.reason, g.ended = e.State, e.Reason, at
	for r, c := range e.Calls {
		have := g.calls[r]
		g.calls[r] = Calls{have.Total + c.Total, have.Mutating + c.Mutating, have.Throttled + c.Throttled}
	}
}

func (g *ledger) set(i int32, s stepState) {
	g.tally[g.steps[i]]--
	g.steps[i] = s
	g.tally[s]++
}

func (g *ledger) counts() Counts {
	t := &g.tally
	return Counts{Applied: t[applied], AlreadyDone: t[alreadyDone], Deferred: t[deferred], Failed: t[failed], Left: t[pending] + t[intended]}
}

func (g *ledger) report(id string) *Report {
	r := &Report{
		Schema: "understudy/run/v1", ID: id, Command: g.plan.Command, State: g.state, From: g.plan.From, To: g.plan.To,
		Started: g.started.UTC(), Ended: g.ended.UTC(), Steps: g.counts(), Reason: g.reason, Holder: g.last.Holder,
		Failures: byCause(g.failures), Stuck: byCause(g.stuck), Owed: g.debts(id), Phases: g.phaseList(), Calls: maps.Clone(g.calls), ARNs: g.arns(),
		LoginRisks: slices.Clone(g.plan.LoginRisks), Blinks: g.blinks(), Aborting: g.aborting && g.state != Aborted,
	}
	if g.ended.IsZero() {
		r.Ended = time.Time{}
	}
	if g.state == Aborted {
		r.OneWay = g.oneWay()
	}
	return r
}

// byCause groups what went wrong: by code, then in the plan's order.
func byCause(failures map[int32]Failure) []Failure {
	order := slices.SortedFunc(maps.Keys(failures), func(a, b int32) int {
		return cmp.Or(cmp.Compare(failures[a].Code, failures[b].Code), cmp.Compare(a, b))
	})
	list := make([]Failure, 0, len(order))
	for _, i := range order {
		list = append(list, failures[i])
	}
	return list
}

func (g *ledger) debts(id string) []topology.Debt {
	owed, fence := maps.Clone(g.owed), g.fence
	for _, u := range g.unbegun() {
		owed[u.step] = duty{since: u.since}
	}
	for i := range g.steps {
		if fence && g.steps[i] <= intended { // what it did not come to is owed as before
			owed[int32(i)] = duty{since: g.started}
		}
	}
	list := []topology.Debt{}
	for _, i := range slices.Sorted(maps.Keys(owed)) {
		s := &g.plan.Steps[i]
		for _, alarm := range alarmsOf(s) {
			list = append(list, topology.Debt{Action: string(s.Action), Secret: s.Secret, Alarm: alarm, Target: s.Target, Region: s.Region, Run: id, Since: owed[i].since.UTC(), Cause: owed[i].cause})
		}
	}
	return list
}

// alarmsOf are the alarms that a step is about: one debt each. A step on no
// alarm is one debt with none.
func alarmsOf(s *planner.Step) []string {
	if len(s.Params.Alarms) > 0 {
		return s.Params.Alarms
	}
	return []string{s.Alarm}
}

func (g *ledger) phaseList() []Phase {
	list := make([]Phase, 0, len(g.phases))
	for name, p := range g.phases {
		list = append(list, Phase{Name: name, Start: p.start.UTC(), Seconds: p.end.Sub(p.start).Seconds()})
	}
	slices.SortFunc(list, func(a, b Phase) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// arns are those of the secrets that the run has moved.
func (g *ledger) arns() []ARN {
	moved := map[topology.Name]bool{}
	for i := range g.made {
		moved[g.plan.Steps[i].Secret] = true
	}
	list := []ARN{}
	for _, a := range g.plan.ARNs {
		if moved[a.Secret] {
			list = append(list, ARN(a))
		}
	}
	return list
}
