package executor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// throttled is a world whose old primary answers every read, after all the
// attempts of a client, with a throttle.
type throttled struct{ *model }

const attempts = 45 * time.Second

func (c throttled) Secret(ctx context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	if r == east {
		time.Sleep(attempts)
		return nil, topology.ErrThrottled
	}
	return c.model.Secret(ctx, r, n)
}

// However much it is owed: G4.
func TestARegionThatThrottlesIsNotTriedForAllThatItIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secrets = 300
		began := time.Now()
		e := New(Options{Cloud: throttled{failoverWorld(secrets)}, Store: journal.NewMemory(), Concurrency: 8})
		rep, err := e.Run(t.Context(), failoverPlan(secrets), RunSpec{})
		if err != nil || rep.State != Completed || len(rep.Owed) != secrets {
			t.Fatalf("%v: %s, %d owed", err, rep.State, len(rep.Owed))
		}
		if all := time.Since(began); all > 2*attempts+time.Second {
			t.Errorf("what is owed was tried for %v", all)
		}
	})
}

// blinking is a world that takes a copy away for a while when it overwrites it.
type blinking struct {
	*model
	gone time.Time
}

const blink = 3 * time.Second

func (c *blinking) Replicate(ctx context.Context, from topology.Region, n topology.Name, to topology.Region, key string, force bool) error {
	if n == secretName(1) {
		c.gone = time.Now()
	}
	return c.model.Replicate(ctx, from, n, to, key, force)
}

func (c *blinking) Secret(ctx context.Context, r topology.Region, n topology.Name) (*topology.Secret, error) {
	if n == secretName(1) && r == ireland && !c.gone.IsZero() && time.Since(c.gone) < blink {
		return nil, topology.ErrNotFound
	}
	return c.model.Secret(ctx, r, n)
}

func TestTheBlinkOfAnOverwrittenCopyIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := journal.NewMemory()
		e := New(Options{Cloud: &blinking{model: failoverWorld(3)}, Store: store, Concurrency: 1})
		rep, err := e.Run(t.Context(), failoverPlan(3), RunSpec{})
		if err != nil || len(rep.Blinks) != 1 {
			t.Fatalf("%v: %+v", err, rep.Blinks)
		}
		b := rep.Blinks[0]
		if b.Region != ireland || b.Secrets != 3 || b.Missing != 1 || b.Secret != secretName(1) {
			t.Errorf("%+v", b)
		}
		if d := time.Duration(b.LongestSeconds * float64(time.Second)); d < blink || d > blink+5*time.Second {
			t.Errorf("measured %v of %v", d, blink)
		}
		if again, _, err := Load(t.Context(), store, rep.ID); err != nil || len(again.Blinks) != 1 || again.Blinks[0] != b { // from the journal
			t.Errorf("%v: %+v", err, again.Blinks)
		}
	})
}

// G4.
func TestAnOldPrimaryThatThrottlesHoldsUpNoWaveAndNoTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := failoverPlan(5)
		for i := range plan.Steps {
			if plan.Steps[i].Action == planner.OverwriteReplica {
				plan.Steps[i].Tier, plan.Steps[i].Group = 1, "prod re-parent" // as the planner has it
			}
		}
		began, last := time.Now(), time.Duration(0)
		e := New(Options{Cloud: throttled{failoverWorld(5)}, Store: journal.NewMemory(), Progress: func(ev Event) {
			if ev.Kind == StepEnded && ev.Step.Region != east {
				last = time.Since(began)
			}
		}})
		rep, err := e.Run(t.Context(), plan, RunSpec{Default: Pace{Waves: []string{"1", "50%", "100%"}}})
		if err != nil || rep.State != Completed || len(rep.Owed) != 5 {
			t.Fatalf("%v %+v", err, rep)
		}
		if last > attempts/2 {
			t.Errorf("the last step elsewhere ended after %v", last)
		}
		if all := time.Since(began); all > attempts+time.Minute {
			t.Errorf("what is owed was tried for %v", all)
		}
	})
}
