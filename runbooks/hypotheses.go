package runbooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// The hypotheses of a rehearsal, in the order in which a report shows them.
const (
	ReadsNeverFailed = "reads never failed"
	LostNotTouched   = "no mutating call to the lost region"
	NothingLost      = "no version lost"
	EveryWritable    = "every secret writable"
	RotationAttached = "rotation attached to the new region's function, no rotation fired"
	AlarmsOn         = "alarms on in the new primary, none fired twice"
	ResumeIdle       = "resume finds nothing to do"
	OldFenced        = "the old region is fenced when it returns, and nothing is undone"
)

// Verdicts of a hypothesis.
const (
	Held     = "held"
	Broken   = "broken"
	Untested = "untested"
)

// probeCalls is how many calls a failover may make to a region that does not
// answer: the observation's probe, each service once, with the SDK's retries.
const probeCalls = 20

func hypotheses() []Hypothesis {
	names := []string{ReadsNeverFailed, LostNotTouched, NothingLost, EveryWritable, RotationAttached, AlarmsOn, ResumeIdle, OldFenced}
	list := make([]Hypothesis, len(names))
	for i, name := range names {
		list[i] = Hypothesis{Name: name, Verdict: Untested}
	}
	return list
}

// test records the outcome of one hypothesis. Once broken it stays broken.
func (out *Rehearsal) test(name string, held bool, format string, args ...any) {
	i := slices.IndexFunc(out.Hypotheses, func(h Hypothesis) bool { return h.Name == name })
	if i < 0 || out.Hypotheses[i].Verdict == Broken {
		return
	}
	h := &out.Hypotheses[i]
	h.Verdict, h.Detail = Held, fmt.Sprintf(format, args...)
	if !held {
		h.Verdict = Broken
	}
}

// judge sums up.
func (out *Rehearsal) judge(err error) {
	slices.SortStableFunc(out.Timeline, func(a, b Moment) int { return cmp.Compare(a.At, b.At) })
	out.Outcome = "passed"
	broken := slices.ContainsFunc(out.Hypotheses, func(h Hypothesis) bool { return h.Verdict != Held })
	if err != nil || broken {
		out.Outcome = "failed"
	}
}

// verify looks from outside at what the failover claims to have done.
func (r *rehearsing) verify(ctx context.Context) (string, error) {
	calls, err := r.stage.Calls(ctx)
	if err != nil {
		return "", err
	}
	r.out.Calls = calls
	lost := calls[r.out.Lost]
	r.out.test(LostNotTouched, lost.Mutating == 0 && lost.Total <= probeCalls,
		"%d calls to %s, %d of them mutating", lost.Total, r.out.Lost, lost.Mutating)

	in, err := r.env.look(ctx, planner.Options{}, r.out.Lost)
	if err != nil {
		return "", err
	}
	r.versionsKept(in.Observed)
	r.rotationAttached(in.Observed)
	if err := r.resumeIdle(ctx); err != nil {
		return "", err
	}
	r.writable(ctx)
	return fmt.Sprintf("%d secrets read and written in %s", len(r.secrets), r.out.To), nil
}

func (r *rehearsing) versionsKept(after *topology.Snapshot) {
	var lost []string
	for _, n := range r.secrets {
		was, _ := r.before.Secret(r.out.Lost, n)
		is, _ := after.Secret(r.out.To, n)
		if len(planner.Lacking(is, was)) > 0 {
			continue // it is ahead of the baseline: what it dropped was superseded
		}
		for _, id := range planner.Lacking(was, is) {
			lost = append(lost, string(n)+" "+id)
		}
	}
	r.out.RPOVersions = len(lost)
	r.out.test(NothingLost, len(lost) == 0, "%d versions lost%s", len(lost), listed(lost))
}

// rotationAttached: where rotation was on it is on, in the new region, and
// no secret has a version that it did not have before.
func (r *rehearsing) rotationAttached(after *topology.Snapshot) {
	rotating, wrong := 0, []string{}
	for _, n := range r.secrets {
		was, _ := r.before.Secret(r.out.Lost, n)
		is, _ := after.Secret(r.out.To, n)
		if fired := planner.Lacking(is, was); len(fired) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s has new version %s", n, fired[0]))
		}
		if !was.Rotation.Enabled {
			continue
		}
		rotating++
		if is == nil || !is.Rotation.Enabled || topology.RegionOf(is.Rotation.LambdaARN) != r.out.To {
			wrong = append(wrong, string(n)+" does not rotate in "+string(r.out.To))
		} else if is.Rotation.Rules != was.Rotation.Rules {
			wrong = append(wrong, string(n)+" rotates by other rules")
		}
	}
	r.out.test(RotationAttached, len(wrong) == 0, "%d secrets rotate%s", rotating, listed(wrong))
}

// resumeIdle resumes the finished run: nothing may be called for.
func (r *rehearsing) resumeIdle(ctx context.Context) error {
	if r.out.Run == "" {
		return nil
	}
	before, err := r.mutations(ctx)
	if err != nil {
		return err
	}
	report, err := Resume(ctx, r.env, r.out.Run)
	if err != nil {
		return err
	}
	after, err := r.mutations(ctx)
	if err != nil {
		return err
	}
	r.out.test(ResumeIdle, after == before && report.State == executor.Completed,
		"%d mutating calls; the run is %s", after-before, report.State)
	return nil
}

// mutations counts every mutating call that anybody made on the stage.
func (r *rehearsing) mutations(ctx context.Context) (int, error) {
	calls, err := r.stage.Calls(ctx)
	n := 0
	for _, c := range calls {
		n += c.Mutating
	}
	return n, err
}

// writable writes every secret as an application would.
func (r *rehearsing) writable(ctx context.Context) {
	var refused []string
	for _, n := range r.secrets {
		if err := r.stage.Write(ctx, r.out.To, n); err != nil {
			refused = append(refused, err.Error())
		}
	}
	r.out.test(EveryWritable, len(refused) == 0, "%d of %d secrets took a new value in %s%s",
		len(r.secrets)-len(refused), len(r.secrets), r.out.To, listed(refused))
}

// returns lets the old region answer again. A check must see that its fence
// is owed, and no plan may undo the move.
func (r *rehearsing) returns(ctx context.Context) (string, error) {
	if err := r.stage.Revive(ctx, r.out.Lost); err != nil {
		return "", err
	}
	r.moment(r.env.now(), "%s answers again", r.out.Lost)
	report, err := Drift(ctx, r.env, DriftOptions{})
	if err != nil {
		return "", err
	}
	in, err := r.env.look(ctx, planner.Options{})
	if err != nil {
		return "", err
	}
	owed, undone := len(findings(report, drift.CodeFenceOwed)), stepsIn(planner.Converge(in), r.out.Lost)
	r.out.test(OldFenced, owed > 0 && len(undone) == 0, "%d debts seen%s", owed, listed(undone))
	return fmt.Sprintf("%s: %d debts owed to %s", report.Verdict, owed, r.out.Lost), nil
}

func findings(report *drift.Report, code string) []string {
	var list []string
	for _, f := range report.Findings {
		if f.Code == code {
			list = append(list, fmt.Sprintf("%s %s%s in %s", f.Code, f.Secret, f.Alarm, f.Region))
		}
	}
	return list
}

// stepsIn are the steps of a plan that would touch a region.
func stepsIn(plan *planner.Plan, lost topology.Region) []string {
	var list []string
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Region == lost || s.Params.From == lost {
			list = append(list, fmt.Sprintf("%s %s in %s", s.Action, s.Subject(), s.Region))
		}
	}
	return list
}

// fence pays what is owed to the old region, and looks a last time.
func (r *rehearsing) fence(ctx context.Context) (string, error) {
	_, paid, err := Fence(ctx, r.env, FenceOptions{Region: r.out.Lost})
	if _, split := errors.AsType[*SplitBrain](err); err != nil && !split { // two writers are what the check below finds
		return "", err
	}
	r.moment(r.env.now(), "%s fenced: rotation cancelled, alarms off", r.out.Lost)
	report, err := Drift(ctx, r.env, DriftOptions{})
	if err != nil {
		return "", err
	}
	in, err := r.env.look(ctx, planner.Options{})
	if err != nil {
		return "", err
	}
	r.alarmsOn(in.Observed)
	owed := findings(report, drift.CodeFenceOwed)
	r.out.test(OldFenced, len(owed) == 0 && report.Verdict != drift.SplitBrain,
		"fenced; the check says %s%s", report.Verdict, listed(owed))
	r.out.Leftovers = append(r.out.Leftovers, owed...)
	r.audience.stop()
	reads, failed, first := r.audience.tally()
	r.out.test(ReadsNeverFailed, reads > 0 && failed == 0, "%d reads, %d failed%s", reads, failed, listed(nonEmpty(first)))
	return fmt.Sprintf("%d debts paid, %d found paid", paid.Steps.Applied, paid.Steps.AlreadyDone), nil
}

// alarmsOn: what acted in the old primary acts in the new one, and in no
// other region, where it would fire a second time.
func (r *rehearsing) alarmsOn(after *topology.Snapshot) {
	on, wrong := 0, []string{}
	for name, was := range acting(r.before.View(r.out.Lost)) {
		if !was || r.env.Desired.RuleOf(name) == nil {
			continue
		}
		on++
		if !acting(after.View(r.out.To))[name] {
			wrong = append(wrong, name+" is off in "+string(r.out.To))
		}
		for _, region := range r.env.Desired.Regions() {
			if region != r.out.To && acting(after.View(region))[name] {
				wrong = append(wrong, name+" is on in "+string(region)+" too")
			}
		}
	}
	slices.Sort(wrong)
	r.out.test(AlarmsOn, len(wrong) == 0, "%d alarms act%s", on, listed(wrong))
}

// acting says of every alarm in a region whether its actions are on.
func acting(v *topology.RegionView) map[string]bool {
	out := map[string]bool{}
	for name, a := range v.Alarms {
		out[name] = a.ActionsEnabled
	}
	for name, a := range v.Composites {
		out[name] = a.ActionsEnabled
	}
	return out
}

func listed(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(firstOf(list, 5), "; ")
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
