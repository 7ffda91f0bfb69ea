package runbooks_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// setting changes what is there before, or behind the back of, the runbooks.
// It reports whether it knows the word.
func (p *player) setting(words []string) bool {
	p.t.Helper()
	switch ctx := p.t.Context(); words[0] {
	case "create": // create SECRET in REGION: a standalone one of that name
		_, err := p.app(topology.Region(words[3])).CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &words[1], SecretString: aws.String("a stranger's"),
		})
		p.said("", err)
	case "delete": // delete SECRET in REGION: in a month
		_, err := p.app(topology.Region(words[3])).DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &words[1]})
		p.said("", err)
	case "restore": // restore SECRET in REGION
		_, err := p.app(topology.Region(words[3])).RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &words[1]})
		p.said("", err)
	case "unreplicate": // unreplicate SECRET from REGION to REGION
		_, err := p.app(topology.Region(words[3])).RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
			SecretId: &words[1], RemoveReplicaRegions: []string{words[5]},
		})
		p.said("", err)
	case "standbys": // standbys REGION…
		p.standbys(words[1:])
	case "group": // group NAME of PATTERN…: they leave the group that they were in
		g := p.env.Desired.Groups[0]
		g.Name, g.Selector = words[1], topology.Selector{Match: words[3:]}
		p.env.Desired.Groups = slices.Insert(p.env.Desired.Groups, 0, g)
	case "only": // only PATTERN…: the configuration has nothing else
		p.env.Desired.Groups[0].Selector = topology.Selector{Match: words[1:]}
	case "slow": // slow OPERATION DURATION: each takes so long
		d, err := time.ParseDuration(words[2])
		p.said("", err)
		p.said("", p.sim.AddFault(sim.Fault{Match: sim.FaultMatch{Operation: words[1]}, Fault: sim.FaultDelay, Delay: sim.Duration(d)}))
	case "later": // later DURATION REGION STATE: in the middle of the next runbook
		d, err := time.ParseDuration(words[1])
		p.said("", err)
		p.flips.ahead.Add(1)
		time.AfterFunc(d, func() { p.flip(words[2], words[3]) })
	case "key-policy": // key-policy of ALIAS in REGION via REGION, or … from ENDPOINT
		p.keyPolicy(words[2], words[4], words[5], words[6])
	case "about-keys": // what drift finds of them
		p.aboutKeys()
	case "dies": // dies before|after N: the next planned move's program, around its N-th call that freezes or promotes
		n, err := strconv.Atoi(words[2])
		p.said("", err)
		p.dying = &diesAt{Cloud: p.env.Cloud, after: words[1] == "after"}
		p.dying.call.Store(int64(n))
	case "remember": // everything but values, schedules' next dates as well
		p.past = p.settings()
	case "compare": // with what was remembered
		p.compare()
	case "skipped": // skipped by apply; skipped by failover to REGION
		p.skipped(words[2:])
	default:
		return false
	}
	return true
}

// flips are the changes of a region's state that come in the middle of a
// runbook.
type flips struct {
	running atomic.Bool
	ahead   atomic.Int32
	mu      sync.Mutex
	seen    []string
}

func (p *player) flip(region, state string) {
	if !p.flips.running.Load() {
		p.t.Errorf("%s turned %s when no runbook was at work", region, state)
	}
	if err := p.sim.SetRegion(region, sim.RegionState{State: state}); err != nil {
		p.t.Error(err)
	}
	standing := map[string]int{}
	for at, resources := range p.sim.State().Accounts[account] {
		for _, s := range resources.Secrets {
			if at != region && s.Primary != region {
				standing[at]++
			}
		}
	}
	p.flips.mu.Lock()
	defer p.flips.mu.Unlock()
	p.flips.seen = append(p.flips.seen, fmt.Sprintf("%s %s, promoted by then: %v", region, state, standing))
	p.flips.ahead.Add(-1)
}

// standbys are regions of which only the example's have keys and functions of
// their own.
func (p *player) standbys(names []string) {
	var list []topology.Region
	for _, name := range names {
		list = append(list, topology.Region(name))
	}
	p.env.Desired.Standby = list
	for i := range p.env.Desired.Groups {
		p.env.Desired.Groups[i].Replicas = list
	}
}

func (p *player) skipped(by []string) {
	var plan *planner.Plan
	var err error
	if by[0] == "apply" {
		plan, err = runbooks.Plan(p.t.Context(), p.env)
	} else {
		plan, _, err = runbooks.Failover(p.t.Context(), p.env, runbooks.FailoverOptions{To: topology.Region(by[2]), DryRun: true})
	}
	p.refusal(err)
	for _, s := range plan.Skipped {
		p.printf("%s: %s", s.Secret, s.Reason)
	}
}

func (p *player) compare() {
	if now := p.settings(); now != p.past {
		p.printf("not as it was: %s", firstDifference(p.past, now))
		return
	}
	p.printf("as it was")
}

// flipped prints the changes that came in the middle of a runbook.
func (p *player) flipped() {
	p.flips.mu.Lock()
	defer p.flips.mu.Unlock()
	for _, line := range p.flips.seen {
		p.printf("%s", line)
	}
	p.flips.seen = nil
}

// managed is the state of every managed secret, in every region. By their
// names: no other secret's may hold a "!", and a replica need not tell its owner.
func (p *player) managed() string {
	all := map[string]any{}
	for region, resources := range p.sim.State().Accounts[account] {
		for name, s := range resources.Secrets {
			if strings.Contains(name, "!") {
				all[region+" "+name] = s
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}
