package runbooks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// ReadStatus is the matrix of secrets and regions as they are now. It changes
// nothing, in AWS or in the store.
func ReadStatus(ctx context.Context, env Env) (*Status, error) {
	in, err := env.look(ctx, planner.Options{})
	if err != nil {
		return nil, err
	}
	st := &Status{
		Schema: "understudy/status/v1", Home: env.Desired.Primary, Regions: env.Desired.Regions(),
		Secrets: []SecretStatus{}, Owed: in.Placement.Owed, Dark: []Dark{},
		Damaged: in.Placement.Damaged,
	}
	if st.Owed == nil {
		st.Owed = []topology.Debt{}
	}
	if st.Unfinished, err = env.unfinished(ctx); err != nil {
		return nil, err
	}
	for _, r := range st.Regions {
		if v := in.Observed.View(r); v.Dark != "" {
			st.Dark = append(st.Dark, Dark{r, v.Dark, v.Detail})
		}
	}
	st.rows(in)
	if in.Recovery != nil {
		st.SnapshotTaken = &in.Recovery.Taken
	}
	report, err := env.check(ctx, in)
	if err != nil {
		return nil, err
	}
	st.SplitBrain = report.SplitBrain
	st.UnprotectedSince = unprotectedSince(report)
	st.LastRehearsal, err = env.lastRehearsal(ctx)
	return st, err
}

// rows fills in one row for each secret of a group, and the acting primary
// of most of them.
func (st *Status) rows(in planner.Input) {
	count := map[topology.Region]int{}
	resolver := in.Resolver()
	var s planner.Standing
	for _, n := range resolver.Names() {
		resolver.Resolve(n, &s)
		known := knownCopy(in, &s)
		if known == nil || known.Managed() {
			continue
		}
		group := in.Desired.GroupOf(n, known.Tags)
		if group == nil {
			continue
		}
		row := SecretStatus{Name: n, Group: group.Name, Primary: s.Primary, Regions: map[topology.Region]CopyStatus{}}
		for i := range s.Copies {
			c := &s.Copies[i]
			row.Regions[c.Region] = cell(&s, c)
		}
		st.Secrets = append(st.Secrets, row)
		count[s.Primary]++
	}
	st.Primary = st.Home
	for _, r := range slices.Sorted(maps.Keys(count)) {
		if count[r] > count[st.Primary] {
			st.Primary = r
		}
	}
}

// knownCopy is any copy of a secret that tells what it is, the acting
// primary's first.
func knownCopy(in planner.Input, s *planner.Standing) *topology.Secret {
	known := s.PrimarySecret()
	for i := range s.Copies {
		known = cmp.Or(known, s.Copies[i].Secret)
	}
	for _, r := range in.Desired.Regions() {
		before, _ := in.Recovery.Secret(r, s.Secret)
		known = cmp.Or(known, before)
	}
	return known
}

// cell describes one copy.
func cell(s *planner.Standing, c *planner.Copy) CopyStatus {
	out := CopyStatus{Role: roleOf(s, c), VersionsBehind: -1}
	p := s.PrimarySecret()
	if c.Secret != nil {
		out.Key = cmp.Or(c.Secret.KmsKeyID, topology.DefaultKey)
		if p != nil {
			out.VersionsBehind = len(planner.Lacking(p, c.Secret))
		}
	}
	switch {
	case c.State == planner.CopyPrimary && !s.SplitBrain():
	case s.Overwritten && c.Region == s.Move.To:
		out.Status = Overwritten
	case c.State == planner.CopyReplica && c.Listed && c.Entry.Status != topology.InSync:
		out.Status = c.Entry.Status
	case c.State == planner.CopyReplica && out.VersionsBehind > 0:
		out.Status = "stale"
	case c.State == planner.CopyReplica:
		out.Status = topology.InSync
	case c.State == planner.CopyAbsent && c.Listed:
		out.Status = c.Entry.Status
	case c.State == planner.CopyAbsent, c.State == planner.CopyUnknown, c.State == planner.CopyPrimary:
	default:
		out.Status = string(c.State)
	}
	return out
}

// roleOf tells the acting primary from every other copy that can be written,
// whatever PrimaryRegion AWS still shows there.
func roleOf(s *planner.Standing, c *planner.Copy) topology.Role {
	switch {
	case c.State == planner.CopyUnknown, c.State == planner.CopyAwaitingFence:
		return topology.RoleUnknown
	case c.Secret == nil:
		return topology.RoleAbsent
	case c.Secret.Role() == topology.RoleReplica:
		return topology.RoleReplica
	case c.Region == s.Primary:
		return topology.RolePrimary
	}
	return topology.RoleStandalone
}

func unprotectedSince(report *drift.Report) *time.Time {
	var since *time.Time
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.Code == drift.CodeUnprotected && (since == nil || f.FirstSeen.Before(*since)) {
			since = &f.FirstSeen
		}
	}
	return since
}

func (env Env) lastRehearsal(ctx context.Context) (*time.Time, error) {
	data, err := env.document(ctx, lastRehearsalKey)
	if err != nil || data == nil {
		return nil, err
	}
	var last struct {
		Phases []RehearsalPhase `json:"phases"`
	}
	if err := json.Unmarshal(data, &last); err != nil {
		env.warn(fmt.Sprintf("%s cannot be read: %v. When the last rehearsal was is not known; the next one writes it anew", journal.Locate(env.Store, lastRehearsalKey), err))
		return nil, nil
	}
	if len(last.Phases) == 0 {
		return nil, nil
	}
	return &last.Phases[0].Start, nil
}
