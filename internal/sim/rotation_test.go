package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/internal/sim"
)

const (
	rotate1 = "aaaaaaaa-1111-4111-8111-111111111111"
	rotate2 = "aaaaaaaa-2222-4222-8222-222222222222"

	cannotInvoke = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."
	notComplete  = "A previous rotation isn't complete. That rotation will be reattempted."
)

// unrotated checks that a refused RotateSecret stored nothing.
func unrotated(w *world) {
	w.Helper()
	d := w.describe(east)
	if d.RotationEnabled != nil || d.RotationLambdaARN != nil || d.RotationRules != nil {
		w.Errorf("stored: %+v", d)
	}
	w.equal("labels", w.labels(east), []string{"AWSCURRENT"})
}

// rotating makes a secret that rotates in us-east-1 every ten days, and its
// function.
func rotating(w *world, replicas ...string) string {
	w.Helper()
	w.create("s", `{"username":"app","password":"one"}`, replicas...)
	function := w.rotator(east)
	w.must(w.rotate(east, rotate1, function, everyDays(10), true))
	return function
}

func (w *world) cancel(region string) error {
	_, err := w.sm(region).CancelRotateSecret(w.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")})
	return err
}

func rotationFacts() []fact {
	plain := func(w *world) { w.create("s", `{"username":"app","password":"one"}`) }
	const missing = "arn:aws:lambda:us-east-1:123456789012:function:none"
	facts := []fact{
		{
			name: "no function ever configured", source: recorded, given: plain,
			when: func(w *world) error { return w.rotate(east, rotate1, "", everyDays(10), true) },
			code: "InvalidRequestException", text: "No Lambda rotation function ARN is associated with this secret.", then: unrotated,
		},
		{
			name: "a missing function", source: recorded, given: plain,
			when: func(w *world) error { return w.rotate(east, rotate1, missing, everyDays(10), true) },
			code: "AccessDeniedException", text: cannotInvoke, then: unrotated,
		},
		{
			name: "a function that does not let it in", source: recorded,
			given: plain,
			when: func(w *world) error {
				function := w.rotator(east)
				_, err := functions(w.cloud, east).RemovePermission(w.ctx, &lambda.RemovePermissionInput{FunctionName: aws.String("rotate"), StatementId: aws.String("sm")})
				w.must(err)
				return w.rotate(east, rotate1, function, everyDays(10), true)
			},
			code: "AccessDeniedException", text: cannotInvoke, then: unrotated,
		},
		{
			name: "a function of another region", source: "assumed: every AWS example is of one region", given: plain,
			when: func(w *world) error { return w.rotate(east, rotate1, w.rotator(west), everyDays(10), true) },
			code: "AccessDeniedException", text: cannotInvoke,
		},
		{
			name: "a finished rotation", source: recorded, given: func(w *world) { rotating(w) },
			then: func(w *world) {
				d := w.describe(east)
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": rotate1, "AWSPREVIOUS": token1})
				w.equal("enabled", d.RotationEnabled, true)
				w.equal("days", d.RotationRules.AutomaticallyAfterDays, 10)
				w.equal("last", d.LastRotatedDate, epoch)
				w.equal("next", d.NextRotationDate, time.Date(2026, 3, 11, 23, 59, 59, 0, time.UTC))
				w.login(east, true)
			},
		},
		{
			name: "the version gets the token as its id", source: recorded, given: plain,
			then: func(w *world) {
				out, err := w.sm(east).RotateSecret(w.ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(rotate1), RotationLambdaARN: aws.String(w.rotator(east))})
				w.must(err)
				w.equal("VersionId", out.VersionId, rotate1)
			},
		},
		{
			name: "the same rotation asked for twice", source: "API: RotateSecret, ClientRequestToken",
			then: func(w *world) {
				function := rotating(w)
				w.must(w.rotate(east, rotate1, function, everyDays(10), true))
				w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
			},
		},
		{
			name: "not immediately: tested, not rotated", source: "API: RotateSecret, RotateImmediately", given: plain,
			when: func(w *world) error { return w.rotate(east, rotate1, w.rotator(east), everyDays(10), false) },
			then: func(w *world) {
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1})
				w.equal("enabled", w.describe(east).RotationEnabled, true)
				w.equal("last", w.describe(east).LastRotatedDate, nil)
			},
		},
		{
			name: "a rotation that hangs", source: "terraform-provider-aws#35023, aws-cdk#28539",
			given: func(w *world) { plain(w); w.must(w.cloud.FailRotation(east, "s", "setSecret", 0)) },
			when: func(w *world) error {
				w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1})
				return w.rotate(east, rotate2, "", nil, true)
			},
			code: "InvalidRequestException", text: notComplete,
		},
		{
			name: "a hanging rotation is given up by a new value", source: "AWS: Troubleshoot rotation",
			given: func(w *world) { plain(w); w.must(w.cloud.FailRotation(east, "s", "setSecret", 1)) },
			when: func(w *world) error {
				w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
				w.must(w.put(east, token2, "two"))
				return w.rotate(east, rotate2, "", nil, true)
			},
			then: func(w *world) { w.equal("current", w.stages(east)["AWSCURRENT"], rotate2) },
		},
		{
			name: "cancelled: function and rules stay, the date goes", source: "API: CancelRotateSecret", given: func(w *world) { rotating(w) },
			when: func(w *world) error { return w.cancel(east) },
			then: func(w *world) {
				d := w.describe(east)
				w.equal("enabled", d.RotationEnabled, false)
				w.equal("days", d.RotationRules.AutomaticallyAfterDays, 10)
				w.equal("next", d.NextRotationDate, nil)
				if d.RotationLambdaARN == nil {
					w.Error("function gone")
				}
				w.advance(30 * 24 * time.Hour)
				w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
			},
		},
		{
			name: "days and a schedule", source: "API: RotationRulesType", given: plain,
			when: func(w *world) error {
				return w.rotate(east, rotate1, w.rotator(east), &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1), ScheduleExpression: aws.String("rate(2 days)")}, true)
			},
			code: "InvalidParameterException", then: unrotated,
		},
		{
			name: "1001 days", source: "API model: AutomaticallyRotateAfterDaysType", given: plain,
			when: func(w *world) error { return w.rotate(east, rotate1, missing, everyDays(1001), true) }, code: "ValidationException",
		},
		{
			name: "rotate without a token over plain HTTP", source: recorded + ", but for the code: assumed", given: plain,
			when: func(w *world) error { return w.call("RotateSecret", `{"SecretId":"s"}`) },
			code: "InvalidRequestException", text: "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
		},
		{
			name: "a replica does not show rotation", source: "assumed, quirk", quirks: []string{"replica-rotation=hide"}, given: func(w *world) { rotating(w, west) },
			then: func(w *world) {
				w.equal("enabled", w.describe(west).RotationEnabled, nil)
				w.equal("value follows", w.stages(west), w.stages(east))
			},
		},
		{
			name: "a replica shows rotation", source: "assumed, quirk", quirks: []string{"replica-rotation=show"}, given: func(w *world) { rotating(w, west) },
			then: func(w *world) { w.equal("enabled", w.describe(west).RotationEnabled, true) },
		},
		{
			name: "promotion leaves rotation off", source: "AWS: Promote a replica secret", given: func(w *world) { rotating(w, west) },
			then: func(w *world) {
				w.describe(east)
				w.must(w.promote(west))
				w.equal("enabled", w.describe(west).RotationEnabled, nil)
				w.refused(w.rotate(west, rotate2, "", nil, true), "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
				w.must(w.rotate(west, rotate2, w.rotator(west), everyDays(10), true))
				w.equal("current", w.stages(west)["AWSCURRENT"], rotate2)
			},
		},
		{
			name: "attached overdue, it fires", source: "assumed, quirk", quirks: []string{"overdue-rotation=fire"},
			then: func(w *world) {
				attachOverdue(w)
				if w.stages(west)["AWSCURRENT"] == rotate1 {
					w.Error("did not rotate")
				}
			},
		},
		{
			name: "attached overdue, it waits", source: "assumed, quirk", quirks: []string{"overdue-rotation=wait"},
			then: func(w *world) {
				attachOverdue(w)
				w.equal("current", w.stages(west)["AWSCURRENT"], rotate1)
			},
		},
	}
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		facts = append(facts, fact{
			name: "failure at " + step + " leaves AWSPENDING, a retry heals it", source: "AWS: Lambda rotation functions; API: DescribeSecret, NextRotationDate",
			given: func(w *world) { plain(w); w.must(w.cloud.FailRotation(east, "s", step, 1)) },
			when:  func(w *world) error { return w.rotate(east, rotate1, w.rotator(east), everyDays(10), true) },
			then: func(w *world) {
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1})
				w.login(east, step == "createSecret" || step == "setSecret")
				w.advance(time.Hour)
				w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": rotate1, "AWSPREVIOUS": token1})
				w.login(east, true)
			},
		})
	}
	return facts
}

// attachOverdue promotes a secret long after its last rotation and attaches
// rotation without rotating.
func attachOverdue(w *world) {
	rotating(w, west)
	w.must(w.cancel(east))
	w.advance(20 * 24 * time.Hour)
	w.must(w.promote(west))
	w.must(w.rotate(west, rotate2, w.rotator(west), everyDays(10), false))
}

func TestScheduledRotationOnTheVirtualClock(t *testing.T) {
	w := newWorld(t, sim.Options{})
	rotating(w, west)
	for range 3 {
		before := w.stages(east)["AWSCURRENT"]
		w.advance(9 * 24 * time.Hour)
		w.equal("nine days on", w.stages(east)["AWSCURRENT"], before)
		w.advance(24 * time.Hour)
		if w.stages(east)["AWSCURRENT"] == before {
			t.Fatal("did not rotate after ten days")
		}
		w.equal("replica follows", w.stages(west), w.stages(east))
		w.login(east, true)
		w.login(west, true)
	}
}

// A region that was down fires what came due meanwhile as soon as it is
// back; one that was only partitioned kept rotating. Either way the login of
// the region that was promoted meanwhile breaks: split brain.
func TestRecoveredPrimaryRotatesTheSharedDatabase(t *testing.T) {
	for _, state := range []string{sim.RegionHang, sim.RegionRefuse, sim.RegionUnavailable, sim.RegionPartitioned} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t, sim.Options{})
			rotating(w, west)
			w.describe(east)
			w.region(east, state)
			w.must(w.promote(west))
			w.login(west, true)
			w.advance(11 * 24 * time.Hour)
			w.login(west, state != sim.RegionPartitioned)
			w.region(east, sim.RegionUp)
			w.login(west, false)
			w.login(east, true)
			if w.stages(east)["AWSCURRENT"] == rotate1 {
				t.Error("the old primary did not rotate")
			}
		})
	}
}

// Once the new primary has rotated, the old one can't log in any more: its
// rotation hangs and does not break the new one's.
func TestFencedOutPrimaryHangsAtSetSecret(t *testing.T) {
	w := newWorld(t, sim.Options{})
	rotating(w, west)
	w.describe(east)
	w.region(east, sim.RegionHang)
	w.must(w.promote(west))
	w.must(w.rotate(west, rotate2, w.rotator(west), everyDays(10), true))
	w.advance(11 * 24 * time.Hour)
	w.region(east, sim.RegionUp)
	w.login(west, true)
	w.login(east, false)
	if labels := w.labels(east); !slices.Contains(labels, "AWSPENDING") {
		t.Errorf("labels %v, want AWSPENDING among them", labels)
	}
}

func TestRotationWithoutItsFunctionIsRetriedThenWaits(t *testing.T) {
	w := newWorld(t, sim.Options{})
	rotating(w)
	_, err := functions(w.cloud, east).RemovePermission(w.ctx, &lambda.RemovePermissionInput{FunctionName: aws.String("rotate"), StatementId: aws.String("sm")})
	w.must(err)
	w.advance(11 * 24 * time.Hour)
	d := w.describe(east)
	if !d.NextRotationDate.Before(w.cloud.Now()) {
		t.Errorf("NextRotationDate %v, want one in the past of %v", d.NextRotationDate, w.cloud.Now())
	}
	w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
	w.login(east, true)
}

func TestFailRotationRefusesAnUnknownStep(t *testing.T) {
	if err := sim.New(sim.Options{}).FailRotation(east, "s", "create_secret", 1); err == nil {
		t.Error("want an error that names the steps")
	}
}

func TestFaultOnARotationStep(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.create("s", "one")
	w.must(w.cloud.AddFault(sim.Fault{Match: sim.FaultMatch{Operation: "rotation:testSecret", Secret: "s"}, Fault: sim.FaultError, Count: 1}))
	w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
	w.equal("stages", w.stages(east), map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1})
	w.advance(time.Hour)
	w.equal("current", w.stages(east)["AWSCURRENT"], rotate1)
}

// A region that comes back partitioned still fires what is overdue.
func TestOverdueRotationFiresInAPartition(t *testing.T) {
	w := newWorld(t, sim.Options{})
	rotating(w)
	w.region(east, sim.RegionHang)
	w.advance(11 * 24 * time.Hour)
	w.region(east, sim.RegionPartitioned)
	if s, _ := w.cloud.State().Secret("123456789012", east, "s"); len(s.Versions) != 3 {
		t.Errorf("%d versions, want a third by the overdue rotation", len(s.Versions))
	}
}
