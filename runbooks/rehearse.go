package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// Rehearse plays a game day on a stage, by the same runbooks that a real one
// would be fought with (G8): converge → check → baseline → the primary dies
// → fail over → verify → the old region comes back → its fence is paid.
//
// The rehearsal is returned whenever one was begun; its Outcome is "failed"
// where a hypothesis broke. The error tells why it could not be played to
// the end.
func Rehearse(ctx context.Context, env Env, stage Stage, o RehearseOptions) (*Rehearsal, error) {
	r := newRehearsal(env, stage, o)
	err := r.play(ctx)
	r.audience.stop()
	r.out.judge(err)
	if kept := r.keep(context.WithoutCancel(ctx)); err == nil {
		err = kept
	}
	return r.out, err
}

func (r *rehearsing) play(ctx context.Context) error {
	for _, phase := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"converge", r.converge},
		{"check", r.check},
		{"baseline", r.baseline},
		{"kill", r.kill},
		{"failover", r.failover},
		{"verify", r.verify},
		{"return", r.returns},
		{"fence", r.fence},
	} {
		if err := r.phase(ctx, phase.name, phase.do); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// rehearsing is a game day under way.
type rehearsing struct {
	env   Env
	stage Stage
	o     RehearseOptions
	out   *Rehearsal

	died     time.Time
	before   *topology.Snapshot // baseline
	secrets  []topology.Name
	plan     *planner.Plan
	audience *audience
}

func newRehearsal(env Env, stage Stage, o RehearseOptions) *rehearsing {
	env.Confirm = nil // nobody is asked on a stage
	if o.To == "" && len(env.Desired.Standby) > 0 {
		o.To = env.Desired.Standby[0]
	}
	if o.Scenario == "" {
		o.Scenario = "primary-lost"
	}
	return &rehearsing{env: env, stage: stage, o: o, audience: &audience{}, out: &Rehearsal{
		Schema: "understudy/rehearsal/v1", Scenario: o.Scenario, Stage: stage.Name(), Seed: o.Seed,
		Phases: []RehearsalPhase{}, Hypotheses: hypotheses(), Leftovers: []string{}, Timeline: []Moment{},
		Calls: map[topology.Region]CallCount{}, Lost: env.Desired.Primary, To: o.To,
	}}
}

// phase times one part and keeps its line for people.
func (r *rehearsing) phase(ctx context.Context, name string, do func(context.Context) (string, error)) error {
	if r.o.Phase != nil {
		r.o.Phase(name)
	}
	start := r.env.now()
	result, err := do(ctx)
	if err != nil {
		result = err.Error()
	}
	r.out.Phases = append(r.out.Phases, RehearsalPhase{
		Name: name, Start: start, Seconds: r.env.now().Sub(start).Seconds(), Result: result,
	})
	return err
}

// moment adds a line to the timeline.
func (r *rehearsing) moment(at time.Time, format string, args ...any) {
	r.out.Timeline = append(r.out.Timeline, Moment{At: at.Sub(r.died).Seconds(), Text: fmt.Sprintf(format, args...)})
}

func (r *rehearsing) converge(ctx context.Context) (string, error) {
	report, err := Apply(ctx, r.env, ApplyOptions{AllowReplicaGap: true})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d steps applied, %d found done", report.Steps.Applied, report.Steps.AlreadyDone), nil
}

func (r *rehearsing) check(ctx context.Context) (string, error) {
	report, err := Drift(ctx, r.env, DriftOptions{})
	if err != nil {
		return "", err
	}
	if report.Verdict != drift.Clean {
		return "", &Refused{
			Code:    "not-converged",
			Message: fmt.Sprintf("the stage is not as desired after apply (%s): %s", report.Verdict, worst(report)),
			Hint:    "understudy drift shows all findings",
		}
	}
	return fmt.Sprintf("%d secrets in %d regions as desired", report.Secrets, len(report.Regions)), nil
}

func worst(report *drift.Report) string {
	if len(report.Findings) == 0 {
		return "no finding"
	}
	f := report.Findings[0]
	return fmt.Sprintf("%s %s %s: %s", f.Code, f.Secret, f.Region, f.Message)
}

// baseline records what each secret holds, and lets applications begin to
// read it where they will have to read it when home is gone.
func (r *rehearsing) baseline(ctx context.Context) (string, error) {
	in, err := r.env.look(ctx, planner.Options{})
	if err != nil {
		return "", err
	}
	r.before = in.Observed
	r.secrets = atHome(in)
	if len(r.secrets) == 0 {
		return "", &Refused{
			Code:    "nothing-to-rehearse",
			Message: fmt.Sprintf("no secret of the configuration has its primary in %s and a replica in %s", r.out.Lost, r.out.To),
			Hint:    "understudy status",
		}
	}
	r.audience = watch(ctx, r.stage, r.out.To, r.secrets, r.o.Reads)
	return fmt.Sprintf("%d secrets, %d versions; %d of them read over and over in %s",
		len(r.secrets), versions(r.before, r.out.Lost, r.secrets), r.audience.count(), r.out.To), nil
}

// atHome are the secrets of the configuration whose acting primary is home
// and that have a replica in the region to fail over to.
func atHome(in planner.Input) []topology.Name {
	var list []topology.Name
	resolver := in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		p := s.PrimarySecret()
		if p == nil || p.Managed() || !p.Deleted.IsZero() || s.Primary != in.Desired.Primary {
			continue
		}
		if g := in.Desired.GroupOf(n, p.Tags); g != nil && len(g.Replicas) > 0 {
			list = append(list, n)
		}
	}
	return list
}

func versions(s *topology.Snapshot, r topology.Region, names []topology.Name) int {
	n := 0
	for _, name := range names {
		if secret, _ := s.Secret(r, name); secret != nil {
			n += len(secret.Versions)
		}
	}
	return n
}

func (r *rehearsing) kill(ctx context.Context) (string, error) {
	if err := r.stage.Kill(ctx, r.out.Lost); err != nil {
		return "", err
	}
	r.died = r.env.now()
	if err := r.stage.ResetCalls(ctx); err != nil {
		return "", err
	}
	r.moment(r.died, "%s stops answering", r.out.Lost)
	return string(r.out.Lost) + " accepts connections and never answers", nil
}

// failover goes by what it finds: nobody tells it that the region is lost.
func (r *rehearsing) failover(ctx context.Context) (string, error) {
	env := r.env
	env.Confirm = func(_ context.Context, plan *planner.Plan) error {
		r.moment(env.now(), "%s seen dark; failover to %s planned: %d steps", r.out.Lost, r.out.To, len(plan.Steps))
		return nil
	}
	plan, report, err := Failover(ctx, env, FailoverOptions{To: r.out.To})
	r.plan = plan
	if report != nil {
		r.out.Run = report.ID
	}
	if err != nil {
		return "", err
	}
	for _, p := range report.Phases {
		r.moment(p.Start, "%s: began, took %.1f s", p.Name, p.Seconds)
	}
	r.out.RTOSeconds = recovered(report).Sub(r.died).Seconds()
	r.moment(recovered(report), "every secret writable in %s, rotation attached, alarms on", r.out.To)
	r.moment(r.env.now(), "verified by fresh reads")
	return fmt.Sprintf("%d steps applied, %d found done, %d owed", report.Steps.Applied, report.Steps.AlreadyDone, report.Steps.Deferred), nil
}

// recovered is when the last secret was writable, with its rotation and all
// alarms on: not yet when third regions follow the new primary, and long
// before the old one is fenced.
func recovered(report *executor.Report) time.Time {
	var last time.Time
	for _, p := range report.Phases {
		end := p.Start.Add(time.Duration(p.Seconds * float64(time.Second)))
		if p.Name != planner.PhaseReparent && p.Name != planner.PhaseOldPrimary && end.After(last) {
			last = end
		}
	}
	return last
}

// keep stores the result for `status`.
func (r *rehearsing) keep(ctx context.Context) error {
	store := r.o.Record
	if store == nil {
		store = r.env.Store
	}
	data, err := json.MarshalIndent(r.out, "", "  ")
	if err != nil {
		return err
	}
	if r.out.Run != "" {
		if err := journal.Replace(ctx, store, "rehearsals/"+r.out.Run+".json", data); err != nil {
			return fmt.Errorf("rehearsal: %w", err)
		}
	}
	if err := journal.Replace(ctx, store, lastRehearsalKey, data); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return nil
}
