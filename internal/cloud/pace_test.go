package cloud

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

// 500 promotions under AWS's quotas: near 50 a second, hardly any throttled.
func TestPromotionsRunAtTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 500
		cloud := newSim(t, sim.GenerateFleet(n), sim.Options{Quotas: "aws"})
		c := newClient(t, cloud)
		start := time.Now()
		var work errgroup.Group
		work.SetLimit(64)
		for i := range n {
			work.Go(func() error {
				return c.Promote(t.Context(), west, topology.Name(fmt.Sprintf("prod/svc-%06d/secret", i)))
			})
		}
		if err := work.Wait(); err != nil {
			t.Fatal(err)
		}
		calls := c.Calls()[west]
		if rate := n / time.Since(start).Seconds(); rate < 0.97*50 {
			t.Errorf("%.1f promotions a second, want at least 97%% of 50", rate)
		}
		if calls.Throttled*100 > calls.Total {
			t.Errorf("%d of %d calls throttled, want under 1%%", calls.Throttled, calls.Total)
		}
	})
}
