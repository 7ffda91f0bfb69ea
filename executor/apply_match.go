package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// copyLabel is on a copied version until it gets the labels it has at the
// source: a version without any is AWS's to delete.
const copyLabel = "UNDERSTUDY_COPY"

// matchVersions makes a writable copy hold the labelled versions of
// Params.From under the same labels, one call at a time, each decided by a
// fresh look, so that it can be stopped anywhere. What is labelled there and
// neither at the source nor in Expect.Versions would be lost with its label,
// and refuses the step (G1). No version is deleted.
func (a *actions) matchVersions(s *planner.Step) operation {
	return operation{first: "PutSecretValue", look: func(ctx context.Context, _ *progress) (sight, error) {
		p, err := a.secret(ctx, s.Params.From, s.Secret)
		switch {
		case err != nil:
			return sight{}, err
		case !p.Writable():
			return sight{}, stale("%s has no copy that can be written (%s)", s.Params.From, p.Role())
		case p.RotationInFlight():
			return sight{waiting: "a rotation is under way: AWSPENDING is on version " + p.Stage(topology.StagePending)}, nil
		}
		c, err := a.secret(ctx, s.Region, s.Secret)
		switch {
		case err != nil:
			return sight{}, err
		case !c.Writable():
			return sight{}, stale("the copy in %s takes no version (%s)", s.Region, c.Role())
		}
		rest := s.Expect
		rest.Versions = nil
		if err := expect(rest, c); err != nil {
			return sight{}, err
		}
		if lost := versionsBeyond(c, append(versionIDs(p), s.Expect.Versions...)); len(lost) > 0 {
			return sight{}, stale("%s holds versions that %s does not have: %s", s.Region, s.Params.From, strings.Join(lost, ", "))
		}
		if next := a.nextMatch(s, p, c); next != nil {
			return sight{call: next, waiting: "the change of a label is not shown yet"}, nil
		}
		return sight{done: true, note: fmt.Sprintf("holds the %d versions of %s", len(p.Versions), s.Params.From)}, nil
	}}
}

// nextMatch is the next call that brings c closer to p, nil if they are equal.
// AWSPREVIOUS goes first as AWSCURRENT, so that AWS itself moves it on when
// AWSCURRENT gets its place.
func (a *actions) nextMatch(s *planner.Step, p, c *topology.Secret) *call {
	if labelCount(c) >= planner.MostLabels { // one more is needed, to copy or to move on
		if next := a.dropOne(s, p, c, copyLabel); next != nil {
			return next
		}
	}
	for _, v := range inOrder(p) {
		if !slices.Contains(versionIDs(c), v.ID) {
			if on := c.Stage(copyLabel); on != "" && len(labelsOn(c, on)) > 1 { // a label on another version is not moved by a copy
				return a.dropLabel(s, copyLabel, on)
			}
			return a.copyVersion(s, v.ID)
		}
		for _, label := range v.Stages {
			if next := a.nextLabel(s, p, c, label, v.ID); next != nil {
				return next
			}
		}
	}
	return a.dropOne(s, p, c, "")
}

// dropOne takes off a label that the source does not have and that is not to
// be kept, nil if there is none.
func (a *actions) dropOne(s *planner.Step, p, c *topology.Secret, keep string) *call {
	for _, v := range c.Versions {
		for _, label := range v.Stages {
			if p.Stage(label) == "" && label != topology.StageCurrent && label != keep {
				return a.dropLabel(s, label, v.ID)
			}
		}
	}
	return nil
}

func labelCount(c *topology.Secret) int {
	n := 0
	for _, v := range c.Versions {
		n += len(v.Stages)
	}
	return n
}

// nextLabel is the call that brings a label to its version, nil if it is there.
func (a *actions) nextLabel(s *planner.Step, p, c *topology.Secret, label, id string) *call {
	current := p.Stage(topology.StageCurrent)
	switch on := c.Stage(label); {
	case on == id:
		return nil
	case label == topology.StagePrevious && c.Stage(topology.StageCurrent) == id:
		return nil // it comes with AWSCURRENT
	case label == topology.StagePrevious && c.Stage(topology.StageCurrent) != current:
		return a.moveLabel(s, topology.StageCurrent, c.Stage(topology.StageCurrent), id)
	default:
		return a.moveLabel(s, label, on, id)
	}
}

// inOrder: the version with AWSPREVIOUS last but one, that with AWSCURRENT last.
func inOrder(p *topology.Secret) []topology.Version {
	rank := func(v topology.Version) int {
		switch {
		case slices.Contains(v.Stages, topology.StageCurrent):
			return 2
		case slices.Contains(v.Stages, topology.StagePrevious):
			return 1
		}
		return 0
	}
	list := slices.Clone(p.Versions)
	slices.SortStableFunc(list, func(x, y topology.Version) int { return rank(x) - rank(y) })
	return list
}

// labelsOn are the labels of one version; none where there is no copy.
func labelsOn(c *topology.Secret, id string) []string {
	if c == nil {
		return nil
	}
	for _, v := range c.Versions {
		if v.ID == id {
			return v.Stages
		}
	}
	return nil
}

func (a *actions) copyVersion(s *planner.Step, id string) *call {
	return &call{"PutSecretValue " + id, func(ctx context.Context) error {
		return a.cloud.CopyVersion(ctx, s.Secret, s.Params.From, id, s.Region, copyLabel)
	}}
}

func (a *actions) moveLabel(s *planner.Step, label, from, to string) *call {
	return &call{"UpdateSecretVersionStage " + label + " to " + to, func(ctx context.Context) error {
		return a.cloud.MoveStage(ctx, s.Region, s.Secret, label, from, to)
	}}
}

func (a *actions) dropLabel(s *planner.Step, label, from string) *call {
	return &call{"UpdateSecretVersionStage " + label + " off " + from, func(ctx context.Context) error {
		return a.cloud.RemoveStage(ctx, s.Region, s.Secret, label, from)
	}}
}
