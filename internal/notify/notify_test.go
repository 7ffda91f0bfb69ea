package notify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/drift"
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// A receiver is a webhook's far end.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	keys   []string
	answer func(n int) int // status of the nth request, from 1
}

func newReceiver(t *testing.T, answer func(n int) int) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.bodies = append(r.bodies, string(body))
		r.keys = append(r.keys, req.Header.Get("Idempotency-Key"))
		n := len(r.bodies)
		r.mu.Unlock()
		w.WriteHeader(r.answer(n))
	}))
	t.Cleanup(r.Close)
	return r
}

func always(status int) func(int) int { return func(int) int { return status } }

func quick() Options {
	return Options{Bound: 5 * time.Second, WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond}
}

func halted() *executor.Report {
	return &executor.Report{
		ID: "r1", Command: "failover", State: executor.Halted, From: "us-east-1", To: "us-west-2",
		Started:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Steps:    executor.Counts{Applied: 3, Failed: 1, Left: 2},
		Failures: []executor.Failure{{Code: "AccessDeniedException", Secret: "prod/db"}},
	}
}

func TestOnlyWhoAskedIsTold(t *testing.T) {
	runs, drifts := newReceiver(t, always(200)), newReceiver(t, always(200))
	n := New([]Webhook{
		{URL: runs.URL, Events: []string{RunHalted}, Format: "json"},
		{URL: drifts.URL, Events: []string{DriftFound}, Format: "slack"},
	}, quick())
	now := time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	if err := n.Send(t.Context(), OfRun("123456789012", halted(), now)); err != nil {
		t.Fatal(err)
	}
	if len(runs.bodies) != 1 || len(drifts.bodies) != 0 {
		t.Fatalf("runs got %v, drifts got %v", runs.bodies, drifts.bodies)
	}
	var got Event
	if err := json.Unmarshal([]byte(runs.bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "understudy/event/v1" || got.Event != "run-halted" || got.Run.Failures != 1 || got.Run.Seconds != 55 {
		t.Errorf("got %+v, run %+v", got, got.Run)
	}
	report := &drift.Report{Verdict: drift.Drifted, Findings: []drift.Finding{{Code: "replica-missing", Severity: drift.Critical}}}
	if err := n.Send(t.Context(), OfDrift("", report, now)); err != nil {
		t.Fatal(err)
	}
	if want := `{"text":"understudy: drift: drift, 1 critical, 0 warning, 0 info"}`; len(drifts.bodies) != 1 || strings.TrimSpace(drifts.bodies[0]) != want {
		t.Errorf("drifts got %v", drifts.bodies)
	}
}

func TestARetryCarriesTheSameIdempotencyKey(t *testing.T) {
	r := newReceiver(t, func(n int) int {
		if n < 3 {
			return 503
		}
		return 204
	})
	n := New([]Webhook{{URL: r.URL, Events: []string{RunHalted}, Format: "json"}}, quick())
	if err := n.Send(t.Context(), OfRun("", halted(), time.Now())); err != nil {
		t.Fatal(err)
	}
	if len(r.keys) != 3 || r.keys[0] == "" || r.keys[0] != r.keys[2] {
		t.Errorf("keys %q", r.keys)
	}
}

func TestErrorsNameTheHostAndNeverTheToken(t *testing.T) {
	r := newReceiver(t, always(500))
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	n := New([]Webhook{
		{URL: r.URL + "/T0KEN?key=T0KEN", Events: []string{RunHalted}},
		{URL: gone.URL + "/T0KEN?key=T0KEN", Events: []string{RunHalted}},
	}, quick())
	err := n.Send(t.Context(), OfRun("", halted(), time.Now()))
	if err == nil || strings.Contains(err.Error(), "T0KEN") || !strings.Contains(err.Error(), r.URL) || !strings.Contains(err.Error(), gone.URL) {
		t.Errorf("got %v", err)
	}
	if len(r.bodies) != 4 {
		t.Errorf("%d attempts", len(r.bodies))
	}
}

func TestAWebhookThatHangsIsBounded(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	o := quick()
	o.Bound = 50 * time.Millisecond
	n := New([]Webhook{{URL: server.URL, Events: []string{RunHalted}}}, o)
	began := time.Now()
	if err := n.Send(t.Context(), OfRun("", halted(), began)); err == nil {
		t.Error("a webhook that never answered is no error")
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestProbes(t *testing.T) {
	well, sick, flaky := newReceiver(t, always(200)), newReceiver(t, always(404)), newReceiver(t, func(n int) int {
		if n == 1 {
			return 502
		}
		return 200
	})
	got := Probe(context.Background(), []topology.Probe{
		{Name: "well", URL: well.URL}, {Name: "sick", URL: sick.URL}, {URL: flaky.URL, Timeout: 3 * time.Second},
	}, nil, time.Now)
	if !got[0].OK || got[1].OK || got[1].Status != 404 || !got[2].OK || got[2].Name != flaky.URL {
		t.Errorf("got %+v", got)
	}
}
