package config

import (
	"slices"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// defaultPriority is the tier of a group that names none.
const defaultPriority = 100

// fill puts the defaults in, so that `config check` can show them.
func (d *document) fill() {
	for i := range d.Groups {
		g := &d.Groups[i]
		if g.Priority == nil {
			g.Priority = new(defaultPriority)
		}
		if g.Replicas == nil {
			g.Replicas = slices.Clone(d.Regions.Standby)
		}
	}
	or(&d.State.Backend, "file")
	or(&d.Failover.Fence, "rotation")
	or(&d.Failover.MaxFailures, "5%")
	or(&d.Schedule.Drift, Duration(15*time.Minute))
	if d.Failover.Waves == nil {
		d.Failover.Waves = []string{"1", "10%", "100%"}
	}
	for i := range d.Failover.Probes {
		p := &d.Failover.Probes[i]
		or(&p.Name, p.URL)
		or(&p.Timeout, Duration(5*time.Second))
	}
	for i := range d.Notify {
		n := &d.Notify[i]
		or(&n.Format, "json")
		if n.Events == nil {
			n.Events = eventNames()
		}
	}
	or(&d.Quirks.RekeyInPlace, "unknown")
	or(&d.Quirks.PromotedEntry, "unknown")
}

// eventNames are package notify's events.
func eventNames() []string { return []string{"run-completed", "run-halted", "drift", "rehearsal"} }

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// config turns a checked document into what the rest of the program uses.
func (d *document) config(file string) *Config {
	c := &Config{
		File:     file,
		State:    State(d.State),
		Schedule: Schedule{Drift: time.Duration(d.Schedule.Drift)},
		Quota:    d.Quota,
		Quirks: topology.Quirks{
			RekeyInPlace:  unlessUnknown(d.Quirks.RekeyInPlace),
			PromotedEntry: unlessUnknown(d.Quirks.PromotedEntry),
		},
		doc: d,
	}
	if len(d.Account) > 0 {
		c.Account = Account(d.Account[0])
	}
	for _, n := range d.Notify {
		c.Notify = append(c.Notify, Webhook(n))
	}
	c.desired = d.desired(c.Account.ID)
	return c
}

func (d *document) desired(account string) *topology.Desired {
	out := &topology.Desired{
		Account: account,
		Primary: topology.Region(d.Regions.Primary),
		Standby: regions(d.Regions.Standby),
		Keys:    byRegion(d.Keys),
		Failover: topology.FailoverPolicy{
			Waves:       d.Failover.Waves,
			MaxFailures: d.Failover.MaxFailures,
			AcceptStale: d.Failover.AcceptStale,
			Bake:        time.Duration(d.Failover.Bake),
			Fence:       d.Failover.Fence,
			ReadCheck:   d.Failover.ReadCheck,
		},
	}
	for _, p := range d.Failover.Probes {
		out.Failover.Probes = append(out.Failover.Probes,
			topology.Probe{Name: p.Name, URL: p.URL, Timeout: time.Duration(p.Timeout)})
	}
	for i := range d.Groups {
		out.Groups = append(out.Groups, d.Groups[i].group(out.Primary))
	}
	for _, a := range d.Alarms {
		out.Alarms = append(out.Alarms, topology.AlarmRule{
			Match: a.Match, Exclude: a.Exclude, Actions: byRegion(a.Actions),
		})
	}
	return out
}

// group leaves the primary out of the replicas: a file that lists every
// region of a group stays true when its primary is edited after a failover.
func (g *groupTable) group(primary topology.Region) topology.Group {
	replicas := slices.DeleteFunc(regions(g.Replicas), func(r topology.Region) bool { return r == primary })
	out := topology.Group{
		Name:        g.Name,
		Selector:    topology.Selector{Match: g.Match, Exclude: g.Exclude, Tags: g.Tags},
		Priority:    *g.Priority,
		Replicas:    replicas,
		Keys:        byRegion(g.Keys),
		RTO:         time.Duration(g.RTO),
		RPO:         time.Duration(g.RPO),
		Waves:       g.Waves,
		MaxFailures: g.MaxFailures,
	}
	if g.Rotation != nil {
		out.Rotation = g.Rotation.policy()
	}
	return out
}

func (r *rotationTable) policy() *topology.RotationPolicy {
	p := &topology.RotationPolicy{RotateImmediately: r.RotateImmediately}
	switch lambda := r.Lambda.(type) {
	case string:
		p.Template = lambda
	case map[string]any:
		p.Lambda = map[topology.Region]string{}
		for region, arn := range lambda {
			p.Lambda[topology.Region(region)], _ = arn.(string)
		}
	}
	return p
}

func regions(codes []string) []topology.Region {
	out := make([]topology.Region, 0, len(codes))
	for _, c := range codes {
		out = append(out, topology.Region(c))
	}
	return out
}

func byRegion[V any](m map[string]V) map[topology.Region]V {
	out := make(map[topology.Region]V, len(m))
	for r, v := range m {
		out[topology.Region(r)] = v
	}
	return out
}

func unlessUnknown(answer string) string {
	if answer == "unknown" {
		return ""
	}
	return answer
}
