package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

var keyStates = []string{"Creating", "Enabled", "Disabled", "PendingDeletion", "PendingImport",
	"PendingReplicaDeletion", "Unavailable", "Updating"}

// problem finds the first thing in the fleet that can't be, nil if there is none.
func (f *Fleet) problem() *problem {
	for _, check := range []func() *problem{
		f.regionProblem, f.keyProblem, f.functionProblem, f.groupProblem, f.secretProblem, f.alarmProblem,
	} {
		if p := check(); p != nil {
			return p
		}
	}
	return nil
}

func (f *Fleet) regionProblem() *problem {
	if len(f.Regions) == 0 {
		return problemf("regions", "missing: name at least one region, the primary first")
	}
	for i, region := range f.Regions {
		if !regionName.MatchString(region) {
			return problemf("regions", "%q is not a region name: write it like us-east-1", region)
		}
		if slices.Contains(f.Regions[:i], region) {
			return problemf("regions", "%q is named twice", region)
		}
	}
	for i, t := range f.Topics {
		if t.Name == "" {
			return problemf(fmt.Sprintf("topic[%d].name", i), "missing")
		}
		if p := f.known(fmt.Sprintf("topic[%d].regions", i), t.Regions...); p != nil {
			return p
		}
	}
	return nil
}

// known refuses a region that is not one of the fleet's.
func (f *Fleet) known(path string, regions ...string) *problem {
	for _, region := range regions {
		if !slices.Contains(f.Regions, region) {
			return problemf(path, "%q is not one of regions (%s)", region, strings.Join(f.Regions, ", "))
		}
	}
	return nil
}

func (f *Fleet) keyProblem() *problem {
	for i, k := range f.Keys {
		at := fmt.Sprintf("key[%d]", i)
		switch {
		case !strings.HasPrefix(k.Alias, "alias/") || strings.HasPrefix(k.Alias, "alias/aws/"):
			return problemf(at+".alias", "%q is not a customer's alias: write it like alias/secrets-key", k.Alias)
		case k.State != "" && !slices.Contains(keyStates, k.State):
			return problemf(at+".state", "unknown state %q: use one of %s", k.State, strings.Join(keyStates, ", "))
		}
		if p := f.known(at+".region", k.Region); p != nil {
			return p
		}
		if slices.ContainsFunc(f.Keys[:i], func(o FleetKey) bool { return o.Alias == k.Alias && o.Region == k.Region }) {
			return problemf(at+".alias", "%q is there twice in %s", k.Alias, k.Region)
		}
	}
	return nil
}

func (f *Fleet) functionProblem() *problem {
	for i, fn := range f.Functions {
		at := fmt.Sprintf("function[%d]", i)
		if fn.Name == "" {
			return problemf(at+".name", "missing")
		}
		if p := f.known(at+".regions", fn.Regions...); p != nil {
			return p
		}
		for _, region := range fn.Permitted {
			if !slices.Contains(f.or(fn.Regions), region) {
				return problemf(at+".permitted", "%q is not one of the function's regions", region)
			}
		}
	}
	return nil
}

func (f *Fleet) groupProblem() *problem {
	groups := map[string]bool{}
	for i, g := range f.LogGroups {
		at := fmt.Sprintf("log_group[%d]", i)
		if g.Name == "" {
			return problemf(at+".name", "missing")
		}
		if p := f.known(at+".regions", g.Regions...); p != nil {
			return p
		}
		groups[g.Name] = true
	}
	for i, m := range f.MetricFilters {
		at := fmt.Sprintf("metric_filter[%d]", i)
		switch {
		case m.Name == "":
			return problemf(at+".name", "missing")
		case m.Metric == "" || m.Namespace == "":
			return problemf(at, "needs metric and namespace: the metric that it feeds")
		case !groups[m.LogGroup]:
			return problemf(at+".log_group", "%q is not a log_group of this fleet", m.LogGroup)
		}
		if p := f.known(at+".regions", m.Regions...); p != nil {
			return p
		}
	}
	return nil
}

func (f *Fleet) secretProblem() *problem {
	seen := make(map[string]bool, len(f.Secrets))
	for i := range f.Secrets {
		s := &f.Secrets[i]
		at := fmt.Sprintf("secret[%d]", i)
		home := f.home(s.Region)
		if s.Name == "" {
			return problemf(at+".name", "missing")
		}
		if p := f.known(at+".region", home); p != nil {
			return p
		}
		if seen[home+" "+s.Name] {
			return problemf(at+".name", "%q is there twice in %s", s.Name, home)
		}
		seen[home+" "+s.Name] = true
		if s.Policy != "" && !json.Valid([]byte(s.Policy)) {
			return problemf(at+".policy", "not a JSON policy document")
		}
		if s.Versions < 0 || s.Versions > 90 {
			return problemf(at+".versions", "%d is out of range: use 1 to 90", s.Versions)
		}
		if p := f.keyOf(at+".key", home, s.Key); p != nil {
			return p
		}
		if p := f.replicaProblem(at, home, s); p != nil {
			return p
		}
		if p := f.rotationProblem(at+".rotation", home, s.Rotation); p != nil {
			return p
		}
	}
	return nil
}

func (f *Fleet) replicaProblem(at, home string, s *FleetSecret) *problem {
	for j, r := range s.Replicas {
		rat := fmt.Sprintf("%s.replica[%d]", at, j)
		if p := f.known(rat+".region", r.Region); p != nil {
			return p
		}
		if r.Region == home {
			return problemf(rat+".region", "%q is the secret's own region", r.Region)
		}
		if slices.ContainsFunc(s.Replicas[:j], func(o FleetReplica) bool { return o.Region == r.Region }) {
			return problemf(rat+".region", "%q is there twice", r.Region)
		}
		if p := f.keyOf(rat+".key", r.Region, r.Key); p != nil {
			return p
		}
	}
	return nil
}

// keyOf refuses an alias that the region does not have. Ids and ARNs are
// taken as they are: they fail as they would on AWS.
func (f *Fleet) keyOf(path, region, id string) *problem {
	if !strings.HasPrefix(id, "alias/") || strings.HasPrefix(id, "alias/aws/") {
		return nil
	}
	if !slices.ContainsFunc(f.Keys, func(k FleetKey) bool { return k.Alias == id && k.Region == region }) {
		return problemf(path, "%q is not a key of %s: add a [[key]] with that alias and region", id, region)
	}
	return nil
}

func (f *Fleet) rotationProblem(path, home string, r *FleetRotation) *problem {
	switch {
	case r == nil:
		return nil
	case r.Lambda == "":
		return problemf(path+".lambda", "missing: name a function")
	case r.Days > 0 && r.Schedule != "":
		return problemf(path+".schedule", "use days or schedule, not both")
	case r.Days < 0 || r.Days > 1000:
		return problemf(path+".days", "%d is out of range: use 1 to 1000", r.Days)
	case r.Days == 0 && r.Schedule == "":
		return problemf(path, "needs days or schedule")
	case strings.HasPrefix(r.Lambda, "arn:"):
		return nil
	}
	for _, fn := range f.Functions {
		if fn.Name == r.Lambda && slices.Contains(fn.Permitted, home) {
			return nil
		}
	}
	return problemf(path+".lambda", "no function %q permitted in %s: Secrets Manager could not invoke it", r.Lambda, home)
}

func (f *Fleet) alarmProblem() *problem {
	for i, a := range f.Alarms {
		at := fmt.Sprintf("alarm[%d]", i)
		if a.Name == "" || a.Metric == "" || a.Namespace == "" {
			return problemf(at, "needs name, metric and namespace")
		}
		if p := f.actionProblem(at, a.Regions, a.Topics); p != nil {
			return p
		}
	}
	for i, a := range f.Composites {
		at := fmt.Sprintf("composite_alarm[%d]", i)
		if a.Name == "" || a.Rule == "" {
			return problemf(at, "needs name and rule")
		}
		if p := f.actionProblem(at, a.Regions, a.Topics); p != nil {
			return p
		}
	}
	return nil
}

func (f *Fleet) actionProblem(at string, regions, topics []string) *problem {
	if p := f.known(at+".regions", regions...); p != nil {
		return p
	}
	for _, name := range topics {
		if !slices.ContainsFunc(f.Topics, func(t FleetTopic) bool { return t.Name == name }) {
			return problemf(at+".topics", "%q is not a topic of this fleet", name)
		}
	}
	return nil
}

// or is regions, or all of the fleet's if there are none.
func (f *Fleet) or(regions []string) []string {
	if len(regions) == 0 {
		return f.Regions
	}
	return regions
}

// home is region, or the fleet's first one.
func (f *Fleet) home(region string) string {
	if region == "" {
		return f.Regions[0]
	}
	return region
}

// homes is regions, or the fleet's first one.
func (f *Fleet) homes(regions []string) []string {
	if len(regions) == 0 {
		return f.Regions[:1]
	}
	return regions
}
