package executor_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/planner"
)

// A thief takes the lease while the first promotion is being throttled.
type thief struct {
	t     *testing.T
	sim   *sim.Cloud
	store journal.Store
	sent  []string // mutating requests, the stolen one included
}

func (w *thief) Do(req *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	if op != "StopReplicationToReplica" {
		return w.sim.Do(req)
	}
	w.sent = append(w.sent, op)
	if len(w.sent) > 1 {
		return w.sim.Do(req)
	}
	other := []byte(`{"epoch":99,"state":"held","holder":{"name":"bo","host":"elsewhere","pid":1},"ttl":30}`)
	if err := journal.Replace(w.t.Context(), w.store, journal.LeaseKey, other); err != nil {
		w.t.Error(err)
	}
	return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(`{"__type":"ThrottlingException","Message":"Rate exceeded"}`)), Request: req}, nil
}

// G7: the SDK's own retries do not outlive the lease.
func TestALeaseLostBetweenTwoAttemptsOfOneCallEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim.New(sim.Options{Seed: 7})
		if err := s.Load(sim.ExampleFleet()); err != nil {
			t.Fatal(err)
		}
		w := &thief{t: t, sim: s, store: journal.NewMemory()}
		plan := &planner.Plan{ID: "10st", Command: "failover", From: "us-east-1", To: "us-west-2", Steps: []planner.Step{
			{ID: "a", Action: planner.Promote, Secret: "prod/db/orders", Region: "us-west-2"},
			{ID: "b", Action: planner.Promote, Secret: "prod/db/billing", Region: "us-west-2"},
		}}
		e := executor.New(executor.Options{Cloud: newCloud(t, w), Store: w.store, Holder: journal.Self("first"), Concurrency: 1})
		rep, err := e.Run(t.Context(), plan, executor.RunSpec{})
		if !errors.Is(err, executor.ErrLeaseLost) || rep.State != executor.Halted || rep.Steps.Left != 2 {
			t.Fatalf("%v %+v", err, rep)
		}
		if len(w.sent) != 1 {
			t.Errorf("%d promotions were sent, want the one before the lease was lost", len(w.sent))
		}
		if !strings.Contains(rep.Reason, "bo on elsewhere") {
			t.Errorf("reason %q does not say who took over", rep.Reason)
		}
	})
}
