package runbooks_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	reports "github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
	"github.com/understudy-dr/understudy/runbooks"
)

// A player carries out a scenario's commands.
type player struct {
	*world
	out     strings.Builder
	saved   *planner.Plan
	readers *readers
	lease   *journal.Lease
	logins  *logins
	down    map[topology.Region]int // by lost region: what its probes may cost, in reads
	flips   flips
	dying   *diesAt // the next planned move's cloud
	past    string  // the world as it was at "remember"
}

// probes are how many reads a failover may make of a region in a state in which
// it is lost. One that throttles does answer, and is asked for the whole time
// of a probe.
var probes = map[string]int{sim.RegionRefuse: 4, sim.RegionHang: 4, sim.RegionUnavailable: 4, sim.RegionThrottle: 8}

func (p *player) printf(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// flush returns what was printed since the last flush, ids masked: the runs'
// numbers are told, the rest of an id is not.
func (p *player) flush() string {
	s := p.out.String()
	p.out.Reset()
	s = regexp.MustCompile(`\b(r\d+)-[0-9a-f]{4}\b`).ReplaceAllString(s, "$1")
	s = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`).ReplaceAllString(s, "VERSION")
	s = regexp.MustCompile(`\bplan [0-9a-f]{12}\b`).ReplaceAllString(s, "plan ID")
	return regexp.MustCompile(`2000-0\d-\d\d[T ][0-9:]+Z`).ReplaceAllString(s, "TIME")
}

func (p *player) end() {
	if p.readers != nil {
		p.readers.stop()
	}
	if p.lease != nil {
		_ = p.lease.Release(p.t.Context())
	}
	p.judgeLogins()
	if left := p.flush(); left != "" {
		p.t.Errorf("printed and not expected:\n%s", left)
	}
}

// do carries out one line.
func (p *player) do(line string) {
	p.t.Helper()
	words := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "logins fail: "), strings.HasPrefix(line, "logins work: "):
		p.declare(line)
	case !isCommand(words[0]):
		if !p.setting(words) {
			p.stagehand(words)
		}
	default:
		p.guarded(words)
	}
}

// isCommand reports whether a word stands for a runbook.
func isCommand(word string) bool {
	switch word {
	case "abort", "apply", "doctor", "drift", "failback", "failover", "fence", "plan", "rescue", "resume", "save-plan", "status", "switchover":
		return true
	}
	return false
}

// guarded is a runbook's command, with the guarantees asserted around it.
func (p *player) guarded(words []string) {
	p.t.Helper()
	placed := p.placement()
	p.placed = &placed
	before, writers, managed := p.labelled(words), p.writers(), p.managed()
	p.beginLogins(words)
	p.flips.running.Store(true)
	p.placed = nil
	p.command(words)
	p.flips.running.Store(false)
	placed = p.placement()
	p.placed = &placed
	defer func() { p.placed = nil }()
	p.endLogins()
	p.flipped()
	p.nothingLost(before)
	p.oneWriterBut(writers)
	if now := p.managed(); now != managed {
		p.t.Errorf("a managed secret was touched: %s, and before: %s", now, managed)
	}
	if p.flips.ahead.Load() != 0 {
		p.t.Errorf("%s was over before all regions had flipped", strings.Join(words, " "))
	}
}

func (p *player) command(words []string) {
	p.t.Helper()
	flags := words[1:]
	switch words[0] {
	case "plan":
		p.plan()
	case "save-plan":
		p.saved, _ = runbooks.Plan(p.t.Context(), p.env)
	case "apply":
		p.apply(flags)
	case "drift":
		p.drift(flags)
	case "status":
		p.status()
	case "failover": // failover to REGION …
		p.failover(topology.Region(words[2]), words[3:])
	case "switchover": // switchover to REGION …
		p.switchover(topology.Region(words[2]), words[3:])
	case "doctor": // drift, of what it says about two writers
		report, err := runbooks.Drift(p.t.Context(), p.env, runbooks.DriftOptions{})
		p.refusal(err)
		for _, f := range report.Findings {
			p.logins.tell("drift", f.Code, f.Secret)
		}
		p.printf("%s", report.Verdict)
		for _, line := range reports.DoctorLines(slices.DeleteFunc(report.SplitBrain, func(d planner.Diagnosis) bool {
			return len(words) > 1 && string(d.Secret) != words[1]
		})) {
			p.printf("%s", line)
		}
	case "failback": // failback to REGION …
		p.failback(topology.Region(words[2]), words[3:])
	case "rescue": // rescue from REGION
		plan, report, err := runbooks.Rescue(p.t.Context(), p.env, runbooks.RescueOptions{From: topology.Region(words[2])})
		if report != nil {
			p.steps(plan)
		}
		p.run(report, err)
	case "abort":
		report, err := executor.New(executor.Options{Cloud: p.env.Cloud, Store: p.store}).Abort(p.t.Context(), words[1])
		p.run(report, err)
	case "fence":
		_, report, err := runbooks.Fence(p.t.Context(), p.env, runbooks.FenceOptions{})
		p.run(report, err)
	case "resume":
		report, err := runbooks.Resume(p.t.Context(), p.env, words[1])
		p.run(report, err)
	}
}

// stagehand does what no runbook does: what happens to the world.
func (p *player) stagehand(words []string) {
	p.t.Helper()
	switch ctx := p.t.Context(); words[0] {
	case "put": // put SECRET in REGION
		p.said("written", p.put(topology.Region(words[3]), words[1], `{"password":"`+time.Now().String()+`"}`))
	case "pending": // a rotation that began: pending SECRET in REGION
		_, err := p.app(topology.Region(words[3])).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &words[1], SecretString: aws.String("next"), VersionStages: []string{topology.StagePending},
		})
		p.said("", err)
	case "read": // read SECRET in REGION
		_, err := p.get(topology.Region(words[3]), words[1])
		p.said("read", err)
	case "promote": // by hand: promote SECRET in REGION
		_, err := p.app(topology.Region(words[3])).StopReplicationToReplica(ctx, &secretsmanager.StopReplicationToReplicaInput{SecretId: &words[1]})
		p.said("", err)
	case "rotation": // rotation of SECRET in REGION
		p.rotation(words[2], words[4])
	case "alarms":
		p.alarms(topology.Region(words[1]))
	case "wait":
		d, err := time.ParseDuration(words[1])
		p.said("", err)
		time.Sleep(d) // the bubble's time
	case "readers": // readers in REGION; readers stop
		p.reading(words[1:])
	case "disable-key": // disable-key ALIAS in REGION
		p.disableKey(words[1], words[3])
	case "delete-function": // delete-function NAME in REGION
		cfg := aws.Config{Region: words[3], HTTPClient: p.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")}
		_, err := lambda.NewFromConfig(cfg).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &words[1]})
		p.said("", err)
	case "lose-answers": // lose-answers OPERATION COUNT: applied, and the connection drops
		n, err := strconv.Atoi(words[2])
		p.said("", err)
		p.said("", p.sim.AddFault(sim.Fault{Match: sim.FaultMatch{Operation: words[1]}, Fault: sim.FaultLostAnswer, Count: n}))
	case "deny": // deny OPERATION of SECRET: AccessDenied, until "allow"
		p.said("", p.sim.AddFault(sim.Fault{
			Match: sim.FaultMatch{Operation: words[1], Secret: words[3]}, Fault: sim.FaultError, Code: "AccessDeniedException",
		}))
	case "deny-all": // deny-all in REGION, until "allow"
		p.said("", p.sim.AddFault(sim.Fault{Match: sim.FaultMatch{Region: words[2]}, Fault: sim.FaultError, Code: "AccessDeniedException"}))
	case "allow":
		p.sim.ClearFaults()
	case "fail-rotation": // fail-rotation at STEP of SECRET in REGION: it dies there, and is not tried again soon
		p.said("", p.sim.FailRotation(words[6], words[4], words[2], 1000))
	case "mend-rotation": // mend-rotation at STEP of SECRET in REGION: its function works again
		p.said("", p.sim.FailRotation(words[6], words[4], words[2], -1))
	case "tied-policy": // tied-policy on SECRET in REGION: reads only through a VPC endpoint there
		_, err := p.app(topology.Region(words[4])).PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: &words[2], ResourcePolicy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Sid":"Endpoint","Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}}}]}`)})
		p.said("", err)
	case "rotate": // rotate SECRET in REGION: somebody turns rotation on, and rotates
		_, err := p.app(topology.Region(words[3])).RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &words[1]})
		p.said("", err)
	case "only-standby": // the configuration has but one
		p.standbys(words[1:])
	case "fence-by": // [failover] fence = …
		p.env.Desired.Failover.Fence = words[1]
	case "terraform": // terraform SECRET from REGION to REGION: a replica block with force_overwrite_replica_secret
		_, err := p.app(topology.Region(words[3])).ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{
			SecretId: &words[1], ForceOverwriteReplicaSecret: true, AddReplicaRegions: []types.ReplicaRegionType{{Region: &words[5]}},
		})
		p.said("accepted", err)
	case "policy": // policy of SECRET in REGION
		s, _ := p.sim.State().Secret(account, words[4], words[2])
		p.printf("%s", cmp.Or(s.Policy, "none"))
	case "put-policy": // put-policy on SECRET in REGION: as people have them
		_, err := p.app(topology.Region(words[4])).PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: &words[2], ResourcePolicy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`)})
		p.said("", err)
	case "invokable": // invokable FUNCTION in REGION
		f, err := p.env.Cloud.Function(ctx, topology.Region(words[3]), "arn:aws:lambda:"+words[3]+":"+account+":function:"+words[1])
		p.said("", err)
		p.printf("invokable %v", f.Invokable)
	case "permit", "permissions":
		p.permissions(words)
	case "forget": // the state directory is lost
		p.store = journal.NewMemory()
		p.env.Store = p.store
	case "another": // another controller takes the lease; "another leaves"
		p.another(words[1])
	case "label", "move", "unlabel", "login", "logins", "versions", "acting":
		p.inspect(words)
	default: // REGION STATE
		p.set(topology.Region(words[0]), words[1])
		if p.down == nil {
			p.down = map[topology.Region]int{}
		}
		p.down[topology.Region(words[0])] = probes[words[1]]
	}
}

// said prints what an application was told; no word, no success to tell.
func (p *player) said(success string, err error) {
	switch {
	case err != nil:
		text := err.Error()
		p.printf("error: %s", text[strings.LastIndex(text, "api error")+len("api error")+1:])
	case success != "":
		p.printf("%s", success)
	}
}

func (p *player) plan() {
	plan, err := runbooks.Plan(p.t.Context(), p.env)
	if plan != nil {
		p.steps(plan)
		for _, b := range tally(append(plan.Blockers, plan.Notes...), func(b planner.Blocker) string { return b.Code + " " + string(b.Region) }) {
			p.printf("blocked: %s", b)
		}
		if len(plan.Unobserved) > 0 {
			p.printf("unobserved: %v", plan.Unobserved)
		}
	}
	p.refusal(err)
}

// steps prints a plan's steps by action and region.
func (p *player) steps(plan *planner.Plan) {
	if plan.Empty() {
		p.printf("nothing to do")
	}
	for _, line := range tally(plan.Steps, func(s planner.Step) string {
		words := string(s.Action) + " in " + string(s.Region)
		if s.Requires != "" {
			words += " --" + s.Requires
		}
		return words
	}) {
		p.printf("%s", line)
	}
}

// tally counts items by their words, sorted: "23 promote in us-west-2".
func tally[T any](items []T, words func(T) string) []string {
	count := map[string]int{}
	for _, item := range items {
		count[words(item)]++
	}
	var out []string
	for _, w := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%3d %s", count[w], w))
	}
	return out
}

func (p *player) apply(flags []string) {
	o := runbooks.ApplyOptions{
		AllowRemove: slices.Contains(flags, "--allow-remove"), AllowOverwrite: slices.Contains(flags, "--allow-overwrite"),
		AllowReplicaGap: slices.Contains(flags, "--allow-replica-gap"),
	}
	if slices.Contains(flags, "saved") {
		o.Saved = p.saved
	}
	report, err := runbooks.Apply(p.t.Context(), p.env, o)
	p.run(report, err)
}

func (p *player) run(report *executor.Report, err error) {
	if report != nil {
		p.atRisk(report.Command, report.LoginRisks)
		steps := report.Steps
		if words := fmt.Sprintf("%s %s", report.Command, report.State); report.State == executor.Aborted {
			p.printf("%s, %d steps stay", words, len(report.OneWay)) // how many were done by then is chance
		} else {
			p.printf("%s: %d applied, %d already done, %d deferred, %d failed, %d left", words,
				steps.Applied, steps.AlreadyDone, steps.Deferred, steps.Failed, steps.Left)
		}
		for _, line := range tally(report.Failures, func(f executor.Failure) string { return f.Code + " " + f.Action + " in " + string(f.Region) }) {
			p.printf("failed: %s", line)
		}
		for _, line := range tally(report.Owed, func(d topology.Debt) string { return d.Action + " in " + string(d.Region) }) {
			p.printf("owed: %s", line)
		}
	}
	p.refusal(err)
}

// atRisk prints and keeps what a report says of logins.
func (p *player) atRisk(command string, risks planner.Risks) {
	for _, x := range risks {
		p.logins.tell(command, x.Code, x.Secrets...)
		p.printf("risk:  %2d %s in %s", len(x.Secrets), x.Code, x.Region)
	}
}

func (p *player) refusal(err error) {
	var refused *runbooks.Refused
	var split *runbooks.SplitBrain
	switch {
	case err == nil:
	case errors.As(err, &refused):
		p.printf("refused (%s): %s", refused.Code, refused.Message)
		p.printf("hint: %s", refused.Hint)
	case errors.As(err, &split):
		p.printf("split brain: %s", split.Message)
		p.printf("hint: %s", split.Hint)
	default:
		p.printf("error: %v", err)
	}
}

func (p *player) drift(about []string) {
	report, err := runbooks.Drift(p.t.Context(), p.env, runbooks.DriftOptions{})
	if err != nil {
		p.refusal(err)
		return
	}
	for _, f := range report.Findings {
		p.logins.tell("drift", f.Code, f.Secret)
	}
	p.printf("%s", report.Verdict)
	count := map[string]int{}
	var order []string
	for _, f := range report.Findings {
		if len(about) > 0 {
			if string(f.Secret) == about[0] {
				p.printf("%s %s %s: %s", f.Severity, f.Code, f.Region, f.Message)
				p.printf("  fix: %s", f.Fix)
			}
			continue
		}
		key := fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Region)
		if count[key]++; count[key] == 1 {
			order = append(order, key)
		}
	}
	slices.Sort(order)
	for _, key := range order {
		p.printf("%3d %s", count[key], strings.TrimSpace(key))
	}
}

func (p *player) status() {
	st, err := runbooks.ReadStatus(p.t.Context(), p.env)
	if err != nil {
		p.refusal(err)
		return
	}
	p.printf("primary %s", st.Primary)
	for _, r := range st.Regions {
		for _, line := range tally(st.Secrets, func(s runbooks.SecretStatus) string {
			c := s.Regions[r]
			return strings.TrimSpace(string(c.Role) + " " + c.Status)
		}) {
			p.printf("%-10s %s", r, line)
		}
	}
	for _, line := range tally(st.Owed, func(d topology.Debt) string { return d.Action + " in " + string(d.Region) }) {
		p.printf("owed %s", line)
	}
	for i := range st.Unfinished {
		p.printf("unfinished %s, %s", st.Unfinished[i].Command, st.Unfinished[i].State)
	}
	if st.UnprotectedSince != nil {
		p.printf("unprotected")
	}
}

func (p *player) failover(to topology.Region, flags []string) {
	o := runbooks.FailoverOptions{To: to, PrimaryLost: slices.Contains(flags, "--primary-lost"), DryRun: slices.Contains(flags, "--dry-run")}
	if i := slices.Index(flags, "--accept-stale"); i >= 0 {
		o.AcceptStale, _ = strconv.Atoi(flags[i+1])
	}
	if i := slices.Index(flags, "--group"); i >= 0 {
		o.Groups = flags[i+1:]
	}
	p.sim.ResetCalls()
	plan, report, err := runbooks.Failover(p.t.Context(), p.env, o)
	if plan != nil && (o.DryRun || report != nil) {
		p.steps(plan)
		for _, b := range tally(append(plan.Blockers, plan.Notes...), func(b planner.Blocker) string { return b.Code + " " + string(b.Region) }) {
			p.printf("note: %s", b)
		}
	}
	if report == nil && plan != nil {
		p.atRisk("failover", plan.LoginRisks)
	}
	p.run(report, err)
	for r, reads := range p.down {
		if reads > 0 && r != to { // a target is no lost region: it may throttle
			p.untouched(r, reads)
		}
	}
	if o.PrimaryLost && report != nil {
		p.untouched(plan.From, 0)
	}
}

func (p *player) switchover(to topology.Region, flags []string) {
	o := runbooks.SwitchoverOptions{To: to, DryRun: slices.Contains(flags, "--dry-run")}
	if i := slices.Index(flags, "--window"); i >= 0 {
		o.Window, _ = time.ParseDuration(flags[i+1])
	}
	ctx, env, done := p.program()
	defer done()
	plan, report, err := runbooks.Switchover(ctx, env, o)
	if ctx.Err() != nil {
		p.printf("died")
		return
	}
	if plan != nil && (o.DryRun && err == nil || report != nil) {
		p.steps(plan)
	}
	p.run(report, err)
}

// program is what a planned move runs as: it may be about to die.
func (p *player) program() (ctx context.Context, env runbooks.Env, done context.CancelFunc) {
	env = p.env
	ctx, done = context.WithCancel(p.t.Context())
	if p.dying != nil {
		p.dying.kill = done
		env.Cloud, env.Concurrency, p.dying = p.dying, 1, nil
	}
	return ctx, env, done
}

func (p *player) rotation(name, region string) {
	s, ok := p.sim.State().Secret(account, region, name)
	switch {
	case !ok:
		p.printf("no such secret")
	case s.Rotation == nil:
		p.printf("never configured")
	default:
		p.printf("enabled %v, %s, every %d days %s %s", s.Rotation.Enabled, s.Rotation.Lambda, s.Rotation.Days, s.Rotation.Schedule, s.Rotation.Duration)
	}
}

func (p *player) alarms(r topology.Region) {
	s, err := p.env.Observe(p.t.Context(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	on, off := 0, 0
	count := func(enabled bool) {
		if enabled {
			on++
		} else {
			off++
		}
	}
	for _, a := range s.View(r).Alarms {
		count(a.ActionsEnabled)
	}
	for _, a := range s.View(r).Composites {
		count(a.ActionsEnabled)
	}
	p.printf("%d act, %d are quiet", on, off)
}

func (p *player) disableKey(alias, region string) {
	ctx := p.t.Context()
	cfg := aws.Config{Region: region, HTTPClient: p.sim, Credentials: credentials.NewStaticCredentialsProvider("a", "a", "")}
	client := kms.NewFromConfig(cfg)
	key, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias})
	if err == nil {
		_, err = client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId})
	}
	p.said("", err)
}

func (p *player) another(what string) {
	if what == "leaves" {
		if err := p.lease.Release(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		p.lease = nil
		return
	}
	var err error
	p.lease, err = journal.Acquire(p.t.Context(), p.store, journal.Holder{Name: "ann", Host: "bastion", PID: 7, Command: "apply"}, 0, nil)
	if err != nil {
		p.t.Fatal(err)
	}
}
