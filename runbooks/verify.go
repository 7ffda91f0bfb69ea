package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// verify reads, afresh and in the new primary only, everything that the plan
// was to bring about there: each secret standalone or a primary, writable,
// rotating through the right function, read if the operator wants that, and
// the alarms acting. It does not trust the run's own word.
func (env Env) verify(ctx context.Context, plan *planner.Plan) error {
	var v verification
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for _, w := range wants(plan) {
		g.Go(func() error { return v.secret(ctx, env, plan.To, w) })
	}
	for _, names := range alarmsOn(plan) {
		g.Go(func() error { return v.alarms(ctx, env, plan.To, names) })
	}
	if err := g.Wait(); err != nil {
		return &Incomplete{
			Message: "the run ended, but its outcome could not be verified: " + err.Error(),
			Hint:    "understudy status, then understudy drift",
		}
	}
	if len(v.wrong) == 0 {
		return nil
	}
	slices.Sort(v.wrong)
	return fmt.Errorf("the run ended, but %s is not as it should be:\n  %s\nunderstudy drift says what to do",
		plan.To, strings.Join(firstOf(v.wrong, 20), "\n  "))
}

type verification struct {
	mu    sync.Mutex
	wrong []string
}

func (v *verification) add(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// A want is how one secret should be in the new primary; lambda is "" where
// the plan attached no rotation.
type want struct {
	name   topology.Name
	lambda string
}

func wants(plan *planner.Plan) []want {
	at := map[topology.Name]int{}
	var list []want
	of := func(n topology.Name) *want {
		i, ok := at[n]
		if !ok {
			i = len(list)
			at[n] = i
			list = append(list, want{name: n})
		}
		return &list[i]
	}
	for i := range plan.Steps {
		s := &plan.Steps[i]
		switch {
		case s.Region != plan.To:
		case s.Action == planner.Promote:
			of(s.Secret)
		case s.Action == planner.AttachRotation:
			of(s.Secret).lambda = s.Params.Lambda
		}
	}
	return list
}

func alarmsOn(plan *planner.Plan) [][]string {
	var list [][]string
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Action == planner.EnableAlarms && s.Region == plan.To {
			list = append(list, s.Params.Alarms)
		}
	}
	return list
}

func (v *verification) secret(ctx context.Context, env Env, r topology.Region, w want) error {
	s, err := env.Cloud.Secret(ctx, r, w.name)
	switch {
	case err != nil:
		return err
	case !s.Writable():
		v.add("%s is a replica of %s and cannot be written", w.name, s.PrimaryRegion)
	case w.lambda != "" && !s.Rotation.Enabled:
		v.add("%s does not rotate", w.name)
	case w.lambda != "" && s.Rotation.LambdaARN != w.lambda:
		v.add("%s rotates through %s, not %s", w.name, s.Rotation.LambdaARN, w.lambda)
	}
	if env.readsBack() {
		return v.read(ctx, env, r, s)
	}
	return nil
}

// readsBack: the operator wants values read after a move.
func (env Env) readsBack() bool { return env.Desired.Failover.ReadCheck && env.ReadCurrent != nil }

// read reads a secret as its consumers do: that it is writable says nothing of
// its key and its policies.
func (v *verification) read(ctx context.Context, env Env, r topology.Region, s *topology.Secret) error {
	version, err := env.ReadCurrent(ctx, r, s.Name)
	switch {
	case errors.Is(err, topology.ErrUnreachable), errors.Is(err, topology.ErrThrottled), ctx.Err() != nil:
		return err
	case err != nil:
		v.add("%s cannot be read: %v", s.Name, err)
		return nil
	case holdsVersion(s, version):
		return nil
	}
	again, err := env.Cloud.Secret(ctx, r, s.Name) // it may have rotated in between
	if err == nil && !holdsVersion(again, version) {
		v.add("%s serves version %s, which it does not list", s.Name, version)
	}
	return err
}

func holdsVersion(s *topology.Secret, id string) bool {
	return slices.ContainsFunc(s.Versions, func(v topology.Version) bool { return v.ID == id })
}

func (v *verification) alarms(ctx context.Context, env Env, r topology.Region, names []string) error {
	metric, composite, err := env.Cloud.Alarms(ctx, r, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		a, c := metric[name], composite[name]
		switch {
		case a == nil && c == nil:
			v.add("alarm %s is not there", name)
		case a != nil && !a.ActionsEnabled, c != nil && !c.ActionsEnabled:
			v.add("the actions of alarm %s are off", name)
		}
	}
	return nil
}
