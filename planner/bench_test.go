//go:build unix

package planner_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// fleet is n secrets in three regions as a listing shows them, all healthy
// but every bad-th one, which lacks a replica.
func fleet(n, bad int) planner.Input {
	regions := []topology.Region{"us-east-1", "us-west-2", "eu-west-1"}
	d := &topology.Desired{Account: account, Primary: regions[0], Standby: regions[1:], Keys: map[topology.Region]string{}}
	for i := range 20 {
		d.Groups = append(d.Groups, topology.Group{
			Name: fmt.Sprint("team", i), Priority: i, Replicas: regions[1:],
			Selector: topology.Selector{Match: []string{fmt.Sprintf("team%d/*", i)}, Exclude: []string{"*/scratch/*"}},
		})
	}
	in := planner.Input{Desired: d, Now: now, Observed: &topology.Snapshot{Account: account, Taken: now, Regions: map[topology.Region]*topology.RegionView{}}}
	for _, r := range regions {
		v := newView(r, now)
		d.Keys[r] = "alias/secrets"
		k := topology.Key{ARN: "arn:aws:kms:" + string(r) + ":" + account + ":key/1", State: "Enabled"}
		v.Keys["alias/secrets"], v.Keys[k.ARN] = k, k
		for i := range n {
			if r != regions[0] && bad > 0 && i%bad == 0 {
				continue
			}
			name := fmt.Sprintf("team%d/service-%06d/db", i%20, i)
			v.Secrets[topology.Name(name)] = &topology.Secret{
				Name: topology.Name(name), Region: r, ARN: secretARN(r, name, "aaaaaa"), PrimaryRegion: regions[0], KmsKeyID: k.ARN,
				Versions: []topology.Version{{ID: "v1", Stages: []string{topology.StagePrevious}}, {ID: "v2", Stages: []string{topology.StageCurrent}}},
			}
		}
		in.Observed.Regions[r] = v
	}
	return in
}

func BenchmarkConverge100k(b *testing.B) {
	for _, bad := range []int{0, 100, 1} {
		name := "healthy"
		if bad > 0 {
			name = fmt.Sprintf("one in %d lacks its replicas", bad)
		}
		b.Run(name, func(b *testing.B) { benchmark(b, fleet(100_000, bad), planner.Converge) })
	}
}

func BenchmarkFailover100k(b *testing.B) {
	in := fleet(100_000, 0)
	in.Recovery = &topology.Snapshot{Taken: now, Regions: map[topology.Region]*topology.RegionView{"us-east-1": in.Observed.Regions["us-east-1"]}}
	in.Observed.Regions["us-east-1"] = &topology.RegionView{Region: "us-east-1", Dark: topology.CauseTimeout}
	in.Options.To = "us-west-2"
	benchmark(b, in, planner.Failover)
}

// benchmark plans on one core. It reports processor time as well, which other
// programs on the machine do not stretch, and the heap in MiB that the process
// holds for input and plans.
func benchmark(b *testing.B, in planner.Input, plan func(planner.Input) *planner.Plan) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b.ReportAllocs()
	var p *planner.Plan
	start, rounds := processorTime(), 0
	for b.Loop() {
		p = plan(in)
		rounds++
	}
	b.ReportMetric((processorTime()-start).Seconds()*1000/float64(rounds), "cpu-ms/op")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(len(p.Steps)), "steps")
	b.ReportMetric(float64(m.HeapSys-m.HeapReleased)/(1<<20), "MiB-heap")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
