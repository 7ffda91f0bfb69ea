package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A Clock tells the time and waits; nil in Options is the machine's.
type Clock = journal.Clock

// Options are what an Executor works with. Cloud and Store are needed, the
// rest has defaults.
type Options struct {
	Cloud  Cloud
	Store  journal.Store
	Holder journal.Holder // who takes the lease; the zero Holder is this process
	Clock  Clock

	// Concurrency is how many calls may be in flight per region; default 64.
	Concurrency int
	// LeaseTTL is how long the lease outlives its holder; default journal.DefaultTTL.
	LeaseTTL time.Duration
	// VerifyTimeout is how long a postcondition may take to come true after
	// a call; default five minutes.
	VerifyTimeout time.Duration

	// Progress gets every Event, nil for none.
	Progress func(Event)
	// CallCounts are the calls, by region, that no report tells of yet: those
	// made since the command began, or since it was last asked.
	CallCounts func() map[topology.Region]Calls
	// Stop, when closed, ends the run after the calls in flight.
	Stop <-chan struct{}
	// Waiting is told whose lease looks expired and is watched for that long
	// before it is taken over; nil for nobody.
	Waiting func(holder *journal.HeldError, atMost time.Duration)
	// Recheck, if set, is asked by Run once the lease is held and before
	// anything is written: another controller may have been at work since the
	// plan was made. Its error is Run's, and nothing was changed.
	Recheck func(context.Context) error
}

// An Executor runs plans. It keeps nothing between two runs.
type Executor struct {
	opts  Options
	clock Clock
}

// New makes an Executor. It makes no call.
func New(o Options) *Executor {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.VerifyTimeout <= 0 {
		o.VerifyTimeout = 5 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = journal.RealClock{}
	}
	if o.Holder == (journal.Holder{}) {
		o.Holder = journal.Self("")
	}
	return &Executor{opts: o, clock: o.Clock}
}

// A run is one process at work on one run.
type run struct {
	e     *Executor
	id    string
	plan  *planner.Plan
	spec  RunSpec
	dark  []topology.Region // in this session
	sum   string            // of plan.json
	lease *journal.Lease
	log   *journal.Log
	book  *ledger // the schedule's goroutine only
	acts  actions

	since since // what others did meanwhile (Resume)

	throttling throttling

	halted []string // why which groups were; the schedule's goroutine only
	cancel context.CancelCauseFunc
	ctx    context.Context
}

// planDoc is plan.json: all that another machine needs beside the journal.
type planDoc struct {
	Schema  string         `json:"schema"`
	Run     string         `json:"run"`
	Created time.Time      `json:"created"`
	Holder  journal.Holder `json:"holder"`
	Spec    RunSpec        `json:"spec"`
	Plan    *planner.Plan  `json:"plan"`
}

func planKey(run string) string { return "runs/" + run + "/plan.json" }
func logKey(run string) string  { return "runs/" + run + "/journal.jsonl" }

// Run creates a run of the plan and works on it until everything is applied,
// found done or owed, or nothing more can be done.
//
// The report is non-nil once the run exists. Errors: ErrBadPlan and
// ErrLeaseHeld before that, nothing changed; later a *StoppedError, which
// wraps ErrStopped and its cause (ErrLeaseLost, the journal's, the context's).
func (e *Executor) Run(ctx context.Context, plan *planner.Plan, spec RunSpec) (*Report, error) {
	r := &run{e: e, plan: plan, spec: spec, dark: spec.Dark}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.acquire(ctx); err != nil {
		return nil, err
	}
	defer r.release(ctx)
	if recheck := r.e.opts.Recheck; recheck != nil {
		if err := recheck(ctx); err != nil {
			return nil, err
		}
	}
	// The epoch is never used again, so neither is the name.
	r.id = fmt.Sprintf("r%d-%.4s", r.lease.Epoch(), plan.ID)
	if err := r.lease.SetRun(ctx, r.id); err != nil {
		return nil, fmt.Errorf("renew the lease: %w", err)
	}
	if err := r.create(ctx); err != nil {
		return nil, err
	}
	return r.work(ctx, kindBegin)
}

// check refuses a plan that cannot be run, before anything is written.
func (r *run) check() error {
	acts := actions{cloud: r.e.opts.Cloud, clock: r.e.clock}
	for i := range r.plan.Steps {
		if _, err := acts.operation(&r.plan.Steps[i]); err != nil {
			return err
		}
	}
	_, err := newSchedule(r, r.plan.Steps, func(int) bool { return false }, false)
	return err
}

func (r *run) acquire(ctx context.Context) error {
	h := r.e.opts.Holder
	h.Run = r.id
	if h.Command == "" {
		h.Command = r.plan.Command
	}
	var err error
	r.lease, err = journal.Take(ctx, r.e.opts.Store, journal.Terms{
		Holder: h, TTL: r.e.opts.LeaseTTL, Clock: r.e.clock, Waiting: r.e.opts.Waiting,
		LastEpoch: func(ctx context.Context) (int64, error) { return lastEpoch(ctx, r.e.opts.Store) },
	})
	return err
}

func (r *run) release(ctx context.Context) {
	// A lease that cannot be given back expires.
	_ = r.lease.Release(context.WithoutCancel(ctx))
}

func (r *run) create(ctx context.Context) error {
	doc, err := json.Marshal(planDoc{"understudy/run-plan/v1", r.id, r.now().UTC(), r.e.opts.Holder, r.spec, r.plan})
	if err != nil {
		return fmt.Errorf("store the plan: %w", err)
	}
	r.sum = sumOf(doc)
	if _, err := r.e.opts.Store.Put(ctx, planKey(r.id), doc, ""); err != nil {
		return fmt.Errorf("store the plan: %w", err)
	}
	return nil
}

func sumOf(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// work opens the journal, settles what an earlier session left, and runs the
// steps that remain.
func (r *run) work(ctx context.Context, kind string) (*Report, error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if kind == kindResume && r.finished() {
		return r.book.report(r.id), nil
	}
	if err := r.session(ctx, kind); err != nil {
		return r.book.report(r.id), r.stopped(err)
	}
	defer r.watch(ctx)()
	q, err := newSchedule(r, r.plan.Steps, func(i int) bool { return r.book.steps[i].satisfied() }, false)
	if err != nil {
		return r.book.report(r.id), err
	}
	r.emit(q, Event{Kind: RunStarted})
	err = q.loop(r.ctx)                    //nolint:contextcheck // r.ctx is ctx with our own ends; what has begun is journaled whatever ends
	rep, err := r.conclude(err, Completed) //nolint:contextcheck // the end is journaled whatever ended it
	r.emit(q, Event{Kind: RunEnded, Message: rep.Reason})
	return rep, err
}

// open reads the journal and makes it ready to append.
func (r *run) open(ctx context.Context) error {
	r.book = newLedger(r.plan)
	r.acts = actions{cloud: r.e.opts.Cloud, run: r.id, clock: r.e.clock}
	a, err := anchoredBy(ctx, r.e.opts.Store, r.id, r.book.visit)
	if err != nil {
		return err
	}
	if r.log, err = journal.Open(ctx, r.e.opts.Store, logKey(r.id), r.e.clock, a.visit); err != nil {
		return err
	}
	return a.end()
}

// finished: nothing failed, is left, or is owed.
func (r *run) finished() bool {
	c := r.book.counts()
	return r.book.state == Completed && c.Failed+c.Left+c.Deferred == 0
}

func (r *run) session(ctx context.Context, kind string) error {
	s := session{Run: r.id, Epoch: r.lease.Epoch(), Command: r.plan.Command, Plan: r.plan.ID, PlanSum: r.sum,
		From: r.plan.From, To: r.plan.To, Steps: len(r.plan.Steps), Holder: r.e.opts.Holder}
	at, err := r.log.Append(ctx, kind, s)
	if err != nil {
		return err
	}
	r.book.open(kind, s, at)
	return r.anchor(ctx)
}

// watch makes r.ctx: it ends with the caller's context, Stop, or the lease.
func (r *run) watch(ctx context.Context) (done func()) {
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	go func() {
		select {
		case <-r.e.opts.Stop: // nil: never
			r.cancel(ErrStopped)
		case <-r.lease.Gone():
			r.cancel(r.lease.Lost())
		case <-r.ctx.Done():
		}
	}()
	return func() { r.cancel(nil) }
}

func (r *run) stopping() bool { return r.ctx.Err() != nil }

// perform takes one step through the protocol and journals how it ended.
func (r *run) perform(ctx context.Context, q *schedule, i int32, sl slot) {
	sl.acquire()
	defer sl.release()
	if q.isHalted(i) {
		q.news <- news{step: i, err: errHalted}
		return
	}
	out, err := r.driveOrSkip(ctx, q, i, sl)
	if err != nil {
		q.news <- news{step: i, err: err}
		return
	}
	if lost := r.lease.Lost(); lost != nil {
		// The journal is another's now. It finds an intent, and looks.
		q.news <- news{step: i, err: lost}
		return
	}
	out.Undo = q.undo
	at, err := r.log.Append(ctx, kindOutcome, out)
	q.news <- news{step: i, at: at, out: out, err: err}
}

// regionsCalled are the regions that a step's calls go to. A promotion names
// the old primary in From for people only: it is made in the replica's region
// and must not depend on the other one.
func regionsCalled(s *planner.Step) []topology.Region {
	called := append([]topology.Region{s.Region}, s.Params.Regions...)
	if s.Params.From != "" && s.Action != planner.Promote {
		called = append(called, s.Params.From)
	}
	return called
}

// spared says why no call is made to a region; "" if calls are.
func (r *run) spared(region topology.Region) string {
	switch {
	case slices.Contains(r.spec.Skip, region):
		return "it was given up as lost"
	case slices.Contains(r.dark, region):
		return "it did not answer a moment ago"
	}
	return ""
}

func (r *run) driveOrSkip(ctx context.Context, q *schedule, i int32, sl slot) (outcome, error) {
	s := &q.steps[i]
	if err := r.superseded(s); err != nil && !q.undo {
		return r.failedWith(s, err), nil
	}
	for _, region := range regionsCalled(s) {
		if why := r.spared(region); why != "" {
			return r.failedOrOwed(s, &StepError{Code: CodeUnreachable, Err: topology.ErrUnreachable,
				Message: fmt.Sprintf("no call is made to %s in this run, %s", region, why)}), nil
		}
	}
	if err := r.throttling.shut(s); err != nil {
		return r.failedOrOwed(s, err), nil //nolint:nilerr // an outcome
	}
	op, err := r.acts.operation(s)
	if err != nil {
		return outcome{}, err
	}
	return r.drive(ctx, s, op, sl, func(at time.Time) { q.news <- news{step: i, intent: true, at: at} }, q.undo)
}

// conclude journals the end of the session and says what became of the run.
func (r *run) conclude(fatal error, whole State) (*Report, error) {
	c := r.book.counts()
	end := ended{State: whole, Steps: c, Calls: r.callsMade()}
	cause := fatal
	if cause == nil && r.ctx.Err() != nil {
		cause = context.Cause(r.ctx)
	}
	if whole == Completed && c.Failed+c.Left > 0 || cause != nil {
		end.State = Halted
	}
	switch {
	case errors.Is(cause, ErrStopped), errors.Is(cause, context.Canceled):
		end.Reason = "interrupted"
	case cause != nil:
		end.Reason = cause.Error()
	default:
		end.Reason = strings.Join(r.halted, "; ")
	}
	// After a lost lease another controller owns the run, and after a failed
	// append nobody knows what the journal holds: Append refuses by itself.
	if r.lease.Lost() == nil {
		at, err := r.log.Append(context.Background(), kindEnd, end)
		if err == nil {
			r.book.close(end, at)
			// Without it the head of the session's begin still stands.
			_ = r.anchor(context.Background())
		} else if cause == nil {
			cause, end.State = err, Halted
		}
	}
	rep := r.book.report(r.id)
	rep.State, rep.Reason = end.State, end.Reason
	if end.State == Halted {
		return rep, r.stopped(cause)
	}
	return rep, nil
}

func (r *run) stopped(cause error) error {
	c := r.book.counts()
	err := &StoppedError{Run: r.id, Steps: c, Cause: cause}
	switch {
	case errors.Is(cause, ErrStopped), errors.Is(cause, context.Canceled):
		err.Reason = "interrupted"
	case cause != nil:
		err.Reason = cause.Error()
	case c.Failed > 0 && c.Applied == 0 && r.allStale():
		err.Cause, err.Reason = ErrStalePlan, ErrStalePlan.Error()
	}
	return err
}

func (r *run) allStale() bool {
	for _, f := range r.book.failures {
		if f.Code != CodeStalePlan {
			return false
		}
	}
	return true
}

func (r *run) callsMade() map[topology.Region]Calls {
	if r.e.opts.CallCounts == nil {
		return nil
	}
	made := map[topology.Region]Calls{}
	maps.Copy(made, r.e.opts.CallCounts())
	// That nothing was asked of the lost region is worth a line.
	for _, region := range slices.Concat([]topology.Region{r.plan.From, r.plan.To}, r.spec.Skip, r.dark) {
		if _, ok := made[region]; !ok && region != "" {
			made[region] = Calls{}
		}
	}
	return made
}

func (r *run) now() time.Time { return r.e.clock.Now() }

// emit completes an event and hands it on.
func (r *run) emit(q *schedule, ev Event) {
	if r.e.opts.Progress == nil {
		return
	}
	ev.Time, ev.Run, ev.Total, ev.InFlight = r.now(), r.id, len(q.steps), q.inFlight
	if ev.Steps = r.book.counts(); q.undo {
		ev.Steps = r.book.undoing
		ev.Steps.Left = ev.Total - ev.Steps.ended()
	}
	if ev.Step == nil && ev.Group == "" && len(q.tiers) > 0 {
		ev.Tier = q.tiers[q.tierAt]
	}
	ev.TierDone, ev.TierAll = q.tierEnd[ev.Tier], q.tierAll[ev.Tier]
	if len(q.started) > 0 {
		oldest := q.started[0]
		ev.Oldest, ev.OldestSecret = oldest.at, q.steps[oldest.step].Secret
	}
	r.e.opts.Progress(ev)
}
