package executor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

func failedWith(rep *Report, code string) (n int) {
	for _, f := range rep.Failures {
		if f.Code == code {
			n++
		}
	}
	return n
}

func TestOneSecretsAccessDeniedStopsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := failoverWorld(4)
		m.denied[secretName(2)] = true
		s := journal.NewMemory()
		rep, err := executorOn(m, s).Run(t.Context(), failoverPlan(4), RunSpec{})
		var stopped *StoppedError
		if !errors.As(err, &stopped) || !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "understudy runs resume "+rep.ID) {
			t.Fatalf("error is %v, want a StoppedError with the command to go on", err)
		}
		// Both promotions are denied, and what needs them is left: attach,
		// cancel, overwrite, and both alarm steps.
		if rep.State != Halted || failedWith(rep, "AccessDeniedException") != 2 || rep.Steps.Left != 5 || rep.Steps.Applied != 3*5+1 {
			t.Fatalf("%+v", rep)
		}
		if m.secrets[west][secretName(3)].Role() == topology.RoleReplica {
			t.Error("the secrets after it were not promoted")
		}
		delete(m.denied, secretName(2))
		rep, err = executorOn(m, s).Resume(t.Context(), rep.ID)
		if err != nil || rep.State != Completed || len(rep.Failures) != 0 {
			t.Fatalf("after access was given: %v %+v", err, rep)
		}
	})
}

// G2, G4.
func TestWhatADarkRegionOwesIsDeferredAndPaidByAnyLaterRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(2), journal.NewMemory(), t.Context()
		m.dark[east] = true
		rep, err := executorOn(m, s).Run(ctx, failoverPlan(2), RunSpec{})
		if err != nil || rep.State != Completed || rep.Steps.Deferred != 3 || len(rep.Owed) != 3 {
			t.Fatalf("%v %+v", err, rep)
		}
		place := mustPlace(t, s)
		if len(place.Owed) != 3 || place.Owed[0].Action != "cancel-rotation" || place.Owed[2].Alarm != "logins" || place.Owed[0].Run != rep.ID {
			t.Fatalf("owed: %+v", place.Owed)
		}
		move := place.Acting[secretName(0)]
		if move.To != west || move.From != east || move.Run != rep.ID || len(move.Versions) != 1 {
			t.Fatalf("acting: %+v", place.Acting)
		}

		m.dark[east] = false // and another run pays one of them
		b := planning{planner.Plan{ID: "fe7c", Command: "fence", From: east, To: west}}
		b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east})
		if _, err := executorOn(m, s).Run(ctx, &b.plan, RunSpec{}); err != nil {
			t.Fatal(err)
		}
		if left := mustPlace(t, s).Owed; len(left) != 2 || left[0].Secret != secretName(1) {
			t.Fatalf("owed after one was paid: %+v", left)
		}
		if rep, err = executorOn(m, s).Resume(ctx, rep.ID); err != nil || rep.Steps.Deferred != 0 {
			t.Fatalf("%v %+v", err, rep)
		}
		if left := mustPlace(t, s).Owed; len(left) != 0 {
			t.Fatalf("owed after the resume: %+v", left)
		}
	})
}

func mustPlace(t *testing.T, s journal.Store) topology.Placement {
	t.Helper()
	p, err := Placement(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASkippedRegionIsNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := failoverWorld(1)
		rep, err := executorOn(m, journal.NewMemory()).Run(t.Context(), failoverPlan(1), RunSpec{Skip: []topology.Region{east}})
		if err != nil || rep.Steps.Deferred != 2 {
			t.Fatalf("%v %+v", err, rep)
		}
		for _, c := range m.mutations {
			if strings.Contains(c, string(east)) {
				t.Errorf("called %s", c)
			}
		}
	})
}

func TestADebtIsVoidOnceItsOppositeWasApplied(t *testing.T) {
	at := func(epoch int64, o Outcome, a planner.Action) deed {
		return deed{outcome: outcome{Action: a, On: "s", Region: east, Outcome: o}, epoch: epoch}
	}
	for name, later := range map[string]planner.Action{
		"the opposite": planner.AttachRotation, "an overwrite": planner.OverwriteReplica, "the step itself": planner.CancelRotation,
	} {
		owed := fold([]deed{at(1, Deferred, planner.CancelRotation), at(2, Applied, later)}).Owed
		if len(owed) != 0 {
			t.Errorf("%s left %+v", name, owed)
		}
	}
	if owed := fold([]deed{at(1, Applied, planner.CancelRotation), at(2, Deferred, planner.CancelRotation)}).Owed; len(owed) != 1 {
		t.Errorf("a payment before the debt paid it")
	}
}

func TestPlacementIgnoresThirdRegionsAndOtherCommands(t *testing.T) {
	promote := func(command string, r topology.Region) deed {
		return deed{outcome: outcome{Action: planner.Promote, On: "s", Region: r, Outcome: Applied},
			session: session{Command: command, From: east, To: west}}
	}
	if p := fold([]deed{promote("failover", ireland), promote("apply", west)}); len(p.Acting) != 0 {
		t.Errorf("acting: %+v", p.Acting)
	}
	if p := fold([]deed{promote("failover", west)}); p.Acting["s"].To != west {
		t.Errorf("acting: %+v", p.Acting)
	}
}

// G7: a second controller is refused; one that lost its lease makes no call.
func TestTwoControllers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(3), journal.NewMemory(), t.Context()
		var after []string
		stolen := false
		m.before = func(call string) error {
			if stolen {
				after = append(after, call)
			} else if strings.HasPrefix(call, "Promote") {
				stolen = true
				if _, err := New(Options{Cloud: m, Store: s}).Run(ctx, failoverPlan(1), RunSpec{}); !errors.Is(err, ErrLeaseHeld) {
					t.Errorf("a second controller got %v, want ErrLeaseHeld", err)
				}
				steal(t, s) //nolint:contextcheck // the test's own
			}
			return nil
		}
		b := planning{planner.Plan{ID: "10st", Command: "failover", To: west}}
		for i := range 3 {
			b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: west})
		}
		alive := New(Options{Cloud: m, Store: s, Holder: journal.Self("one"), Concurrency: 1})
		rep, err := alive.Run(ctx, &b.plan, RunSpec{})
		if !errors.Is(err, ErrLeaseLost) || !errors.Is(err, ErrStopped) || rep.State != Halted {
			t.Fatalf("error is %v, want ErrLeaseLost", err)
		}
		if len(after) != 0 {
			t.Fatalf("calls after the lease was lost: %q", after)
		}
	})
}

// steal takes the lease as a waiter would whose watch has ended.
func steal(t *testing.T, s journal.Store) {
	doc := []byte(`{"epoch":99,"state":"held","holder":{"host":"other","pid":1},"ttl":30}`)
	if err := journal.Replace(t.Context(), s, journal.LeaseKey, doc); err != nil {
		t.Error(err)
	}
}

func TestStopFinishesTheCallInFlightAndResumeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(5), journal.NewMemory(), t.Context()
		want := ""
		stop := make(chan struct{})
		m.after = func(call string) error {
			if strings.HasPrefix(call, "Promote") && want == "" {
				want = call
				close(stop)
			}
			return nil
		}
		e := New(Options{Cloud: m, Store: s, Holder: deadHolder(), Concurrency: 1, Stop: stop})
		rep, err := e.Run(ctx, failoverPlan(5), RunSpec{})
		if !errors.Is(err, ErrStopped) || rep.State != Halted || rep.Steps.Applied == 0 || rep.Steps.Left == 0 {
			t.Fatalf("%v %+v", err, rep)
		}
		runs, err := Runs(ctx, s)
		if err != nil || len(runs) != 1 || runs[0].State != Halted || runs[0].Died {
			t.Fatalf("%+v %v", runs, err)
		}
		m.after = nil
		if rep, err = executorOn(m, s).Resume(ctx, "r1"); err != nil || rep.State != Completed {
			t.Fatalf("%v %+v", err, rep)
		}
		if n := len(m.mutations); n != len(slices.Compact(slices.Sorted(slices.Values(m.mutations)))) {
			t.Errorf("a call was made twice: %q", m.mutations)
		}
		if rep, err = executorOn(m, s).Resume(ctx, "r1"); err != nil || rep.State != Completed {
			t.Fatalf("resuming a completed run: %v %+v", err, rep)
		}
	})
}

func TestARunWhoseProcessDiedIsShownAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := failoverWorld(1)
		p := &mortal{Store: journal.NewMemory(), atCall: 1}
		p.watch(m)
		if _, err := executorOn(m, p).Run(t.Context(), failoverPlan(1), RunSpec{}); err == nil {
			t.Fatal("it lived")
		}
		runs, err := Runs(t.Context(), p.Store)
		if err != nil || len(runs) != 1 || runs[0].State != Running || !runs[0].Died || runs[0].Total != 8 {
			t.Fatalf("%+v %v", runs, err)
		}
	})
}

func TestWavesTiersAndMaxFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := failoverWorld(20)
		spec := RunSpec{Default: Pace{Waves: []string{"1", "50%", "100%"}, Bake: time.Minute}}
		b := planning{planner.Plan{ID: "wave", Command: "failover", To: west}}
		for i := range 20 {
			b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: west, Group: "prod", Tier: 5})
		}
		m.add("urgent", west)
		b.add(planner.Step{Action: planner.Promote, Secret: "urgent", Region: west, Group: "first", Tier: 1})
		began := time.Now()
		var at []time.Duration
		var order []topology.Name
		e := New(Options{Cloud: m, Store: journal.NewMemory(), Progress: func(ev Event) {
			if ev.Kind == StepEnded {
				at, order = append(at, time.Since(began).Round(time.Second)), append(order, ev.Step.Secret)
			}
		}})
		if _, err := e.Run(t.Context(), &b.plan, spec); err != nil {
			t.Fatal(err)
		}
		if order[0] != "urgent" || order[1] != secretName(0) {
			t.Errorf("began with %q", order[:2])
		}
		for i, want := range map[int]time.Duration{1: 0, 2: time.Minute, 10: time.Minute, 11: 2 * time.Minute, 20: 2 * time.Minute} {
			if at[i] != want {
				t.Errorf("step %d ended at %v, want %v", i, at[i], want)
			}
		}
	})
}

func TestMaxFailuresHaltsItsGroupOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := failoverWorld(10)
		b := planning{planner.Plan{ID: "halt", Command: "failover", To: west}}
		for i := range 10 {
			group := "even"
			if i%2 == 1 {
				group = "odd"
			} else {
				m.denied[secretName(i)] = true
			}
			b.add(planner.Step{Action: planner.Promote, Secret: secretName(i), Region: west, Group: group})
		}
		spec := RunSpec{Groups: map[string]Pace{"even": {Waves: []string{"1", "2", "100%"}, MaxFailures: "1"}}}
		rep, err := executorOn(m, journal.NewMemory()).Run(t.Context(), &b.plan, spec)
		if !errors.Is(err, ErrStopped) || rep.Steps != (Counts{Applied: 5, Failed: 2, Left: 3}) {
			t.Fatalf("%v %+v", err, rep.Steps)
		}
	})
}

func TestTheSameCopyIsNeverTouchedTwiceAtOnceAndRekeysByRemovalGoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		b := planning{planner.Plan{ID: "seri", Command: "apply"}}
		for i := range 5 {
			m.add(secretName(i), west, ireland)
			for _, r := range []topology.Region{west, ireland} {
				b.add(planner.Step{Action: planner.RekeyReplica, Secret: secretName(i), Region: r,
					Params: planner.Params{From: east, Key: "alias/other", ViaRemoval: true}})
			}
		}
		gone := 0
		m.before = func(string) error {
			n := 0
			for _, r := range []topology.Region{west, ireland} {
				for i := range 5 {
					if m.secrets[r][secretName(i)] == nil {
						n++
					}
				}
			}
			gone = max(gone, n)
			return nil
		}
		e := New(Options{Cloud: m, Store: journal.NewMemory()})
		if _, err := e.Run(t.Context(), &b.plan, RunSpec{}); err != nil {
			t.Fatal(err)
		}
		if gone != 1 || len(m.overlap) > 0 {
			t.Errorf("%d replicas were gone at once, want 1; overlapping calls %q", gone, m.overlap)
		}
		for i := range 5 {
			if e := m.secrets[east][secretName(i)].Replicas; len(e) != 2 || e[0].KmsKeyID != "alias/other" || e[1].KmsKeyID != "alias/other" {
				t.Errorf("%s: %+v", secretName(i), e)
			}
		}
	})
}

func TestAbortTakesBackWhatCanBeAndNamesTheOneWayDoors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(1), journal.NewMemory(), t.Context()
		rep, err := executorOn(m, s).Run(ctx, failoverPlan(1), RunSpec{})
		if err != nil {
			t.Fatal(err)
		}
		rep, err = executorOn(m, s).Abort(ctx, rep.ID)
		if err != nil || rep.State != Aborted {
			t.Fatalf("%v %+v", err, rep)
		}
		var doors []string
		for _, d := range rep.OneWay {
			doors = append(doors, d.Action+" "+string(d.Region))
		}
		want := []string{"grant-invoke us-west-2", "promote us-west-2", "promote eu-west-1",
			"attach-rotation us-west-2", "cancel-rotation us-east-1", "overwrite-replica eu-west-1", "enable-alarms us-west-2"}
		if !slices.Equal(doors, want) {
			t.Errorf("one-way doors: %q, want %q", doors, want)
		}
		if m.secrets[east][secretName(0)].Rotation.Enabled || !m.alarms[east]["logins"].ActionsEnabled {
			t.Error("a fence was lifted, or the alarms are not as they were")
		}
		if !m.alarms[west]["logins"].ActionsEnabled {
			t.Error("the region where the secret is now was left without its alarms")
		}
		if _, err := executorOn(m, s).Resume(ctx, rep.ID); !errors.Is(err, ErrAborted) {
			t.Errorf("resuming it: %v, want ErrAborted", err)
		}
		if mustPlace(t, s).Acting[secretName(0)].To != west {
			t.Error("an abort does not take a promotion back, so the secret is still acting there")
		}
	})
}

func TestAbortGivesARotationBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := failoverWorld(1), journal.NewMemory()
		m.functions[lambdaIn(east)] = &topology.Function{ARN: lambdaIn(east), Invokable: true}
		before := m.state()
		b := planning{planner.Plan{ID: "free", Command: "switchover", From: east, To: west}}
		b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east})
		rep, err := executorOn(m, s).Run(t.Context(), &b.plan, RunSpec{})
		if err != nil || m.state() == before {
			t.Fatalf("%v, nothing changed", err)
		}
		if rep, err = executorOn(m, s).Abort(t.Context(), rep.ID); err != nil || len(rep.OneWay) != 0 || m.state() != before {
			t.Fatalf("%v %+v\n%s", err, rep.OneWay, m.state())
		}
	})
}

func TestBadPlansAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	step := func(id string, needs ...string) planner.Step {
		return planner.Step{ID: id, Action: planner.Promote, Secret: topology.Name(id), Region: west, Needs: needs}
	}
	for name, steps := range map[string][]planner.Step{
		"a need that is not there": {step("a", "b")},
		"a circle":                 {step("a", "b"), step("b", "a")},
		"one id twice":             {step("a"), step("a")},
		"no id":                    {step("")},
		"an unknown action":        {{ID: "a", Action: "explode"}},
		"an alarm without one":     {{ID: "a", Action: planner.PutAlarm}},
	} {
		s := journal.NewMemory()
		rep, err := executorOn(newModel(), s).Run(t.Context(), &planner.Plan{Steps: steps}, RunSpec{})
		if !errors.Is(err, ErrBadPlan) || rep != nil {
			t.Errorf("%s: %v, %v", name, rep, err)
		}
		for key := range s.List(t.Context(), "", "") {
			t.Errorf("%s: wrote %s", name, key)
		}
	}
}

// G2: an apply that stopped before a failover must not be resumed into the
// state from before it.
func TestResumeLeavesAloneWhatALaterRunHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(0), journal.NewMemory(), t.Context()
		name := secretName(0)
		m.add(name, west)
		add := planning{planner.Plan{ID: "aaaa", Command: "apply"}}
		add.add(planner.Step{Action: planner.Replicate, Secret: name, Region: ireland, Params: planner.Params{From: east, Key: topology.DefaultKey}})
		m.denied[name] = true
		rep, err := executorOn(m, s).Run(ctx, &add.plan, RunSpec{})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		delete(m.denied, name)
		move := planning{planner.Plan{ID: "bbbb", Command: "failover", From: east, To: west}}
		move.add(planner.Step{Action: planner.Promote, Secret: name, Region: west, Params: planner.Params{From: east}})
		if _, err := executorOn(m, s).Run(ctx, &move.plan, RunSpec{}); err != nil {
			t.Fatal(err)
		}
		before := m.state()
		rep, err = executorOn(m, s).Resume(ctx, rep.ID)
		if !errors.Is(err, ErrOvertaken) || rep.State != Halted || m.state() != before {
			t.Fatalf("the old primary was given a replica again: %v %+v\n%s", err, rep, m.state())
		}
	})
}

// G2: a failover that is aborted with the promotion made and the fence not.
func TestAbortOwesTheFenceOfWhatWasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s, ctx := failoverWorld(1), journal.NewMemory(), t.Context()
		m.secrets[east][secretName(0)].Rotation.Enabled = true
		b := planning{planner.Plan{ID: "f00d", Command: "failover", From: east, To: west}}
		up := b.add(planner.Step{Action: planner.Promote, Secret: secretName(0), Region: west})
		b.add(planner.Step{Action: planner.CancelRotation, Secret: secretName(0), Region: east, Owed: true, Expect: planner.Expect{ARN: "another"}}, up)
		rep, err := executorOn(m, s).Run(ctx, &b.plan, RunSpec{})
		if !errors.Is(err, ErrStopped) || failedWith(rep, CodeStalePlan) != 1 {
			t.Fatalf("%v %+v", err, rep)
		}
		rep, err = executorOn(m, s).Abort(ctx, rep.ID)
		if err != nil || rep.State != Aborted {
			t.Fatalf("%v %+v", err, rep)
		}
		p, err := Placement(ctx, s)
		if err != nil || len(p.Owed) != 1 || p.Owed[0].Action != string(planner.CancelRotation) || p.Owed[0].Region != east {
			t.Fatalf("owed after the abort: %v, %v", p.Owed, err)
		}
	})
}
