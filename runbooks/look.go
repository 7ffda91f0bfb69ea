package runbooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/snapshot"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// look observes, and puts together what planner and drift judge.
func (env Env) look(ctx context.Context, o planner.Options, skip ...topology.Region) (planner.Input, error) {
	known, err := env.remember(ctx)
	if err != nil {
		return planner.Input{}, err
	}
	known.Options = o
	if known.Observed, err = env.Observe(ctx, skip, env.patient(o)...); err != nil {
		return planner.Input{}, fmt.Errorf("observe: %w", err)
	}
	known = env.histories(ctx, env.lookCloser(ctx, known))
	known.Now = env.now()
	known.Placement.Owed = planner.Owing(known)
	return known, nil
}

// patient are the regions whose throttling is worth half a minute: in a
// disaster everybody moves to the same one. A move waits for its target alone,
// for no third region holds up what makes secrets writable; and nothing waits
// for home.
func (env Env) patient(o planner.Options) []topology.Region {
	if o.To != "" {
		return []topology.Region{o.To}
	}
	return env.Desired.Standby
}

// remember is what is known without asking AWS anything.
func (env Env) remember(ctx context.Context) (planner.Input, error) {
	recovery, err := snapshot.Load(ctx, env.Store)
	if errors.Is(err, journal.ErrCorrupt) { // what it held may be worth much; the emergency that it was for is worth more
		env.warn(fmt.Sprintf("%v. Going on without it: what it knew of a region that does not answer is not known now. "+
			"The next understudy drift writes it anew, and keeps this one as %s", err, journal.Locate(env.Store, snapshot.AsideKey)))
		recovery, err = nil, nil
	}
	if err != nil {
		return planner.Input{}, err
	}
	placement, damage, err := executor.History(ctx, env.Store)
	if err != nil {
		return planner.Input{}, fmt.Errorf("journal: %w", err)
	}
	for i := range damage { // one old run must not stand in the way of an emergency
		env.warn(damage[i].String())
	}
	return planner.Input{
		Desired: env.Desired, Recovery: recovery, Placement: placement, Quirks: env.Quirks, Now: env.now(),
	}, nil
}

// capture merges an observation into the recovery snapshot and returns the
// input with the result.
//
// A region that holds what a move left behind keeps what was known of it
// before the move until that is resolved: what it held then tells a version
// that was never replicated (to be rescued) from one that was written there
// after the move (a second writer). So does a region whose promoted copy
// somebody replicated over: what is gone can be named.
func (env Env) capture(ctx context.Context, in planner.Input) (planner.Input, error) {
	fresh := *in.Observed
	fresh.Regions = maps.Clone(in.Observed.Regions)
	for _, r := range leftBehind(in) {
		delete(fresh.Regions, r)
	}
	keepEvidence(in, &fresh)
	var err error
	in.Recovery, err = snapshot.Save(ctx, env.Store, &fresh)
	return in, err
}

// keepEvidence keeps what was known before and is told nowhere else any more:
// of each secret that somebody replicated over where we had promoted it, the
// copy there, also once it was promoted again, until another version is put
// there; and how a secret rotated that was moved, until rotation is attached
// where it is now. Our fence, or a way home that was aborted, ended it where it
// was before; once that is a replica, whose word on rotation means nothing, it
// is remembered at its primary.
func keepEvidence(in planner.Input, fresh *topology.Snapshot) {
	ours := map[topology.Region]bool{}
	resolver := in.Resolver()
	var s planner.Standing
	for n, m := range in.Placement.Acting {
		resolver.Resolve(n, &s)
		if before, _ := in.Recovery.Secret(m.To, n); before != nil && (s.Overwritten || s.ReplacedBy() != "") {
			keep(fresh, ours, before)
		}
		if p := s.PrimarySecret(); p == nil || s.Primary != m.To || p.Rotation.LambdaARN != "" {
			continue // unknown, or in its primary's own hands
		}
		for _, r := range []topology.Region{m.From, m.To} {
			before, _ := in.Recovery.Secret(r, n)
			if before == nil || before.Role() == topology.RoleReplica || !before.Rotation.Enabled {
				continue
			}
			now, _ := fresh.Secret(r, n)
			if now.Role() == topology.RoleReplica {
				now, _ = fresh.Secret(m.To, n)
			}
			if now != nil {
				rotated := *now
				rotated.Rotation = before.Rotation
				keep(fresh, ours, &rotated)
			}
		}
	}
}

// keep puts a copy into a snapshot, whose views are the observation's still
// but for those that are ours.
func keep(fresh *topology.Snapshot, ours map[topology.Region]bool, s *topology.Secret) {
	view := fresh.Regions[s.Region]
	if view == nil {
		return
	}
	if !ours[s.Region] {
		changed := *view
		changed.Secrets = maps.Clone(view.Secrets)
		view, ours[s.Region], fresh.Regions[s.Region] = &changed, true, &changed
	}
	view.Secrets[s.Name] = s
}

// leftBehind are the regions that we moved secrets away from, and third
// regions with copies that do not follow the new primary yet, unless they are
// the acting primary of some other secret.
func leftBehind(in planner.Input) []topology.Region {
	behind := map[topology.Region]bool{}
	if len(in.Placement.Acting) == 0 {
		return nil
	}
	var primaries []topology.Region
	resolver := in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		if p := s.PrimarySecret(); p != nil && !p.Managed() && in.Desired.GroupOf(n, p.Tags) != nil {
			primaries = append(primaries, s.Primary)
		}
		if s.Move != nil && s.Copy(s.Move.From).State != planner.CopyReplica { // a replica again: resolved
			behind[s.Move.From] = true
		}
		for i := range s.Copies {
			if c := &s.Copies[i]; s.Move != nil && (c.State == planner.CopyPromoted || c.State == planner.CopySplitBrain) {
				behind[c.Region] = true
			}
		}
	}
	for _, r := range primaries {
		delete(behind, r)
	}
	return slices.Sorted(maps.Keys(behind))
}

// regionsOf are the acting primaries that the journal and the recovery
// snapshot tell of, without asking any region. Where no snapshot knows home,
// there may be secrets that no move took from it.
func regionsOf(known planner.Input) map[topology.Region]bool {
	out := map[topology.Region]bool{}
	home := known.Desired.Primary
	for n := range known.Recovery.View(home).Secrets {
		out[known.Placement.Primary(n, home)] = true
	}
	for _, m := range known.Placement.Acting {
		out[m.To] = true
	}
	if len(out) == 0 || known.Recovery.View(home).Dark != "" {
		out[home] = true
	}
	return out
}
