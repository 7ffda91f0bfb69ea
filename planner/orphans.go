package planner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// RescueLabel is what the staging labels of rescued versions begin with; a
// number follows.
const RescueLabel = "UNDERSTUDY_RESCUED_"

// MostLabels is how many staging labels a secret may have on all versions
// together (AWS: Secrets Manager quotas).
const MostLabels = 20

// All, in Options.Rescue and Options.GiveUp, means every secret.
const All topology.Name = "*"

// decided says what the operator wants of a secret's orphans: a name goes
// before All, and to rescue before to give up.
func (o *Options) decided(n topology.Name) (rescue, giveUp bool) {
	for _, who := range []topology.Name{n, All} {
		switch {
		case slices.Contains(o.Rescue, who):
			return true, false
		case slices.Contains(o.GiveUp, who):
			return false, true
		}
	}
	return false, false
}

// An orphan is a version that the acting primary never held.
type orphan struct {
	region  topology.Region
	version topology.Version
}

// orphansOf are the versions of a copy that the acting primary neither holds
// nor held when it, or a primary before it, was promoted. One that was
// promoted and has lost its labels since was superseded there by rotation;
// AWS does not list versions without a label. One of which the primary may have
// no value counts.
func orphansOf(s *Standing, c *topology.Secret) []orphan {
	p := s.PrimarySecret()
	var list []orphan
	if c == nil || p == nil {
		return nil
	}
	empty := valueless(s.Move, c, p)
	for _, v := range c.Versions {
		if !s.Move.KnownEmpty(v) && (!holds(p, v.ID) && !s.Move.Promoted(v.ID) || slices.Contains(empty, v.ID)) {
			list = append(list, orphan{c.Region, v})
		}
	}
	slices.SortStableFunc(list, func(x, y orphan) int { return urgency(x) - urgency(y) })
	return list
}

// urgency puts what may be the password in use first.
func urgency(o orphan) int {
	for i, stage := range []string{topology.StageCurrent, topology.StagePending, topology.StagePrevious} {
		if slices.Contains(o.version.Stages, stage) {
			return i
		}
	}
	return 3
}

// settleOrphans plans what becomes of the versions that only a copy about to
// be replaced holds: rescued, given up, or, without a word, a refusal.
func (r *returning) settleOrphans() bool {
	var found []orphan
	empty := false
	for _, c := range r.others() {
		if c.Region != r.to && !r.wantedAfter(c.Region) || !standalone(c) && c.State != CopyStray {
			continue
		}
		empty = empty || len(valueless(r.s.Move, c.Secret, r.source)) > 0
		for _, o := range orphansOf(r.s, c.Secret) {
			if !slices.ContainsFunc(found, func(x orphan) bool { return x.version.ID == o.version.ID }) {
				found = append(found, o)
			}
		}
	}
	n := r.s.Secret
	rescue, giveUp := r.in.Options.decided(n)
	switch {
	case len(found) == 0:
		return true
	case rescue:
		ids, ok := r.rescue(r.s, r.g, found, r.ready)
		r.rescued = len(ids)
		r.ready = append(r.ready, ids...)
		r.riskOrphans(found, true)
		return ok
	case giveUp:
		var ids []string
		for _, x := range found {
			ids = append(ids, x.version.ID)
		}
		r.allow = append(r.allow, ids...)
		r.riskOrphans(found, false)
		r.note(Blocker{Code: "given-up", Secret: n, Region: r.to, Message: "given up: " + orphanWords(found)})
		return true
	}
	never := "never had it"
	if empty {
		never += ", or not its value: the rotation to it went on there"
	}
	r.block(Blocker{
		Code: "orphan-version", Secret: n, Region: found[0].region,
		Message: fmt.Sprintf("%s: %s %s", orphanWords(found), r.from, never),
		Fix:     fmt.Sprintf("understudy failback --to %s --rescue NAME copies such versions into %s, --give-up NAME loses them; all instead of a name is every secret", r.to, r.from),
	})
	return false
}

func (r *returning) givesUp() bool { return len(r.allow) > 0 }

// mayGo are the versions that an overwrite of a copy may destroy beside those
// which the source holds by then: what the acting primary holds or once was
// promoted with, and what was given up. What is to be rescued is not in it.
func (r *returning) mayGo(c *topology.Secret) []string {
	ids := VersionIDs(r.source)
	for _, v := range c.Versions {
		if r.s.Move.Promoted(v.ID) {
			ids = append(ids, v.ID)
		}
	}
	empty := valueless(r.s.Move, c, r.source)
	ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(empty, id) })
	for _, v := range c.Versions {
		if r.s.Move.KnownEmpty(v) {
			ids = append(ids, v.ID)
		}
	}
	ids = append(ids, r.allow...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// orphanWords lists versions with their labels and where they are.
func orphanWords(list []orphan) string {
	var words []string
	for _, o := range list[:min(len(list), 3)] {
		words = append(words, fmt.Sprintf("version %s (%s)", o.version.ID, strings.Join(o.version.Stages, ", ")))
	}
	if more := len(list) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ") + " only in " + string(list[0].region)
}

// rescue plans that versions are copied into the acting primary, one after
// the other, each under the next free label.
func (b *build) rescue(s *Standing, g *topology.Group, list []orphan, needs []string) (ids []string, ok bool) {
	p := s.PrimarySecret()
	next, used := labelsOf(p)
	if used+len(list) > MostLabels {
		b.block(Blocker{
			Code: "label-limit", Secret: s.Secret, Region: s.Primary,
			Message: fmt.Sprintf("%s to rescue, and %d of the %d staging labels that AWS allows are taken", count(len(list), "version"), used, MostLabels),
			Fix:     "take labels that are not needed off its versions (aws secretsmanager update-secret-version-stage), or give versions up",
		})
		return nil, false
	}
	for _, o := range list {
		label := RescueLabel + strconv.Itoa(next)
		next++
		step := Step{
			Action: RescueVersion, Secret: s.Secret, Region: s.Primary, Group: g.Name, Tier: g.Priority, Phase: PhaseRescue,
			Needs:  slices.Clone(append(slices.Clone(needs), ids...)),
			Params: Params{From: o.region, Version: o.version.ID, Label: label},
			Expect: Expect{ARN: p.ARN},
			Before: "only in " + string(o.region) + ", as " + strings.Join(o.version.Stages, ", "),
			After:  "also in " + string(s.Primary) + ", as " + label,
			Reason: string(s.Primary) + " never had version " + o.version.ID,
		}
		ids = append(ids, b.add(rankRescue, step))
	}
	return ids, true
}

// PhaseRescue is the part in which versions are copied.
const PhaseRescue = "rescue"

// labelsOf are the number of the next free rescue label, and how many labels
// are taken; the three that AWS moves itself always count.
func labelsOf(p *topology.Secret) (next, used int) {
	next, used = 1, 3
	for _, v := range p.Versions {
		for _, stage := range v.Stages {
			switch stage {
			case topology.StageCurrent, topology.StagePending, topology.StagePrevious:
				continue
			}
			used++
			if n, err := strconv.Atoi(strings.TrimPrefix(stage, RescueLabel)); err == nil && strings.HasPrefix(stage, RescueLabel) {
				next = max(next, n+1)
			}
		}
	}
	return next, used
}

// Rescue plans that the versions which only Options.From holds are copied
// into each secret's acting primary, under labels of their own. It changes
// nothing else: AWSCURRENT stays where it is. Secrets of which From holds
// nothing of its own have no step.
func Rescue(in Input) *Plan {
	b := newBuild(&in, "rescue")
	b.plan.From = in.Options.From
	if v := b.view(in.Options.From); v.Dark != "" {
		b.block(Blocker{Code: "region-dark", Region: in.Options.From, Fatal: true,
			Message: string(in.Options.From) + " " + b.darkWords(in.Options.From), Fix: "wait for it; nothing can be copied from it before"})
		return b.finish()
	}
	b.each(b.rescueOne)
	if len(b.steps) == 0 && len(b.plan.Blockers) == 0 {
		b.note(Blocker{Code: "nothing-to-rescue", Region: in.Options.From,
			Message: string(in.Options.From) + " holds no version that the acting primaries never had"})
	}
	return b.finish()
}

func (b *build) rescueOne(s *Standing) {
	from := b.in.Options.From
	g := b.concern(s)
	if g == nil || s.Primary == from {
		return
	}
	c := s.Copy(from)
	if !standalone(&c) && c.State != CopyStray {
		return
	}
	found := orphansOf(s, c.Secret)
	switch {
	case len(found) == 0:
		return
	case s.Copy(s.Primary).State != CopyPrimary:
		b.block(Blocker{Code: "no-primary", Secret: s.Secret, Region: s.Primary,
			Message: fmt.Sprintf("%s: its acting primary %s can't be written (%s)", orphanWords(found), s.Primary, s.Copy(s.Primary).State), Fix: "understudy status"})
		return
	}
	b.rescue(s, g, found, nil)
}
