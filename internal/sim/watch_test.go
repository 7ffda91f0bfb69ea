package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
)

// A watcher sees what lasts but a moment of a long wait, at its own time: a
// password that is set and not yet current, a replica that is yet to get it.
func TestWatchSeesEveryMoment(t *testing.T) {
	w := newWorld(t, sim.Options{RotationStep: 2 * time.Second, Lag: time.Second})
	w.create("s", `{"username":"app","password":"one"}`, west)
	w.advance(time.Minute)
	began := epoch.Add(time.Minute)
	var fails []string
	was := map[string]string{}
	w.cloud.Watch(func(at time.Time, served []sim.Served) {
		for _, s := range served {
			now := fmt.Sprintf("%s works %v catching %v readable %v", s.Region, s.Works, s.Catching, s.Readable)
			if now != was[s.Region] {
				fails = append(fails, at.Sub(began).String()+" "+now)
			}
			was[s.Region] = now
		}
	})
	w.must(w.rotate(east, rotate1, w.rotator(east), everyDays(10), true))
	w.advance(time.Hour)
	w.region(west, sim.RegionPartitioned)
	w.must(w.put(east, token2, "two"))
	w.advance(time.Hour)
	w.region(west, sim.RegionRefuse)
	w.cloud.Watch(nil)
	w.region(west, sim.RegionUp)
	w.equal("moments", fails, []string{
		"0s " + east + " works true catching false readable true",
		"0s " + west + " works true catching false readable true",
		"0s " + west + " works true catching true readable true", // AWSPENDING is on its way
		"1s " + west + " works true catching false readable true",
		"2s " + west + " works true catching true readable true",
		"3s " + west + " works true catching false readable true",
		"4s " + east + " works false catching false readable true", // setSecret
		"4s " + west + " works false catching true readable true",
		"5s " + west + " works false catching false readable true",
		"6s " + west + " works false catching true readable true",
		"7s " + west + " works false catching false readable true",
		"8s " + east + " works true catching false readable true", // finishSecret
		"8s " + west + " works false catching true readable true",
		"9s " + west + " works true catching false readable true",
		"1h0m0s " + west + " works false catching false readable true", // cut off: it will not come
		"2h0m0s " + west + " works false catching false readable false",
	})
}
