package cloud

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

const orders topology.Name = "prod/db/orders"

func TestReplicateRemovePromote(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c, ctx := newClient(t, cloud), t.Context()
	if err := c.Replicate(ctx, east, "prod/payments/stripe", ireland, "alias/secrets-key-eu", false); err != nil {
		t.Fatal(err)
	}
	s := mustSecret(t, c, east, "prod/payments/stripe")
	if e, ok := s.Replica(ireland); !ok || e.Status != topology.InSync || !s.Described {
		t.Errorf("entry %+v", e)
	}
	if err := c.RemoveReplica(ctx, east, "prod/payments/stripe", ireland); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Secret(ctx, ireland, "prod/payments/stripe"); !errors.Is(err, topology.ErrNotFound) {
		t.Errorf("after removal: %v", err)
	}
	before := mustSecret(t, c, west, orders)
	if before.Role() != topology.RoleReplica || len(before.Replicas) != 0 {
		t.Errorf("before promotion: %s %v", before.Role(), before.Replicas)
	}
	if err := c.Promote(ctx, west, orders); err != nil {
		t.Fatal(err)
	}
	after := mustSecret(t, c, west, orders)
	if after.Role() != topology.RoleStandalone || after.ARN != before.ARN || !topology.SameVersions(before, after) {
		t.Errorf("after promotion: %+v", after)
	}
	if err := c.Promote(ctx, west, orders); !errors.Is(err, topology.ErrNotReplica) {
		t.Errorf("promoted twice: %v", err)
	}
}

func mustSecret(t *testing.T, c *Client, r topology.Region, n topology.Name) *topology.Secret {
	t.Helper()
	s, err := c.Secret(context.Background(), r, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAttachAndCancelRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c, ctx := newClient(t, cloud), t.Context()
		if err := c.Promote(ctx, west, orders); err != nil {
			t.Fatal(err)
		}
		token := strings.Repeat("0123456789abcdef", 2)
		rules := topology.RotationRules{AfterDays: 30, Duration: "3h"}
		err := c.AttachRotation(ctx, west, orders, rotateDB(west), rules, false, token)
		if !errors.Is(err, topology.ErrDenied) {
			t.Errorf("without permission: %v", err)
		}
		if n := c.Operations()[west]["RotateSecret"].Total; n != grantAttempts {
			t.Errorf("asked %d times, want %d: a grant takes its time to spread", n, grantAttempts)
		}
		for range 2 { // granting twice is granting once
			if err := c.GrantInvoke(ctx, west, rotateDB(west), "understudy-secretsmanager"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.AttachRotation(ctx, west, orders, rotateDB(west), rules, false, token); err != nil {
			t.Fatal(err)
		}
		r := mustSecret(t, c, west, orders).Rotation
		if !r.Enabled || r.LambdaARN != rotateDB(west) || r.Rules != rules || r.Next.IsZero() {
			t.Errorf("rotation %+v", r)
		}
		if err := c.CancelRotation(ctx, west, orders); err != nil {
			t.Fatal(err)
		}
		if r := mustSecret(t, c, west, orders).Rotation; r.Enabled || r.LambdaARN == "" {
			t.Errorf("cancelled: %+v", r)
		}
		if err := c.RevokeInvoke(ctx, west, rotateDB(west), "understudy-secretsmanager"); err != nil {
			t.Fatal(err)
		}
		if f, err := c.Function(ctx, west, rotateDB(west)); err != nil || f.Invokable {
			t.Errorf("revoked: %+v, %v", f, err)
		}
	})
}

// TestRestoredInvokeIsAsItWas: what is read of a statement writes it again.
func TestRestoredInvokeIsAsItWas(t *testing.T) {
	c, ctx := newClient(t, newSim(t, sim.ExampleFleet(), sim.Options{})), t.Context()
	policy := func() string {
		f, err := c.Function(ctx, west, rotateDB(west))
		if err != nil {
			t.Fatal(err)
		}
		return f.Policy
	}
	for _, p := range []topology.Permission{
		{Sid: "whole", Action: "lambda:InvokeFunction"},
		{Sid: "one-secret", Action: "lambda:*", SourceAccount: account, SourceARN: "arn:aws:secretsmanager:us-west-2:" + account + ":secret:prod/db/orders-??????"},
		{Sid: "rest", Action: "*", PrincipalOrgID: "o-1234567890", EventSourceToken: "t", FunctionURLAuthType: "AWS_IAM", InvokedViaFunctionURL: "true"},
	} {
		if err := c.RestoreInvoke(ctx, west, rotateDB(west), p); err != nil {
			t.Fatal(err)
		}
	}
	before := policy()
	known, others, err := topology.Invokers(before, rotateDB(west))
	if err != nil || len(known) != 3 || len(others) != 0 {
		t.Fatalf("read %+v, beside %q (%v)", known, others, err)
	}
	for _, p := range known {
		if err := c.RevokeInvoke(ctx, west, rotateDB(west), p.Sid); err != nil {
			t.Fatal(err)
		}
	}
	if now := policy(); now != "" {
		t.Fatalf("left: %s", now)
	}
	for _, p := range known {
		if err := c.RestoreInvoke(ctx, west, rotateDB(west), p); err != nil {
			t.Fatal(err)
		}
	}
	if now := policy(); now != before {
		t.Errorf("it was %s\nand is  %s", before, now)
	}
}

func TestGrantOfTheSameIDForSomethingElseIsAnError(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	other := newClient(t, cloud, func(o *Options) { o.Account = "999999999999" })
	if err := other.GrantInvoke(t.Context(), west, rotateDB(west), "s"); err != nil {
		t.Fatal(err)
	}
	err := c.GrantInvoke(t.Context(), west, rotateDB(west), "s")
	if err == nil || !strings.Contains(err.Error(), "remove-permission") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestMissingFunctionAndKeyAreValues(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	f, err := c.Function(t.Context(), west, "arn:aws:lambda:us-west-2:"+account+":function:nobody")
	if err != nil || !f.Missing {
		t.Errorf("function: %+v, %v", f, err)
	}
	k, err := c.Key(t.Context(), west, "alias/nobody")
	if err != nil || !k.Missing || k.Usable() {
		t.Errorf("key: %+v, %v", k, err)
	}
	if k, err := c.Key(t.Context(), west, ""); err != nil || k.ARN == "" || !k.Usable() {
		t.Errorf("the AWS-managed key: %+v, %v", k, err)
	}
}

func TestCopyVersionKeepsItsIDAndLeavesCurrentAlone(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c, ctx := newClient(t, cloud), t.Context()
	if err := c.Promote(ctx, west, orders); err != nil {
		t.Fatal(err)
	}
	old := mustSecret(t, c, east, orders).Stage(topology.StagePrevious)
	current := mustSecret(t, c, west, orders).Stage(topology.StageCurrent)
	for range 2 {
		if err := c.CopyVersion(ctx, orders, east, old, west, "UNDERSTUDY_RESCUED_1"); err != nil {
			t.Fatal(err)
		}
	}
	s := mustSecret(t, c, west, orders)
	if s.Stage("UNDERSTUDY_RESCUED_1") != old || s.Stage(topology.StageCurrent) != current {
		t.Errorf("versions %+v", s.Versions)
	}
	if err := c.RemoveStage(ctx, west, orders, "UNDERSTUDY_RESCUED_1", old); err != nil {
		t.Fatal(err)
	}
	if got := mustSecret(t, c, west, orders).Stage("UNDERSTUDY_RESCUED_1"); got != "" {
		t.Errorf("label still on %s", got)
	}
}

func TestPolicyRoundTrip(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c, ctx := newClient(t, cloud), t.Context()
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:PutSecretValue","Resource":"*"}]}`
	for _, want := range []string{doc, ""} {
		if err := c.PutPolicy(ctx, east, orders, want); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Policy(ctx, east, orders); err != nil || got != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// An endpoint of one's own is spoken to in the query protocol, AWS in CBOR.
func TestAlarmRoundTrip(t *testing.T) {
	for _, endpoint := range []string{"", "http://sim.invalid"} {
		t.Run("endpoint "+endpoint, func(t *testing.T) { testAlarmRoundTrip(t, endpoint) })
	}
}

func testAlarmRoundTrip(t *testing.T, endpoint string) {
	synctest.Test(t, func(t *testing.T) { // CloudWatch is slow
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c, ctx := newClient(t, cloud, func(o *Options) { o.Endpoint = endpoint }), t.Context()
		names := []string{"secrets-count", "secrets-rotation", "secrets-rotation-failed", "secrets-rotator-errors", "nobody"}
		metric, composite, err := c.Alarms(ctx, east, names)
		if err != nil || len(metric) != 3 || len(composite) != 1 {
			t.Fatalf("%d metric, %d composite, %v", len(metric), len(composite), err)
		}
		for _, a := range metric { // metric alarms first: the composite names two
			staged := *a
			staged.ActionsEnabled, staged.AlarmActions = false, nil
			if err := c.PutAlarm(ctx, west, &staged); err != nil {
				t.Fatal(err)
			}
		}
		staged := *composite["secrets-rotation"]
		staged.ActionsEnabled, staged.AlarmActions = false, nil
		if err := c.PutCompositeAlarm(ctx, west, &staged); err != nil {
			t.Fatal(err)
		}
		if err := c.EnableAlarms(ctx, west, names[:2]); err != nil {
			t.Fatal(err)
		}
		if err := c.DisableAlarms(ctx, west, names[1:2]); err != nil {
			t.Fatal(err)
		}
		there, rules, err := c.Alarms(ctx, west, names)
		if err != nil {
			t.Fatal(err)
		}
		want := *metric["secrets-count"]
		want.Region, want.AlarmActions, want.ARN, want.State = west, nil, "", ""
		got := *there["secrets-count"]
		got.ARN, got.State = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("copied alarm differs (-want +got):\n%s", diff)
		}
		if there["secrets-rotator-errors"].ActionsEnabled || rules["secrets-rotation"].ActionsEnabled {
			t.Error("actions are enabled where they should not be")
		}
	})
}

func TestMetricFilterIsPutWithItsLogGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // CloudWatch is slow
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c, ctx := newClient(t, cloud), t.Context()
		want := &topology.MetricFilter{
			LogGroup: "a/new/group", Name: "failures", Pattern: "ERROR",
			Transformations: []topology.MetricTransformation{{Namespace: "Ours", Metric: "Failures", Value: "1"}},
		}
		if _, err := c.MetricFilter(ctx, west, want.LogGroup, want.Name); !errors.Is(err, topology.ErrNotFound) {
			t.Errorf("before: %v", err)
		}
		for range 2 {
			if err := c.PutMetricFilter(ctx, west, want); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.MetricFilter(ctx, west, want.LogGroup, want.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What moto answers and AWS does not must not be believed.
func TestMotosAnswersAreReadWithCare(t *testing.T) {
	const arn = `"ARN":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/a-AbCdEf","Name":"prod/a"`
	answer := func(body string) *topology.Secret {
		t.Helper()
		c := newClient(t, transport(func(req *http.Request) (*http.Response, error) { return jsonError(req, 200, body), nil }))
		return mustSecret(t, c, east, "prod/a")
	}
	s := answer(`{` + arn + `,"ReplicationStatus":[{"Region":"us-west-2","Status":"InSync"},{"Region":"us-west-2","Status":"Failed","StatusMessage":"x"}],
		"VersionIdsToStages":{"v1":["AWSCURRENT"],"v0":[]},"LastAccessedDate":0}`)
	if len(s.Replicas) != 1 || s.Replicas[0].Status != topology.Failed {
		t.Errorf("two entries of one region: %+v", s.Replicas)
	}
	if s.Role() != topology.RolePrimary {
		t.Errorf("a primary without PrimaryRegion is %s", s.Role())
	}
	if len(s.Versions) != 1 || !s.Accessed.IsZero() {
		t.Errorf("versions without a label, or 1970: %+v %s", s.Versions, s.Accessed)
	}
	r := answer(`{` + arn + `,"PrimaryRegion":"us-west-2","ReplicationStatus":[{"Region":"us-west-2","Status":"InSync"}]}`)
	if r.Role() != topology.RoleReplica || r.Replicas != nil {
		t.Errorf("a replica that repeats its primary's list: %s %+v", r.Role(), r.Replicas)
	}
	c := newClient(t, transport(func(req *http.Request) (*http.Response, error) {
		return jsonError(req, 404, `{"__type":"ResourceNotFoundException","message":"gone"}`), nil
	}))
	if _, err := c.Secret(t.Context(), east, "prod/a"); !errors.Is(err, topology.ErrNotFound) {
		t.Errorf("404: %v", err)
	}
	c = newClient(t, transport(func(req *http.Request) (*http.Response, error) {
		return jsonError(req, 500, `<!doctype html><title>500 Internal Server Error</title>`), nil
	}))
	if err := c.Promote(t.Context(), east, "prod/a"); !errors.Is(err, topology.ErrUnknown) {
		t.Errorf("500 with a page: %v", err)
	}
}

func TestOperationsAreEitherReadOrPaced(t *testing.T) {
	for _, op := range []string{
		"ReplicateSecretToRegions", "RemoveRegionsFromReplication", "StopReplicationToReplica", "RotateSecret",
		"CancelRotateSecret", "UpdateSecretVersionStage", "PutSecretValue", "PutResourcePolicy", "DeleteResourcePolicy",
		"PutMetricAlarm", "PutCompositeAlarm", "EnableAlarmActions", "DisableAlarmActions", "PutMetricFilter", "CreateLogGroup",
	} {
		if !isMutating(op) || bucketOf("", op) == "" {
			t.Errorf("%s: mutating %v, bucket %q", op, isMutating(op), bucketOf("", op))
		}
	}
	if bucketOf(serviceLambda, "AddPermission") != BucketFunction || bucketOf(serviceLambda, "GetFunctionConfiguration") != BucketFunction {
		t.Error("Lambda's control plane shares one quota")
	}
	if isMutating("GetSecretValue") || isRead("GetSecretValue") {
		t.Error("GetSecretValue changes nothing, and still is not for readers")
	}
}
