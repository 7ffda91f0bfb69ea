package runbooks

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// A VersionReader reads a secret's versions with their dates, and no value
// (ListSecretVersionIds).
type VersionReader func(ctx context.Context, r topology.Region, name topology.Name) ([]topology.DatedVersion, error)

// oneWriter refuses to change anything while a secret has two writers (G2):
// what is desired is then for a person to say. Fence is the way out.
func oneWriter(in planner.Input) error {
	split := planner.Doctor(in)
	if len(split) == 0 {
		return nil
	}
	return splitBrain(split, "nothing was changed")
}

// stillTwo: what a fence can't do is bring home what the second writer wrote.
func stillTwo(in planner.Input) error {
	split := planner.Doctor(in)
	if len(split) == 0 {
		return nil
	}
	found := splitBrain(split, "a fence does not bring back what was written")
	found.Hint = "find who writes to the second writer and stop it; then the commands above"
	return found
}

func splitBrain(split []planner.Diagnosis, consequence string) *SplitBrain {
	names := make([]string, len(split))
	for i := range split {
		names[i] = string(split[i].Secret)
	}
	return &SplitBrain{
		Message: fmt.Sprintf("two writers of %s; %s", strings.Join(firstOf(names, 5), ", "), consequence),
		Hint:    "understudy fence pays what is owed to an old primary; understudy drift shows both sides and what to do",
		Secrets: split,
	}
}

// histories reads the versions, with their dates, of secrets that seem to have
// two writers: no listing of secrets tells when a version was written, and the
// date of the last change is the fence's own. Only those secrets are asked
// about, in regions that answered, for as long as policies may take. What is not
// told stays as it seems.
func (env Env) histories(ctx context.Context, in planner.Input) planner.Input {
	split := planner.Doctor(in)
	if env.Versions == nil || len(split) == 0 {
		return in
	}
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	in.Histories = map[topology.Region]map[topology.Name]planner.History{}
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(16)
	for i := range split {
		name := split[i].Secret
		for _, side := range split[i].Sides {
			work.Go(func() error {
				list, err := env.Versions(ctx, side.Region, name)
				mu.Lock()
				defer mu.Unlock()
				if in.Histories[side.Region] == nil {
					in.Histories[side.Region] = map[topology.Name]planner.History{}
				}
				in.Histories[side.Region][name] = planner.History{Versions: list, Unread: unreadCause(err)}
				return nil
			})
		}
	}
	_ = work.Wait() // what failed is in the histories
	return in
}
