package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// returned plans that a way home which was made without us, say by the script
// of --as aws-cli, gets into the journal: the region that we had promoted
// follows home again. Nothing but the promotion, which is found done, and the
// fence, which is out of force, is recorded, and only once a fresh look shows
// that it is so: lists lag by minutes (AWS: ListSecrets), and right after a
// failover they show its target as the replica that it was. Whoever replicated over the
// promoted secret leaves the same picture behind; so it is refused where a
// version is gone that the recovery snapshot knows of there. It reports
// whether that is how the secret stands.
func (f *failback) returned(s *Standing, g *topology.Group, home *Copy) bool {
	left := s.Copy(s.Move.To)
	if !s.Overwritten || left.State != CopyReplica {
		return false
	}
	before, _ := f.in.Recovery.Secret(s.Move.To, s.Secret)
	if before.Writable() {
		gone := slices.DeleteFunc(Lacking(before, home.Secret), s.Move.Promoted)
		if len(gone) > 0 {
			f.block(Blocker{
				Code: "promoted-became-replica", Secret: s.Secret, Region: s.Move.To,
				Message: fmt.Sprintf("%s follows %s again, which never had version %s of it", s.Move.To, f.to, strings.Join(gone, ", ")),
				Fix:     "understudy drift says what can be done",
			})
			return true
		}
	}
	f.comesFrom(s.Move.To)
	needs := []string{f.add(rankEqual, Step{
		Action: AwaitEqual, Secret: s.Secret, Region: f.to, Group: g.Name, Tier: g.Priority, Phase: PhaseEquality,
		Params: Params{From: f.to, Regions: []topology.Region{s.Move.To}, WindowSeconds: f.in.Options.Window.Seconds()},
		Before: string(s.Move.To) + " is listed as its replica", After: string(s.Move.To) + " is its replica, and holds the same versions",
		Reason: "lists lag: only a look in " + string(s.Move.To) + " tells",
	})}
	if id := f.unfence(s.Secret, g, f.to, needs...); id != "" {
		needs = append(needs, id)
	}
	f.add(rankPromote, Step{
		Action: Promote, Secret: s.Secret, Region: f.to, Group: g.Name, Tier: g.Priority, Phase: PhasePromote,
		Needs: needs, Params: Params{From: s.Move.To}, Expect: Expect{ARN: home.Secret.ARN},
		Before: "standalone already, and " + string(s.Move.To) + " follows it", After: "the primary",
		Reason: "made without understudy: records the move",
	})
	return true
}
