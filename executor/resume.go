package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Resume continues a run from its plan and journal alone: on any machine that
// reads the store, after any end. Steps that are applied or were found done
// stay so; all others are looked at afresh, deferred ones too. id may be
// shortened to its first part ("r12"). dark are the regions that are known
// not to answer now: as in RunSpec.Dark, which Resume does not go by.
//
// Errors: ErrNoRun, ErrAborted, ErrOvertaken, ErrLeaseHeld,
// journal.ErrCorrupt; then as Run.
func (e *Executor) Resume(ctx context.Context, id string, dark ...topology.Region) (*Report, error) {
	r, err := e.reopen(ctx, id)
	if err != nil {
		return nil, err
	}
	defer r.release(ctx)
	r.dark = dark
	rep, _, err := load(ctx, e.opts.Store, r.id)
	if err != nil {
		return nil, err
	}
	if rep.State == Aborted || rep.Aborting {
		return rep, fmt.Errorf("resume %s: %w; make a new plan", r.id, ErrAborted)
	}
	if r.since, err = r.movedSince(ctx); err != nil {
		return rep, err
	}
	if err := r.overtaken(ctx); err != nil {
		return rep, fmt.Errorf("resume %s: %w", r.id, err)
	}
	return r.work(ctx, kindResume)
}

// reopen takes the lease for a run that exists.
func (e *Executor) reopen(ctx context.Context, id string) (*run, error) {
	id, err := find(ctx, e.opts.Store, id)
	if err != nil {
		return nil, err
	}
	doc, sum, err := readPlan(ctx, e.opts.Store, id)
	if err != nil {
		return nil, err
	}
	r := &run{e: e, id: id, plan: doc.Plan, spec: doc.Spec, sum: sum}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, r.acquire(ctx)
}

// find completes a run's id.
func find(ctx context.Context, s journal.Store, id string) (string, error) {
	ids, err := runIDs(ctx, s)
	if err != nil {
		return "", err
	}
	for _, full := range ids {
		if short, _, _ := strings.Cut(full, "-"); id == full || id == short {
			return full, nil
		}
	}
	return "", fmt.Errorf("%w: %q; list them with: understudy runs list", ErrNoRun, id)
}

// runIDs are all runs, oldest first.
func runIDs(ctx context.Context, s journal.Store) ([]string, error) {
	var ids []string
	for key, err := range s.List(ctx, "runs/", "") {
		if err != nil {
			return nil, err
		}
		// Any document of a run: one whose plan is gone is not to be forgotten.
		id, _, ok := strings.Cut(strings.TrimPrefix(key, "runs/"), "/")
		if ok && !slices.Contains(ids[max(0, len(ids)-1):], id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(epochOf(a), epochOf(b)), cmp.Compare(a, b)) })
	return ids, nil
}

// epochOf reads the epoch out of a run's id, "r12-9c41".
func epochOf(id string) int64 {
	num, _, _ := strings.Cut(strings.TrimPrefix(id, "r"), "-")
	n, _ := strconv.ParseInt(num, 10, 64) // a foreign id sorts first
	return n
}

func readPlan(ctx context.Context, s journal.Store, id string) (planDoc, string, error) {
	raw, _, err := s.Get(ctx, planKey(id))
	if errors.Is(err, journal.ErrNotFound) { // it is written before anything else
		return planDoc{}, "", fmt.Errorf("plan of run %s: %w: %w", id, journal.ErrCorrupt, err)
	}
	if err != nil {
		return planDoc{}, "", fmt.Errorf("run %s: %w", id, err)
	}
	var doc planDoc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return planDoc{}, "", fmt.Errorf("plan of run %s: %w: %w", id, journal.ErrCorrupt, err)
	}
	if doc.Plan == nil {
		return planDoc{}, "", fmt.Errorf("plan of run %s: %w: it has no steps", id, journal.ErrCorrupt)
	}
	return doc, sumOf(raw), nil
}

// Load reads a run's report and plan from the store, without a lease and
// without looking at AWS. A run whose process died is Running.
// Errors: ErrNoRun, journal.ErrCorrupt.
func Load(ctx context.Context, s journal.Store, id string) (*Report, *planner.Plan, error) {
	id, err := find(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	return load(ctx, s, id)
}

// load is Load of a whole id: completing one takes a look at all runs.
func load(ctx context.Context, s journal.Store, id string) (*Report, *planner.Plan, error) {
	doc, _, err := readPlan(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	book := newLedger(doc.Plan)
	if err := each(ctx, s, id, book.visit); err != nil {
		return nil, nil, err
	}
	if book.started.IsZero() { // it died before its first record
		book.started = doc.Created
	}
	return book.report(id), doc.Plan, nil
}

// Left returns a run's plan, and the steps of it that are neither applied nor
// found done: what resuming it would look at. Errors: as Load.
func Left(ctx context.Context, s journal.Store, id string) (plan *planner.Plan, left []planner.Step, err error) {
	doc, _, err := readPlan(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	book := newLedger(doc.Plan)
	if err := each(ctx, s, id, book.visit); err != nil {
		return nil, nil, err
	}
	for i := range doc.Plan.Steps {
		if !book.steps[i].satisfied() {
			left = append(left, doc.Plan.Steps[i])
		}
	}
	return doc.Plan, left, nil
}

// LoadSpec returns how a stored run is run: its waves, the regions to which it
// makes no call, and those that did not answer when it began.
func LoadSpec(ctx context.Context, s journal.Store, id string) (RunSpec, error) {
	id, err := find(ctx, s, id)
	if err != nil {
		return RunSpec{}, err
	}
	doc, _, err := readPlan(ctx, s, id)
	return doc.Spec, err
}

// each visits a run's records; a run without any has none.
func each(ctx context.Context, s journal.Store, id string, visit func(journal.Record) error) error {
	_, err := records(ctx, s, id, visit)
	return err
}

// A Summary is one line of `runs list`.
type Summary struct {
	ID      string          `json:"id"`
	Command string          `json:"command"`
	State   State           `json:"state"`
	From    topology.Region `json:"from,omitempty"`
	To      topology.Region `json:"to,omitempty"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
	Total   int             `json:"total"`
	Steps   Counts          `json:"steps"`
	Holder  journal.Holder  `json:"holder"` // of the last session
	// Died: the state is running, but no live process holds the lease for it.
	Died bool `json:"died,omitempty"`
	// Aborting: an abort has begun, so that only an abort can end it.
	Aborting bool `json:"aborting,omitempty"`
	// Problem is what is wrong with a run that is Corrupt; the rest is then as
	// far as it could be read.
	Problem string `json:"problem,omitempty"`
}

// Stopped: nobody is at work on the run, and it is not over.
func (s *Summary) Stopped() bool { return s.Died || s.State == Halted }

// GoOn is the command that brings a stopped run to its end.
func (s *Summary) GoOn() string {
	if s.Aborting {
		return "understudy runs abort " + s.ID
	}
	return "understudy runs resume " + s.ID
}

// Runs lists all runs, oldest first, those whose journal is damaged too.
func Runs(ctx context.Context, s journal.Store) ([]Summary, error) {
	ids, err := runIDs(ctx, s)
	if err != nil {
		return nil, err
	}
	lease, err := journal.Inspect(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	list := make([]Summary, 0, len(ids))
	for _, id := range ids {
		sum, err := summarize(ctx, s, id)
		if ctx.Err() != nil {
			return list, context.Cause(ctx)
		}
		if err != nil {
			sum.State, sum.Problem = Corrupt, err.Error()
		}
		sum.Died = sum.State == Running && lease.Problem == nil && (!lease.Alive || lease.Holder.Run != id)
		list = append(list, sum)
	}
	return list, nil
}

// summarize makes a run's line; beside an error, of what could be read.
func summarize(ctx context.Context, s journal.Store, id string) (Summary, error) {
	doc, _, err := readPlan(ctx, s, id)
	if err != nil {
		p, _ := deedsOf(ctx, s, id)
		last := p.last
		return Summary{ID: id, Command: last.Command, From: last.From, To: last.To, Holder: last.Holder, Total: last.Steps}, err
	}
	book := newLedger(doc.Plan)
	err = each(ctx, s, id, book.visit)
	if book.started.IsZero() {
		book.started = doc.Created
	}
	rep := book.report(id)
	return Summary{ID: id, Command: rep.Command, State: rep.State, From: rep.From, To: rep.To,
		Started: rep.Started, Ended: rep.Ended, Total: len(doc.Plan.Steps), Steps: rep.Steps, Holder: rep.Holder,
		Aborting: rep.Aborting}, err
}
