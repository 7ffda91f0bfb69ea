package runbooks_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// failback to REGION [--dry-run] [--rescue NAME|*]… [--give-up NAME|*]…
func (p *player) failback(to topology.Region, flags []string) {
	p.t.Helper()
	o := runbooks.FailbackOptions{To: to, DryRun: slices.Contains(flags, "--dry-run")}
	for i, f := range flags {
		switch f {
		case "--rescue":
			o.Rescue = append(o.Rescue, topology.Name(flags[i+1]))
		case "--give-up":
			o.GiveUp = append(o.GiveUp, topology.Name(flags[i+1]))
		}
	}
	ctx, env, done := p.program()
	defer done()
	plan, report, err := runbooks.Failback(ctx, env, o)
	if ctx.Err() != nil {
		p.printf("died")
		return
	}
	if plan != nil && (o.DryRun && err == nil || report != nil) {
		p.steps(plan)
		for _, b := range tally(plan.Notes, func(b planner.Blocker) string { return b.Code + " " + string(b.Region) }) {
			p.printf("note: %s", b)
		}
	}
	if report == nil && plan != nil {
		p.atRisk("failback", plan.LoginRisks)
	}
	p.run(report, err)
}

// labelled are the versions that carry a label anywhere, as held names them:
// one without is AWS's to delete (UpdateSecretVersionStage), and rotation
// makes many. Nor does one count which the acting primary was promoted with
// and has superseded since: only an old primary labels it still. What a
// failback was told to give up does not count either.
func (p *player) labelled(words []string) map[string]bool {
	p.t.Helper()
	placement := p.placement()
	gone, out := p.givenUp(words), map[string]bool{}
	state := p.sim.State()
	for region, resources := range state.Accounts[account] {
		for name, s := range resources.Secrets {
			move, moved := placement.Acting[topology.Name(name)]
			acting, _ := state.Secret(account, string(move.To), name)
			for id, v := range s.Versions {
				there, known := acting.Versions[id]
				superseded := moved && region != string(move.To) && move.Promoted(id) && len(there.Stages) == 0 &&
					(!known || there.Value == v.Value)
				if len(v.Stages) > 0 && v.Value != "" && !gone[name] && !superseded {
					out[name+" "+id+" "+v.Value] = true
				}
			}
		}
	}
	return out
}

func (p *player) givenUp(words []string) map[string]bool {
	out := map[string]bool{}
	for i, w := range words[:max(len(words)-1, 0)] {
		if w == "--give-up" {
			out[words[i+1]] = true
		}
	}
	return out
}

// inspect is what applications, and the database behind the secrets, see.
func (p *player) inspect(words []string) {
	p.t.Helper()
	switch words[0] {
	case "label": // label NAME on SECRET in REGION: a new version under a label of one's own
		_, err := p.app(topology.Region(words[5])).PutSecretValue(p.t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: &words[3], SecretString: aws.String("labelled"), VersionStages: []string{words[1]},
		})
		p.said("", err)
	case "unlabel": // unlabel LABEL of SECRET in REGION
		s, _ := p.sim.State().Secret(account, words[5], words[3])
		for id, v := range s.Versions {
			if slices.Contains(v.Stages, words[1]) {
				_, err := p.app(topology.Region(words[5])).UpdateSecretVersionStage(p.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
					SecretId: &words[3], VersionStage: &words[1], RemoveFromVersionId: &id,
				})
				p.said("", err)
			}
		}
	case "move": // move LABEL to LABEL of SECRET in REGION: to the version that has the other one
		s, _ := p.sim.State().Secret(account, words[7], words[5])
		in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &words[5], VersionStage: &words[1]}
		for id, v := range s.Versions {
			if slices.Contains(v.Stages, words[1]) {
				in.RemoveFromVersionId = &id
			}
			if slices.Contains(v.Stages, words[3]) {
				in.MoveToVersionId = &id
			}
		}
		_, err := p.app(topology.Region(words[7])).UpdateSecretVersionStage(p.t.Context(), in)
		p.said("", err)
	case "login": // login with SECRET in REGION
		works, err := p.sim.LoginWorks(account, words[4], words[2])
		p.said(map[bool]string{true: "works", false: "fails"}[works], err)
	case "logins": // logins in REGION: of all secrets
		works := 0
		all := p.sim.Logins()[words[2]]
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if l := all[name]; l.Works {
				works++
			} else {
				p.printf("%s fails %s", name, l.Error)
			}
		}
		p.printf("%d of %d log in", works, len(all))
	case "versions": // versions of SECRET in REGION: their labels
		s, ok := p.sim.State().Secret(account, words[4], words[2])
		if !ok {
			p.printf("no such secret")
			return
		}
		var lines []string
		for _, v := range s.Versions {
			if len(v.Stages) > 0 {
				lines = append(lines, strings.Join(slices.Sorted(slices.Values(v.Stages)), " "))
			}
		}
		slices.Sort(lines)
		p.printf("%s", strings.Join(lines, " | "))
	case "acting": // acting primaries, by the journal
		placement, err := executor.Placement(p.t.Context(), p.store)
		p.said("", err)
		count := map[topology.Region]int{}
		for _, m := range placement.Acting {
			count[m.To]++
		}
		for _, r := range slices.Sorted(maps.Keys(count)) {
			p.printf("%d in %s, %d owed", count[r], r, len(placement.Owed))
		}
	}
}
