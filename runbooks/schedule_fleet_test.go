package runbooks_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

var fleetRegions = []string{string(home), string(west), string(ireland)}

// A fleetSpec is the first line of a script: fleet KEY=VALUE …
type fleetSpec struct {
	seed                                        int64
	secrets, regions, rotating, alarms, missing int
	lag, listLag, step                          time.Duration
	quotas, fence                               string
	quirks                                      sim.Quirks
}

func parseFleet(words []string) (f fleetSpec, err error) {
	numbers := map[string]*int{"secrets": &f.secrets, "regions": &f.regions, "rotating": &f.rotating, "alarms": &f.alarms, "missing": &f.missing}
	times := map[string]*time.Duration{"lag": &f.lag, "list-lag": &f.listLag, "step": &f.step}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "seed":
			f.seed, err = strconv.ParseInt(value, 10, 64)
		case "lag", "list-lag", "step":
			*times[key], err = time.ParseDuration(value)
		case "quotas":
			f.quotas = value
		case "fence":
			f.fence = value
		case "quirks":
			for _, q := range strings.Split(value, ",") {
				if q != "default" && err == nil {
					err = sim.ParseQuirk(&f.quirks, q)
				}
			}
		default:
			n, ok := numbers[key]
			if !ok {
				return f, fmt.Errorf("no %q in a fleet", key)
			}
			*n, err = strconv.Atoi(value)
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", w, err)
		}
	}
	return f, nil
}

// newStage builds the fleet of a script's first line.
func newStage(t *testing.T, words []string, rotating map[string]bool) *stage {
	t.Helper()
	f, err := parseFleet(words)
	if err != nil {
		t.Fatal(err)
	}
	aws := sim.New(sim.Options{
		Account: account, Seed: f.seed, Lag: f.lag, ListLag: f.listLag, RotationStep: f.step, Quotas: f.quotas, Quirks: f.quirks,
	})
	if err := aws.Load(f.fleet(rotating)); err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, seed: f.seed, listLag: f.listLag, sim: aws, desired: f.desired(), store: journal.NewMemory(), controllers: map[string]*controller{}}
	for _, name := range []string{"A", "B"} {
		st.controllers[name] = &controller{name: name}
	}
	st.witness = newWitness(st)
	st.witness.versions()
	return st
}

func (f *fleetSpec) fleet(rotating map[string]bool) *sim.Fleet {
	regions := fleetRegions[:f.regions]
	fleet := &sim.Fleet{
		Regions:   regions,
		Functions: []sim.FleetFunction{{Name: "rotate-db", Permitted: regions[:1]}},
		Topics:    []sim.FleetTopic{{Name: "alerts"}},
	}
	for _, r := range regions {
		fleet.Keys = append(fleet.Keys, sim.FleetKey{Alias: "alias/key", Region: r})
	}
	for i := range f.secrets {
		s := sim.FleetSecret{
			Name: fmt.Sprintf("prod/s%d", i), Key: "alias/key", Versions: 1 + i%2,
			Value: fmt.Sprintf(`{"engine":"postgres","host":"db","username":"app","password":"%s-%d","note":"%s"}`, marker, i, marker),
		}
		for _, r := range regions[1:] {
			s.Replicas = append(s.Replicas, sim.FleetReplica{Region: r, Key: "alias/key", Missing: i < f.missing})
		}
		if i < f.rotating {
			s.Rotation = &sim.FleetRotation{Lambda: "rotate-db", Schedule: "rate(1 days)"}
			if i%2 == 1 {
				s.Rotation.Schedule = "rate(4 hours)"
			}
			rotating[s.Name] = true
		}
		fleet.Secrets = append(fleet.Secrets, s)
	}
	for i := range f.alarms {
		fleet.Alarms = append(fleet.Alarms, sim.FleetAlarm{
			Name: fmt.Sprintf("secrets-%d", i), Namespace: "AWS/Lambda", Metric: "Errors", Threshold: 1,
			Dimensions: map[string]string{"FunctionName": "rotate-db"}, MissingData: "notBreaching", Topics: []string{"alerts"},
		})
	}
	return fleet
}

func (f *fleetSpec) desired() *topology.Desired {
	d := &topology.Desired{
		Account: account, Primary: home, Keys: map[topology.Region]string{},
		Groups: []topology.Group{{
			Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Priority: 100,
			Rotation: &topology.RotationPolicy{Template: "arn:aws:lambda:{region}:{account}:function:rotate-db"},
		}},
		Failover: topology.FailoverPolicy{Waves: []string{"1", "100%"}, Fence: f.fence},
	}
	for i, r := range fleetRegions[:f.regions] {
		d.Keys[topology.Region(r)] = "alias/key"
		if i > 0 {
			d.Standby = append(d.Standby, topology.Region(r))
		}
	}
	d.Groups[0].Replicas = d.Standby
	if f.alarms > 0 {
		d.Alarms = []topology.AlarmRule{{Match: []string{"secrets-*"}}}
	}
	return d
}
