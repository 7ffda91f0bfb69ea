package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
)

// A punctual store sees to it that no record stays behind the head for longer
// than anchorEvery, and that the head is never ahead of the log.
type punctual struct {
	*journal.Memory
	t *testing.T

	mu    sync.Mutex
	lines int64
	since map[int64]time.Time // of the records that the head does not tell of
	heads int
}

func (p *punctual) Append(ctx context.Context, log string, seq int64, lines [][]byte) error {
	err := p.Memory.Append(ctx, log, seq, lines)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late()
	for range lines {
		p.lines++
		p.since[p.lines] = time.Now()
	}
	return err
}

func (p *punctual) Put(ctx context.Context, key string, val []byte, rev string) (string, error) {
	var head headDoc
	if strings.HasSuffix(key, "/head.json") && json.Unmarshal(val, &head) == nil {
		p.mu.Lock()
		p.late()
		if p.heads++; head.Seq > p.lines {
			p.t.Errorf("a head tells of record %d of %d", head.Seq, p.lines)
		}
		for seq := range p.since {
			if seq <= head.Seq {
				delete(p.since, seq)
			}
		}
		p.mu.Unlock()
	}
	return p.Memory.Put(ctx, key, val, rev)
}

func (p *punctual) late() {
	for seq, at := range p.since {
		if age := time.Since(at); age > anchorEvery {
			p.t.Errorf("record %d is %v old, and the head does not tell of it", seq, age)
		}
	}
}

func TestTheHeadFollowsTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(40), &punctual{Memory: journal.NewMemory(), t: t, since: map[int64]time.Time{}}
		spec := RunSpec{Default: Pace{Waves: []string{"1", "10%", "100%"}, Bake: time.Minute}} // nothing happens for minutes
		if _, err := executorOn(m, s).Run(t.Context(), failoverPlan(40), spec); err != nil {
			t.Fatal(err)
		}
		if len(s.since) > 0 {
			t.Errorf("at the end, the head does not tell of records %v", s.since)
		}
		if most := 10 + 1 + 5; s.heads < 5 || s.heads > most { // by virtual time; not one for each step
			t.Errorf("%d heads were stored for %d records, want at most %d", s.heads, s.lines, most)
		}
	})
}

// diesInTheSecondWave is a failover of which the process dies, with nothing to say, when
// the second wave has begun.
func diesInTheSecondWave(t *testing.T) (dir, id string, m *model, records int64) {
	t.Helper()
	dir = t.TempDir()
	s, err := journal.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	m = failoverWorld(4)
	p := &mortal{Store: s, atAppend: 28}
	p.watch(m)
	spec := RunSpec{Default: Pace{Waves: []string{"1", "100%"}, Bake: time.Minute}}
	if _, err := executorOn(m, p).Run(t.Context(), failoverPlan(4), spec); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	(&mortal{}).watch(m)
	runs, err := Runs(t.Context(), s)
	if err != nil || len(runs) != 1 || runs[0].State != Running {
		t.Fatalf("%v %+v", err, runs)
	}
	proof, err := Prove(t.Context(), s, runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if proof.Complete || proof.Anchored < 10 || proof.Records <= proof.Anchored || !strings.Contains(proof.Open(), fmt.Sprintf("behind line %d", proof.Records)) {
		t.Fatalf("%+v: %s", proof, proof.Open())
	}
	return dir, runs[0].ID, m, proof.Anchored
}

// Lines that were cut off in the middle of a session that died are missed; what
// only its last second wrote is not known to be missing, and said not to be.
func TestACutInsideASessionThatDiedIsFound(t *testing.T) {
	for name, kept := range map[string]int64{"one line less than the head tells": -1, "as much as the head tells": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, id, m, anchored := diesInTheSecondWave(t)
				s := reopened(t, dir, id, "journal.jsonl", func(l [][]byte) [][]byte {
					l = l[:anchored+kept]
					l[len(l)-1] = append(bytes.TrimSuffix(l[len(l)-1], []byte("\n")), '\n')
					return l
				})
				err := Verify(t.Context(), s, id)
				if damaged := errors.Is(err, journal.ErrCorrupt); damaged != (kept < 0) {
					t.Fatalf("verify: %v", err)
				}
				if kept < 0 {
					return
				}
				rep, err := executorOn(m, s).Resume(t.Context(), id)
				if err != nil || rep.State != Completed {
					t.Fatalf("%v %+v", err, rep)
				}
				if proof, err := Prove(t.Context(), s, id); err != nil || !proof.Complete || proof.Open() != "" || proof.Anchored != proof.Records {
					t.Errorf("%v %+v", err, proof)
				}
			})
		})
	}
}

func TestARunWithoutAHeadIsProvenAsFarAsItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, dir, failover, _ := twoRuns(t)
		s := reopened(t, dir, failover, "head.json", func([][]byte) [][]byte { return nil })
		proof, err := Prove(t.Context(), s, failover)
		if err != nil || proof.Complete || proof.Anchored != 0 || !strings.Contains(proof.Open(), "head.json is gone") {
			t.Errorf("%v %+v: %s", err, proof, proof.Open())
		}
	})
}

// A process that was overtaken must not anchor what it believes to have
// written: its lines may have been cut off.
func TestWhoLostTheLeaseStoresNoHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := journal.NewMemory()
		r := &run{e: executorOn(failoverWorld(1), s), id: "r1-f00d", plan: failoverPlan(1)}
		if err := r.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer r.release(t.Context())
		var err error
		if r.log, err = journal.Open(t.Context(), s, logKey(r.id), nil, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := r.log.Append(t.Context(), kindBegin, session{Run: r.id}); err != nil {
			t.Fatal(err)
		}
		steal(t, s)
		if err := r.anchor(t.Context()); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("anchor: %v", err)
		}
		if _, _, err := s.Get(t.Context(), headKey(r.id)); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a head was stored: %v", err)
		}
	})
}

// BenchmarkAnchoredSteps is what the heads cost: steps on the disk, long enough
// for several.
func BenchmarkAnchoredSteps(b *testing.B) {
	const n = 50_000
	for b.Loop() {
		s, err := journal.OpenFile(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := New(Options{Cloud: &instant{}, Store: s}).Run(b.Context(), promotions(n), RunSpec{}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(began).Seconds(), "steps/s")
	}
}
