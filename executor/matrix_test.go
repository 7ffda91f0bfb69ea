package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
)

// A moment is where a process dies, or a call loses its answer. A process
// that dies between two reads leaves what it would have left before the first,
// so only calls that change something are cut behind, too.
type moment struct {
	what string // request, change, write (to the store); "" never
	how  string // before, after; lost: the change is made, its answer dropped
	n    int    // of that kind, from 1
}

func (m moment) String() string { return fmt.Sprintf("%s-%s-%d", m.how, m.what, m.n) }

var errCut = errors.New("connection reset by peer")

// A mortal process speaks to the simulator and writes to its store, until
// its moment comes.
type mortal struct {
	journal.Store
	sim *sim.Cloud
	end moment

	mu    sync.Mutex
	count map[string]int
	dead  bool
}

// passes counts one event, of several kinds: what is to happen before it, and
// whether the process is alive to see its answer.
func (p *mortal) passes(kinds ...string) (now string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return "", errCut
	}
	for _, kind := range kinds {
		if p.count[kind]++; kind == p.end.what && p.count[kind] == p.end.n {
			now = p.end.how
		}
	}
	p.dead = now == "before" || now == "after"
	if now == "before" {
		err = errCut
	}
	return now, err
}

// Do is the network.
func (p *mortal) Do(req *http.Request) (*http.Response, error) {
	kinds := []string{"request"}
	if changes(req) {
		kinds = append(kinds, "change")
	}
	now, err := p.passes(kinds...)
	if err != nil {
		return nil, err
	}
	resp, err := p.sim.Do(req)
	if now != "" && err == nil {
		resp.Body.Close()
		return nil, errCut
	}
	return resp, err
}

var reading = regexp.MustCompile(`^(Describe|List|Get|Assume)`)

// changes reads the operation out of any of the protocols spoken.
func changes(req *http.Request) bool {
	if _, op, ok := strings.Cut(req.Header.Get("X-Amz-Target"), "."); ok {
		return !reading.MatchString(op)
	}
	if strings.Contains(req.URL.Path, "/operation/") {
		return !reading.MatchString(path.Base(req.URL.Path))
	}
	return req.Method != http.MethodGet
}

func (p *mortal) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	now, err := p.passes("write")
	if err != nil {
		return err
	}
	err = p.Store.Append(ctx, log, seq, lines)
	if now != "" {
		return errCut
	}
	return err
}

func (p *mortal) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	now, err := p.passes("write")
	if err != nil {
		return "", err
	}
	rev, err = p.Store.Put(ctx, key, val, rev)
	if now != "" {
		return "", errCut
	}
	return rev, err
}

var anyTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)

// world is the simulator's state without its times.
func world(t *testing.T, s *sim.Cloud) string {
	t.Helper()
	time.Sleep(time.Minute) // virtual: let what is on its way arrive
	out, err := json.MarshalIndent(s.State(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return anyTime.ReplaceAllString(string(out), `"TIME"`)
}

// mutating counts what was sent to change something, by region and operation.
func mutating(s *sim.Cloud) map[string]int {
	out := map[string]int{}
	for region, services := range s.Calls() {
		for _, ops := range services {
			for op, n := range ops {
				if n.Mutating > 0 {
					out[region+" "+op] = n.Mutating
				}
			}
		}
	}
	return out
}

// An ending is what a story came to.
type ending struct {
	world string
	calls map[string]int // mutating ones
	count map[string]int // moments there are, by kind
}

// play runs a story in a process that dies, and resumes it in another.
func (st story) play(t *testing.T, m moment) ending {
	t.Helper()
	sc, plan := st.scene(t)
	p := &mortal{Store: sc.store, sim: sc.sim, end: m, count: map[string]int{}}
	before, err := executor.Runs(t.Context(), sc.store)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := executor.New(executor.Options{Cloud: newCloud(t, p), Store: p, Holder: deadHolder()}).Run(t.Context(), plan, executor.RunSpec{})
	if p.dead { // even if it had only the lease to give back
		next := executor.New(executor.Options{Cloud: newCloud(t, sc.sim), Store: sc.store, Holder: deadHolder()})
		runs, lerr := executor.Runs(t.Context(), sc.store)
		if lerr != nil {
			t.Fatal(lerr)
		}
		if len(runs) == len(before) { // before there was a run to resume
			rep, err = next.Run(t.Context(), plan, executor.RunSpec{})
		} else {
			rep, err = next.Resume(t.Context(), runs[len(runs)-1].ID)
		}
	}
	if err != nil || rep.State != executor.Completed {
		t.Fatalf("%v %+v", err, rep)
	}
	if err := executor.Verify(t.Context(), sc.store, rep.ID); err != nil {
		t.Error(err)
	}
	return ending{world(t, sc.sim), mutating(sc.sim), p.count}
}

// moments are all that a story has: before every request and write, and
// behind all that leave something.
func moments(count map[string]int) []moment {
	var all []moment
	for _, kind := range []struct {
		what string
		how  []string
	}{{"request", []string{"before"}}, {"change", []string{"after", "lost"}}, {"write", []string{"before", "after"}}} {
		for n := 1; n <= count[kind.what]; n++ {
			for _, how := range kind.how {
				all = append(all, moment{kind.what, how, n})
			}
		}
	}
	return all
}

const sampled = 20 // moments per story

// G3, G5 over the real SDK and the simulator: the process dies before or after
// any request or write, or an answer is lost; another one resumes. The world
// is that of the uninterrupted run, and no call is made that it did not make.
//
// All moments with UNDERSTUDY_CRASH_MATRIX=full (make crash-matrix), else some
// by a seed. One again: UNDERSTUDY_CRASH_MATRIX=full go test -run '…/STORY/MOMENT'.
func TestCrashMatrixOnTheSimulator(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("UNDERSTUDY_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	full := os.Getenv("UNDERSTUDY_CRASH_MATRIX") == "full"
	for name, st := range stories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want ending
			synctest.Test(t, func(t *testing.T) { want = st.play(t, moment{}) })
			chosen := moments(want.count)
			t.Logf("%d requests, %d of them changes, %d writes: %d moments",
				want.count["request"], want.count["change"], want.count["write"], len(chosen))
			if !full {
				rand.New(rand.NewPCG(seed, 0)).Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
				chosen = chosen[:min(sampled, len(chosen))]
				t.Logf("%d of them by UNDERSTUDY_SEED=%d", len(chosen), seed)
			}
			for _, m := range chosen {
				t.Run(m.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { compare(t, st.play(t, m), want) })
				})
			}
		})
	}
}

func compare(t *testing.T, got, want ending) {
	t.Helper()
	if got.world != want.world {
		t.Errorf("another world\n%s", firstDifference(got.world, want.world))
	}
	for _, op := range slices.Sorted(maps.Keys(got.calls)) {
		if n := want.calls[op]; got.calls[op] > n {
			t.Errorf("%s was called %d times, not %d as without interruption", op, got.calls[op], n)
		}
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return strings.Join(a[max(0, i-12):min(len(a), i+3)], "\n") + "\nwant\n" + strings.Join(b[max(0, min(i, len(b))-1):min(len(b), i+3)], "\n")
		}
	}
	return ""
}
