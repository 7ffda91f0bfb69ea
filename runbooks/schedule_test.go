package runbooks_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	schedules    = flag.Int("schedules", 0, "how many random schedules to play; 0 is UNDERSTUDY_SCHEDULES, or a few hundred")
	scheduleSeed = flag.Int64("seed", 1, "the first schedule's seed")
	scriptFile   = flag.String("script", "", "play this one schedule, as a failure printed it")
)

// TestRandomSchedules plays schedules that nobody thought of: regions that
// come and go, faults, lag, applications that write, outsiders, and two
// controllers on one state store that are killed, stopped and frozen at any
// moment. Each is a script made from a seed; G1 to G7 are watched throughout
// (see witness and performance), and in the end everything must come to rest
// as desired.
//
// A failure prints the seed and the shortest script found that still fails;
// go test ./runbooks -run RandomSchedules -script FILE plays it.
func TestRandomSchedules(t *testing.T) {
	if *scriptFile != "" {
		replay(t, *scriptFile)
		return
	}
	n, seed := *schedules, *scheduleSeed
	if env := os.Getenv("UNDERSTUDY_SCHEDULES"); n == 0 && env != "" {
		var err error
		if n, err = strconv.Atoi(env); err != nil {
			t.Fatalf("UNDERSTUDY_SCHEDULES: %v", err)
		}
	}
	switch {
	case n > 0:
	case testing.Short():
		n = 20
	default:
		n = 200
	}
	t.Logf("%d schedules from -seed %d", n, seed)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many small worlds that live for milliseconds
	var next, requests, mutations atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && !t.Failed(); i = next.Add(1) - 1 {
				script := generate(seed + i)
				p, broken := perform(t, script, false)
				requests.Add(int64(p.witness.requests))
				mutations.Add(int64(p.witness.mutations))
				if len(broken) > 0 {
					report(t, seed+i, script, broken)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d requests, %d of them mutating", requests.Load(), mutations.Load())
}

func replay(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var script []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			script = append(script, line)
		}
	}
	p, broken := perform(t, script, true)
	t.Log(strings.Join(slices.Concat(p.trace, p.journals(t.Context())), "\n"))
	for _, v := range broken {
		t.Error(v)
	}
}

// perform plays a script in a bubble of its own.
func perform(t *testing.T, script []string, verbose bool) (p *performance, broken []violation) {
	synctest.Test(t, func(t *testing.T) { p, broken = play(t, script, verbose) })
	return p, broken
}

var reporting sync.Mutex

func report(t *testing.T, seed int64, script []string, broken []violation) {
	reporting.Lock()
	defer reporting.Unlock()
	if t.Failed() {
		return
	}
	short, why := shrink(t, script, broken)
	p, _ := perform(t, short, true)
	t.Errorf("seed %d:\n  %v\nthe shortest script that still fails, for -script FILE:\n%s\n# %v\n\nwhat happened:\n%s",
		seed, broken[0], strings.Join(short, "\n"), why, strings.Join(p.trace, "\n"))
}

// shrink takes lines out of a script, many at once and then one by one, as
// long as the first of its violations remains.
func shrink(t *testing.T, script []string, broken []violation) ([]string, violation) {
	why := broken[0]
	fails := func(candidate []string) bool {
		_, broken := perform(t, candidate, false)
		i := slices.IndexFunc(broken, func(v violation) bool { return v.code == why.code })
		if i >= 0 {
			why = broken[i]
		}
		return i >= 0
	}
	for size := len(script) / 2; size > 0; size /= 2 {
		for at := 1; at < len(script); {
			candidate := slices.Concat(script[:at], script[min(at+size, len(script)):])
			if fails(candidate) {
				script = candidate
			} else {
				at += size
			}
		}
	}
	return script, why
}

// dice make a schedule.
type dice struct {
	*rand.Rand
	secrets []string
	regions []string
	lines   []string
	down    map[string]bool
}

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d *dice) say(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func pick[T any](d *dice, from ...T) T { return from[d.IntN(len(from))] }

func (d *dice) region() string { return pick(d, d.regions...) }

func (d *dice) secret() string { return pick(d, d.secrets...) }

// generate makes the schedule of a seed.
func generate(seed int64) []string {
	d := &dice{Rand: rand.New(rand.NewPCG(uint64(seed), 0x5c4ed)), down: map[string]bool{}}
	n, regions := 2+d.IntN(4), 2+d.IntN(2)
	if d.chance(50) {
		n = 2
	}
	d.regions = fleetRegions[:regions]
	for i := range n {
		d.secrets = append(d.secrets, fmt.Sprintf("prod/s%d", i))
	}
	d.say("fleet seed=%d secrets=%d regions=%d rotating=%d alarms=%d lag=%s missing=%d list-lag=%s step=%s quotas=%s fence=%s quirks=%s",
		seed, n, regions, d.IntN(n+1), pick(d, 0, 0, 0, 1, 2), pick(d, "0s", "1s", "2s", "30s"), pick(d, 0, 0, 1),
		pick(d, "0s", "0s", "0s", "10s", "2m"), pick(d, "0s", "0s", "0s", "2s"), pick(d, "none", "none", "aws"),
		pick(d, "rotation", "rotation", "rotation+lambda", "policy"), d.quirks())
	if d.chance(85) {
		d.say("A apply")
		d.say("join")
	}
	for range 4 + d.IntN(14) {
		d.event()
	}
	return d.lines
}

func (d *dice) quirks() string {
	var list []string
	for _, q := range []string{"stale-entry=drop", "primary-region=clear", "promoted-policy=drop", "replica-policy=refuse", "list-order=newest", "test-pending=drop", "overdue-rotation=wait", "remove-promoted=spare",
		"replica-status=show", "replica-rotation=show", "stop-standalone=invalid-request", "rekey=rekey"} {
		if d.chance(20) {
			list = append(list, q)
		}
	}
	if len(list) == 0 {
		return "default"
	}
	return strings.Join(list, ",")
}

func (d *dice) event() {
	switch n := d.IntN(100); {
	case n < 16:
		d.regionState()
	case n < 34:
		d.wait()
	case n < 64:
		d.command()
	case n < 74:
		d.fault()
	case n < 79:
		d.say("%s %s", pick(d, "kill", "kill", "stop"), pick(d, "A", "B"))
	case n < 84:
		d.takeover()
	case n < 87:
		d.say("lag %s %s", d.region(), pick(d, "10s", "2m", "20m"))
	case n < 96:
		d.say("put %s", d.secret())
	default:
		d.say("rogue %s %s %s", pick(d, "put", "rotate", "cancel", "promote", "drop"), d.secret(), d.region())
	}
}

// takeover freezes a controller in the middle of what it does, for longer
// than its lease lives, mostly; another one does something meanwhile.
func (d *dice) takeover() {
	c, other := "A", "B"
	if d.chance(30) {
		c, other = other, c
	}
	d.say("join")
	d.say("%s %s", c, pick(d, "failover "+d.region()+" stale", "failover "+d.region()+" stale", "failback "+d.regions[0]+" rescue", "switchover "+d.region(), "apply overwrite", "resume"))
	d.say("wait %dms", 20+d.IntN(900))
	d.say("freeze %s", c)
	d.say("wait %s", pick(d, "5s", "40s", "40s", "2m"))
	d.say("%s %s", other, pick(d, "resume", "resume", "apply overwrite", "fence", "abort"))
	d.say("wait %s", pick(d, "1s", "32s", "90s"))
	d.say("thaw %s", c)
}

func (d *dice) regionState() {
	r := d.region()
	if d.down[r] && d.chance(60) {
		d.down[r] = false
		d.say("%s up", r)
		return
	}
	if d.chance(50) {
		r = d.regions[0] // it is the primary that is lost, mostly
	}
	d.down[r] = true
	state := pick(d, "hang", "hang", "refuse", "unavailable", "throttle", "partitioned", "partitioned")
	if d.chance(15) {
		d.say("%s %s %s", r, state, pick(d, "secretsmanager", "lambda", "monitoring", "kms"))
		return
	}
	d.say("%s %s", r, state)
}

func (d *dice) wait() {
	switch n := d.IntN(10); {
	case n < 6:
		d.say("wait %dms", 5+d.IntN(1500))
	case n < 8:
		d.say("wait %ds", 2+d.IntN(60))
	default:
		d.say("join")
		if d.chance(60) {
			d.say("wait %s", pick(d, "1m", "10m", "5h", "30h"))
		}
	}
}

func (d *dice) command() {
	words := ""
	switch n := d.IntN(100); {
	case n < 34:
		words = "failover " + d.region()
		if d.chance(30) {
			words += " lost"
		}
		if d.chance(50) {
			words += " stale"
		}
	case n < 39:
		words = "switchover " + d.region()
	case n < 47:
		words = "failback " + d.regions[0] + pick(d, "", " rescue", " rescue", " give-up")
	case n < 50:
		words = "rescue " + d.region()
	case n < 62:
		words = "apply"
		if d.chance(60) {
			words += " overwrite"
		}
	case n < 70:
		words = "drift"
	case n < 79:
		words = "fence"
	case n < 92:
		words = "resume"
	case n < 96:
		words = "abort"
	default:
		words = "status"
	}
	if d.chance(25) {
		words += fmt.Sprintf(" dies %s %d %s", pick(d, "line", "line", "call"), 1+d.IntN(12), pick(d, "before", "after"))
	}
	d.say("%s %s", pick(d, "A", "A", "B"), words)
	switch {
	case d.chance(40):
		d.say("join")
	case d.chance(40): // the world changes under it
		d.say("wait %dms", 20+d.IntN(900))
		if d.chance(45) {
			d.regionState()
		} else if d.chance(20) {
			d.say("rogue put %s %s", d.secret(), d.regions[0])
		} else {
			d.say("fault lost-answer DescribeSecret %s %d", d.region(), 4+d.IntN(30))
		}
	}
}

func (d *dice) fault() {
	op := pick(d, "*", "DescribeSecret", "ListSecrets", "StopReplicationToReplica", "StopReplicationToReplica", "ReplicateSecretToRegions",
		"RotateSecret", "CancelRotateSecret", "AddPermission", "PutMetricAlarm", "EnableAlarmActions")
	where, n := pick(d, d.region(), "*"), 1+d.IntN(6)
	switch d.IntN(6) {
	case 0, 1:
		d.say("fault lost-answer %s %s %d", op, where, n)
	case 2:
		d.say("fault error %s %s %d %s", op, where, n, pick(d, "InternalServiceError", "AccessDeniedException", "ServiceUnavailable"))
	case 3:
		d.say("fault delay %s %s %d %s", op, where, n, pick(d, "500ms", "8s", "15s"))
	case 4:
		d.say("fault throttle %s %s %d", op, where, n*4)
	default:
		d.say("clear")
	}
}
