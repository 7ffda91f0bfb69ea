package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/understudy-dr/understudy/internal/sim"
)

// ask sends one request to the control surface and decodes its answer.
func ask(t *testing.T, c *sim.Cloud, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	var out any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
	}
	object, _ := out.(map[string]any)
	return w.Code, object
}

func TestControlRefusesBadInput(t *testing.T) {
	c := sim.New(sim.Options{})
	for _, row := range []struct {
		method, path, body string
		status             int
		names              string // what the error begins with
	}{
		{"PUT", "/_sim/regions/us-east-1", `{"state": "dead"}`, 400, "state:"},
		{"PUT", "/_sim/regions/us-east-1", `{"stat": "up"}`, 400, "stat:"},
		{"PUT", "/_sim/regions/us-east-1", `{"state": 7}`, 400, "state:"},
		{"PUT", "/_sim/regions/us-east-1", `{"lag": "soon"}`, 400, "lag"},
		{"PUT", "/_sim/regions/us-east-1", `{"services": ["s3"]}`, 400, "services:"},
		{"PUT", "/_sim/regions/nowhere", `{"state": "up"}`, 400, "region:"},
		{"PUT", "/_sim/regions/us-east-1", `{"state": "up"} {}`, 400, "body:"},
		{"PUT", "/_sim/regions/us-east-1", `{"state"`, 400, "body:"},
		{"POST", "/_sim/faults", `{"fault": "explode"}`, 400, "fault:"},
		{"POST", "/_sim/faults", `{"fault": "delay"}`, 400, "delay:"},
		{"POST", "/_sim/faults", `{"fault": "error", "count": -1}`, 400, "count:"},
		{"POST", "/_sim/faults", `{"fault": "error", "match": {"account": "1"}}`, 400, "account:"},
		{"POST", "/_sim/faults", `{"fault": "throttle", "code": "X"}`, 400, "code:"},
		{"POST", "/_sim/clock", `{}`, 400, "advance:"},
		{"POST", "/_sim/clock", `{"advance": "-1h"}`, 400, "advance"},
		{"POST", "/_sim/reset", `{"fleet": "big"}`, 400, "fleet:"},
		{"PUT", "/_sim/functions/us-east-1/nothing", `{"healthy": false}`, 400, "path:"},
		{"PUT", "/_sim/functions/us-east-1/rotate-db", `{}`, 400, "healthy:"},
		{"POST", "/_sim/rotation-failures", `{"region": "us-east-1", "step": "dance"}`, 400, "step:"},
		{"POST", "/_sim/rotation-failures", `{"region": "mars", "step": "setSecret"}`, 400, "region:"},
		{"POST", "/_sim/calls", ``, 405, "method:"},
		{"GET", "/_sim/nothing", ``, 404, "path:"},
		{"GET", "/_sim/health/x", ``, 404, "path:"},
	} {
		status, out := ask(t, c, row.method, row.path, row.body)
		text, _ := out["error"].(string)
		if status != row.status || !strings.HasPrefix(text, row.names) {
			t.Errorf("%s %s %s: %d %q, want %d %q…", row.method, row.path, row.body, status, text, row.status, row.names)
		}
	}
}

func TestControlRoundTrip(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.EmptyFleet())
	want := func(method, path, body string, status int) map[string]any {
		t.Helper()
		got, out := ask(t, c, method, path, body)
		if got != status {
			t.Fatalf("%s %s: %d %v, want %d", method, path, got, out, status)
		}
		return out
	}
	want("GET", "/_sim/health", "", 200)
	if out := want("PUT", "/_sim/regions/us-east-1", `{"state": "hang", "lag": "2s"}`, 200); out["lag"] != "2s" {
		t.Errorf("region: %v", out)
	}
	if out := want("GET", "/_sim/regions/us-east-1", "", 200); out["state"] != "hang" {
		t.Errorf("region: %v", out)
	}
	want("POST", "/_sim/faults", `{"match": {"operation": "PutSecretValue"}, "fault": "lost-answer", "count": 2}`, 200)
	want("POST", "/_sim/reset", `{"fleet": "example"}`, 200)
	if out := want("GET", "/_sim/regions/us-east-1", "", 200); out["state"] != "up" {
		t.Errorf("after reset: %v", out)
	}
	if err := describe(c, "us-west-2", "prod/db/orders"); err != nil {
		t.Error(err)
	}
	calls := want("GET", "/_sim/calls", "", 200)
	if got, _ := json.Marshal(calls["us-west-2"]); string(got) != `{"secretsmanager":{"DescribeSecret":{"mutating":0,"throttled":0,"total":1}}}` {
		t.Errorf("calls: %s", got)
	}
	want("DELETE", "/_sim/calls", "", 200)
	if calls := want("GET", "/_sim/calls", "", 200); len(calls) != 0 {
		t.Errorf("calls after DELETE: %v", calls)
	}
	before := c.Now()
	want("POST", "/_sim/clock", `{"advance": "720h"}`, 200)
	if got := c.Now().Sub(before); got != 720*time.Hour {
		t.Errorf("the clock moved by %s", got)
	}
}

// Nothing that the control surface shows may hold a secret value.
func TestStateShowsNoValues(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/_sim/state", nil))
	if !strings.Contains(w.Body.String(), "value_sha256") {
		t.Error("no value hashes in the state")
	}
	for _, secret := range []string{"initial-orders", "managed-by-rds", `password`} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("the state shows %q", secret)
		}
	}
}

// A split brain, made and seen through the control surface alone: both sides
// rotate the one database's password, and the side that rotated first has
// lost its login.
func TestLoginsShowASplitBrain(t *testing.T) {
	c := frozen(t, sim.Options{}, sim.ExampleFleet())
	broken := func() (list []string) {
		_, out := ask(t, c, "GET", "/_sim/logins", "")
		for region, secrets := range out {
			for name, login := range secrets.(map[string]any) {
				if login.(map[string]any)["works"] != true {
					list = append(list, region+" "+name)
				}
			}
		}
		slices.Sort(list)
		return list
	}
	if list := broken(); len(list) > 0 {
		t.Fatalf("before anything happened these logins fail: %v", list)
	}
	west := secrets(c, "us-west-2")
	name := aws.String("prod/db/orders")
	if _, err := west.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := west.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: name, SecretString: aws.String(`{"username":"orders_app","password":"west"}`),
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"eu-west-1 prod/db/orders", "us-east-1 prod/db/orders"}
	if got := broken(); !slices.Equal(got, want) {
		t.Errorf("broken logins %v, want %v", got, want)
	}
}

// Calls, the clock, and looks at the state may come at once; run it with -race.
func TestConcurrentUse(t *testing.T) {
	c := frozen(t, sim.Options{Lag: time.Millisecond, Quotas: "aws"}, sim.ExampleFleet())
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			client := secrets(c, "us-east-1")
			for j := range 8 {
				_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
					SecretId: aws.String("prod/mail/smtp"), SecretString: aws.String(fmt.Sprint(i, j)),
				})
				if _, ok := errors.AsType[smithy.APIError](err); err != nil && !ok {
					t.Error(err)
				}
				c.Advance(time.Second)
				_ = describe(c, "us-west-2", "prod/mail/smtp")
				if _, err := json.Marshal(c.State()); err != nil {
					t.Error(err)
				}
				ask(t, c, "GET", "/_sim/calls", "")
			}
		})
	}
	group.Wait()
	if n := c.Calls()["us-east-1"]["secretsmanager"]["PutSecretValue"]; n.Total != 32 {
		t.Errorf("%d calls counted, want 32", n.Total)
	}
}
