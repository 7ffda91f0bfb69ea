package runbooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// marker is in every secret value that a schedule's fleet begins with and
// that its applications write.
const marker = "never-shown-7Zq"

// A performance is one schedule being played.
type performance struct {
	*stage
	script   []string
	tampered map[string]bool // secrets that outsiders did things to which we would not
	rotating map[string]bool // as the fleet began
	vain     map[string]bool // regions that the operator found cannot be rescued from
	knots    int             // how often all that failed was what others had tied
	puts     int
	judged   int      // mutating calls when quiet was last asserted
	said     []string // all that commands returned
	trace    []string // what happened, for people
	verbose  bool
}

// play performs a script and returns what it broke. A script is lines of
// words, see do.
func play(t *testing.T, script []string, verbose bool) (*performance, []violation) {
	p := &performance{script: script, tampered: map[string]bool{}, rotating: map[string]bool{}, vain: map[string]bool{}, verbose: verbose}
	p.stage = newStage(t, strings.Fields(script[0]), p.rotating)
	defer p.abandon()
	for _, line := range script[1:] {
		p.tell("%s", line)
		p.do(strings.Fields(line))
		synctest.Wait() // what this set off at this very moment comes before the next line
		p.witness.versions()
		p.quiet()
	}
	p.join()
	p.quiet()
	p.tell("the chaos ends")
	p.epilogue()
	p.silence()
	return p, p.witness.failures
}

func (p *performance) tell(format string, args ...any) {
	if p.verbose {
		p.trace = append(p.trace, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// do does one line:
//
//	wait 300ms | join                         virtual time; join: until all commands have ended
//	REGION STATE [SERVICE]                    as in the simulator's control
//	lag REGION 10m
//	fault KIND OPERATION REGION COUNT [CODE or DELAY] | clear
//	put SECRET                                as an application, where it believes the primary to be
//	rogue put|rotate|cancel|promote|drop SECRET REGION    an outsider
//	A|B COMMAND [WORDS] [dies line|call N before|after]   a controller
//	kill|stop|freeze|thaw A|B                 kill -9, the first Ctrl-C, SIGSTOP, SIGCONT
func (p *performance) do(words []string) {
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		p.must(err)
		time.Sleep(d)
	case "join":
		p.join()
	case "lag":
		d, err := time.ParseDuration(words[2])
		p.must(err)
		p.must(p.sim.SetRegion(words[1], sim.RegionState{Lag: sim.Duration(d)}))
	case "clear":
		p.sim.ClearFaults()
	case "fault":
		p.fault(words[1:])
	case "put":
		p.put(words[1])
	case "rogue":
		p.rogue(words[1], words[2], words[3])
	case "kill", "stop", "freeze", "thaw":
		p.signal(words[0], p.controllers[words[1]])
	case "A", "B":
		p.command(p.controllers[words[0]], words[1:])
	default:
		s := sim.RegionState{State: words[1]}
		if len(words) > 2 {
			s.Services = words[2:]
		}
		p.must(p.sim.SetRegion(words[0], s))
	}
}

func (p *performance) must(err error) {
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *performance) fault(words []string) {
	n, err := strconv.Atoi(words[3])
	p.must(err)
	f := sim.Fault{Match: sim.FaultMatch{Operation: words[1], Region: words[2]}, Fault: words[0], Count: n}
	switch f.Fault {
	case sim.FaultError:
		f.Code = words[4]
	case sim.FaultDelay:
		d, err := time.ParseDuration(words[4])
		p.must(err)
		f.Delay = sim.Duration(d)
	}
	p.must(p.sim.AddFault(f))
}

// put writes a value where the application believes the primary to be: where
// the journal says.
func (p *performance) put(name string) {
	placement, err := executor.Placement(p.t.Context(), p.store)
	if err != nil {
		p.witness.broken("journal", "placement: %v", err)
		return
	}
	p.write(name, string(placement.Primary(topology.Name(name), p.desired.Primary)))
}

func (p *performance) write(name, region string) {
	p.puts++
	err := p.witness.outside(false, func() error {
		ctx, cancel := p.shielded()
		defer cancel()
		_, err := p.outsider(region).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &name, SecretString: aws.String(fmt.Sprintf(`{"username":"app","password":"%s-%d"}`, marker, p.puts)),
			ClientRequestToken: aws.String(p.token()),
		})
		return err
	})
	p.tell("  put %s in %s: %v", name, region, err)
}

// token is the id of the next version that is written: the SDK's own would be
// another in every replay.
func (p *performance) token() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", p.puts) }

// rogue is what somebody does by hand, or an infrastructure tool by itself.
func (p *performance) rogue(what, name, region string) {
	ctx, cancel := p.shielded()
	defer cancel()
	c := p.outsider(region)
	p.tampered[name] = true
	err := p.witness.outside(true, func() (err error) {
		switch what {
		case "put":
			p.puts++
			_, err = c.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &name, SecretString: aws.String(fmt.Sprintf(`{"username":"app","password":"%s-rogue-%d"}`, marker, p.puts)),
				ClientRequestToken: aws.String(p.token()),
			})
		case "rotate":
			_, err = c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
				SecretId: &name, RotationLambdaARN: aws.String(functionARN(region)), RotateImmediately: aws.Bool(false),
				RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
			})
		case "cancel":
			_, err = c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &name})
		case "promote":
			_, err = c.StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: &name})
		case "drop":
			p.witness.drops(name)
			_, err = p.outsider(string(p.desired.Primary)).RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{
				SecretId: &name, RemoveReplicaRegions: []string{region},
			})
		default:
			p.t.Fatalf("rogue %s", what)
		}
		return err
	})
	p.tell("  %v", err)
}

func functionARN(region string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:rotate-db"
}

func (p *performance) signal(what string, c *controller) {
	if !p.atWork(c) {
		return
	}
	switch what {
	case "kill":
		c.now.kill()
	case "stop":
		select {
		case <-c.now.stop:
		default:
			close(c.now.stop)
		}
	case "freeze":
		c.now.freeze()
	case "thaw":
		c.now.thaw()
	}
}

func (p *performance) atWork(c *controller) bool {
	if !c.busy {
		return false
	}
	select {
	case <-c.done:
		c.busy = false
	default:
	}
	return c.busy
}

// command starts a controller's command, unless it is busy.
func (p *performance) command(c *controller, words []string) {
	if p.atWork(c) {
		return
	}
	proc := p.start(c, strings.Join(words, " "))
	if i := slices.Index(words, "dies"); i >= 0 {
		n, err := strconv.Atoi(words[i+2])
		p.must(err)
		if words[i+1] == "line" {
			proc.dieAtLine = n
		} else {
			proc.dieAtCall = n
		}
		proc.dieAfter = words[i+3] == "after"
		words = words[:i]
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	proc.cancel = cancel
	done := c.done
	go func() {
		defer close(done)
		defer cancel()
		out, err := p.perform(ctx, proc, words)
		p.hear(proc, out, err)
	}()
}

// perform is what cmd/understudy does for a command.
func (p *performance) perform(ctx context.Context, proc *process, words []string) (any, error) {
	env, err := proc.env(ctx)
	if err != nil {
		return nil, err
	}
	switch words[0] {
	case "apply":
		return runbooks.Apply(ctx, env, runbooks.ApplyOptions{AllowRemove: true, AllowOverwrite: slices.Contains(words, "overwrite"), AllowReplicaGap: true})
	case "drift":
		return runbooks.Drift(ctx, env, runbooks.DriftOptions{})
	case "status":
		return runbooks.ReadStatus(ctx, env)
	case "fence":
		_, report, err := runbooks.Fence(ctx, env, runbooks.FenceOptions{})
		return report, err
	case "failover":
		return p.failover(ctx, env, proc, words)
	case "switchover":
		plan, report, err := runbooks.Switchover(ctx, env, runbooks.SwitchoverOptions{To: topology.Region(words[1])})
		return []any{plan, report}, err
	case "failback":
		return p.failback(ctx, env, words)
	case "rescue":
		plan, report, err := runbooks.Rescue(ctx, env, runbooks.RescueOptions{From: topology.Region(words[1])})
		return []any{plan, report}, err
	case "resume", "abort":
		id := p.unfinished() //nolint:contextcheck // the test asks, not the process
		if id == "" {
			return nil, nil
		}
		if words[0] == "resume" {
			return p.resume(ctx, env, proc, id)
		}
		return executor.New(executor.Options{Cloud: env.Cloud, Store: env.Store, Holder: env.Holder, Clock: env.Clock, Stop: env.Stop}).Abort(ctx, id)
	}
	p.t.Errorf("no command %q", words)
	return nil, nil
}

// failover asserts G4 around the runbook: given up as lost, the old primary
// gets no call at all.
func (p *performance) failover(ctx context.Context, env runbooks.Env, proc *process, words []string) (any, error) {
	o := runbooks.FailoverOptions{To: topology.Region(words[1]), PrimaryLost: slices.Contains(words, "lost")}
	if slices.Contains(words, "stale") {
		o.AcceptStale = 99
	}
	env.Confirm = func(_ context.Context, plan *planner.Plan) error { p.witness.accepts(plan); return nil }
	plan, report, err := runbooks.Failover(ctx, env, o)
	if o.PrimaryLost && report != nil {
		p.spared(proc, plan.From)
	}
	return []any{plan, report}, err
}

// spared asserts that a process made no call to regions.
func (p *performance) spared(proc *process, regions ...topology.Region) {
	for _, r := range regions {
		proc.mu.Lock()
		n := proc.total[string(r)]
		proc.mu.Unlock()
		if n > 0 {
			p.witness.broken("G4 called", "%s: %s: %d calls to the lost %s", proc.holder, proc.command, n, r)
		}
	}
}

// resume asserts G4 around the runbook, too: what was given up stays so.
func (p *performance) resume(ctx context.Context, env runbooks.Env, proc *process, id string) (any, error) {
	report, err := runbooks.Resume(ctx, env, id)
	spec, serr := executor.LoadSpec(p.t.Context(), p.store, id) //nolint:contextcheck // the test asks, not the process
	p.must(serr)
	p.spared(proc, spec.Skip...)
	return report, err
}

// failback says the operator's word about versions that only a copy about to
// be overwritten holds: rescue, give-up, or none.
func (p *performance) failback(ctx context.Context, env runbooks.Env, words []string) (any, error) {
	o := runbooks.FailbackOptions{To: topology.Region(words[1])}
	switch all := []topology.Name{planner.All}; {
	case slices.Contains(words, "rescue"):
		o.Rescue = all
	case slices.Contains(words, "give-up"):
		o.GiveUp = all
		env.Confirm = func(_ context.Context, plan *planner.Plan) error { p.witness.accepts(plan); return nil }
	}
	plan, report, err := runbooks.Failback(ctx, env, o)
	return []any{plan, report}, err
}

// unfinished is the newest run that can be resumed, "" if there is none.
func (p *performance) unfinished() string {
	runs, err := executor.Runs(p.t.Context(), p.store)
	if err != nil {
		p.witness.broken("journal", "runs: %v", err)
		return ""
	}
	for _, r := range slices.Backward(runs) {
		if r.State == executor.Running || r.State == executor.Halted {
			return r.ID
		}
	}
	return ""
}

// hear notes what a command came to.
func (p *performance) hear(proc *process, out any, err error) {
	text, jerr := json.Marshal(out)
	if jerr != nil {
		p.witness.broken("report", "%v", jerr)
	}
	p.witness.mu.Lock()
	defer p.witness.mu.Unlock()
	proc.over = true
	p.said = append(p.said, string(text), fmt.Sprint(err))
	if errors.Is(err, journal.ErrCorrupt) {
		p.witness.breakLocked("journal", "%s: %v", proc.command, err)
	}
	p.tell("  %s: %s: %v", proc.holder, proc.command, err)
	p.detail(out)
}

// journals are all runs' plans and journals, line by line, for people.
func (p *performance) journals(ctx context.Context) (lines []string) {
	for key, err := range p.store.List(ctx, "runs/", "") {
		p.must(err)
		lines = append(lines, key)
		if !strings.HasSuffix(key, "journal.jsonl") {
			doc, _, err := p.store.Get(ctx, key)
			p.must(err)
			lines = append(lines, "  "+string(doc))
			continue
		}
		for line, err := range p.store.ReadLog(ctx, key) {
			p.must(err)
			lines = append(lines, "  "+string(line))
		}
	}
	return lines
}

// detail tells people what a run did.
func (p *performance) detail(out any) {
	if list, ok := out.([]any); ok && len(list) == 2 {
		out = list[1]
	}
	r, ok := out.(*executor.Report)
	if !ok || r == nil {
		return
	}
	p.tell("    %s %s: %+v", r.ID, r.State, r.Steps)
	for _, f := range r.Failures {
		p.tell("    failed: %s", f.Message)
	}
	for _, d := range r.Owed {
		p.tell("    owed: %s %s%s in %s", d.Action, d.Secret, d.Alarm, d.Region)
	}
}
