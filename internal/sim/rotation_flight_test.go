package sim_test

import (
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
)

// slow is a world in which each step of a rotation takes two seconds, and a
// secret whose rotation has just begun.
func slow(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, sim.Options{RotationStep: 2 * time.Second})
	w.create("s", `{"username":"app","password":"one"}`, west)
	w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
	return w
}

// value says whether a version has got its value.
func (w *world) value(id string) bool {
	s, _ := w.cloud.State().Secret("123456789012", east, "s")
	return s.Versions[id].Value != ""
}

// AWS: "Lambda rotation functions": what each step leaves, seen in between.
func TestRotationInFlight(t *testing.T) {
	w := slow(t)
	pending := map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1}
	for _, step := range []struct {
		name         string
		value, login bool
	}{{"begun", false, true}, {"createSecret", true, true}, {"setSecret", true, false}, {"testSecret", true, false}} {
		w.equal(step.name, w.stages(east), pending)
		w.equal(step.name+" in the replica", w.stages(west), pending)
		w.equal(step.name+": value", w.value(rotate1), step.value)
		w.login(east, step.login)
		w.advance(2 * time.Second)
	}
	w.equal("finishSecret", w.stages(east), map[string]string{"AWSCURRENT": rotate1, "AWSPREVIOUS": token1})
	w.equal("LastRotatedDate", w.describe(east).LastRotatedDate, epoch.Add(8*time.Second))
	w.login(east, true)
}

func TestRotationInFlightMeetsOtherCalls(t *testing.T) {
	done := map[string]string{"AWSCURRENT": rotate1, "AWSPREVIOUS": token1}
	hangs := map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1}
	for _, c := range []struct {
		name string
		do   func(*world)
		want map[string]string // a minute later
	}{
		{"asked for again with its token", func(w *world) { w.must(w.rotate(east, rotate1, "", nil, true)) }, done},
		{"asked for with another token", func(w *world) {
			w.refused(w.rotate(east, rotate2, "", nil, true), "InvalidRequestException", notComplete)
		}, done},
		{"cancelled", func(w *world) { w.must(w.cancel(east)) }, hangs},
		{"given up by a new value", func(w *world) { w.must(w.put(east, token2, "two")) },
			map[string]string{"AWSCURRENT": token2, "AWSPREVIOUS": token1}},
		{"a step fails", func(w *world) { w.must(w.cloud.FailRotation(east, "s", "testSecret", 1)) }, hangs},
		{"the region hangs", func(w *world) { w.region(east, sim.RegionHang); w.advance(time.Hour); w.region(east, sim.RegionUp) }, done},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := slow(t)
			w.advance(3 * time.Second)
			c.do(w)
			w.advance(time.Minute)
			w.equal("stages", w.stages(east), c.want)
			w.advance(16 * time.Minute) // attempts come again, unless it was cancelled
			if c.name == "a step fails" {
				w.equal("after another attempt", w.stages(east), done)
			}
		})
	}
}

// The primary is lost between setSecret and finishSecret: no region's current
// value logs in any more, only the pending one, which the replica has.
func TestPrimaryLostBetweenTwoSteps(t *testing.T) {
	w := slow(t)
	w.advance(5 * time.Second)
	w.region(east, sim.RegionRefuse)
	w.must(w.promote(west))
	w.login(west, false)
	w.equal("what was promoted", w.stages(west), map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1})
}

func TestTheTestOfRotationTakesItsTime(t *testing.T) {
	w := newWorld(t, sim.Options{RotationStep: 2 * time.Second})
	w.create("s", `{"username":"app","password":"one"}`)
	w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), false))
	w.equal("meanwhile", w.stages(east), map[string]string{"AWSCURRENT": token1, "AWSPENDING": rotate1})
	w.advance(2 * time.Second)
	w.equal("then", w.stages(east), map[string]string{"AWSCURRENT": token1})
}
