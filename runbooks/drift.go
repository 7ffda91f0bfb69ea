package runbooks

import (
	"context"
	"fmt"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/planner"
)

// Documents in the store.
const (
	seenKey          = "findings/seen.json"
	lastRehearsalKey = "rehearsals/last.json"
)

// Drift compares desired and actual state, changes nothing in AWS, captures
// the recovery snapshot unless told not to, and remembers since when each
// finding stands.
func Drift(ctx context.Context, env Env, o DriftOptions) (*drift.Report, error) {
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return nil, err
	}
	in = env.keyPolicies(ctx, in, policyTime, in.Desired.Regions()...)
	if !o.NoSnapshot {
		in = env.policies(ctx, in)
		if in, err = env.capture(ctx, in); err != nil {
			return nil, err
		}
	}
	report, err := env.check(ctx, in)
	if err != nil {
		return nil, err
	}
	data, err := report.Seen.Marshal()
	if err != nil {
		return nil, err
	}
	if err := journal.Replace(ctx, env.Store, seenKey, data); err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	return report, nil
}

// check judges an input with the memory of earlier checks.
func (env Env) check(ctx context.Context, in planner.Input) (*drift.Report, error) {
	data, err := env.document(ctx, seenKey)
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	seen, err := drift.ParseSeen(data)
	if err != nil { // a date is no reason to stop
		env.warn(fmt.Sprintf("%s cannot be read: %v. Going on without it: since when findings stand, and since when something is unprotected, is counted from now on. "+
			"The next understudy drift writes it anew", journal.Locate(env.Store, seenKey), err))
		seen = nil
	}
	moves, err := env.moves(ctx)
	if err != nil {
		return nil, err
	}
	report := drift.Check(in, drift.Options{
		Seen: seen, StuckAfter: env.StuckAfter, SnapshotMaxAge: env.SnapshotMaxAge, Frozen: leftBehind(in), Moves: moves,
	})
	return report, nil
}
