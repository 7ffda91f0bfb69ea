package topology

import "time"

// Desired is what the configuration asks for, in one account.
type Desired struct {
	Account string   // twelve digits; "" = whatever the credentials say
	Primary Region   // the home region; who is primary now is observed
	Standby []Region // in order of preference
	Keys    map[Region]string
	Groups  []Group // in file order: the first that fits a secret wins
	Alarms  []AlarmRule

	Failover FailoverPolicy
}

// Regions returns the primary and then the standbys, in order of preference.
func (d *Desired) Regions() []Region {
	return append([]Region{d.Primary}, d.Standby...)
}

// A Group says what its secrets should look like.
type Group struct {
	Name     string
	Selector Selector
	Priority int      // tiers run in ascending order; default 100
	Replicas []Region // where replicas should be, while home is the primary
	Keys     map[Region]string
	Rotation *RotationPolicy // nil: rotation is left as it is found
	RTO, RPO time.Duration   // 0: no target
	Waves    []string        // "1", "10%", "100%"; nil: Failover.Waves
	// MaxFailures halts the group's wave: "3" or "5%"; "": Failover.MaxFailures.
	MaxFailures string
}

// RotationPolicy names the rotation function of each region.
type RotationPolicy struct {
	// Lambda by region; Template, with {region} and {account} (and {partition}),
	// where the map has no entry.
	Lambda   map[Region]string
	Template string
	// RotateImmediately starts a rotation when one is attached in a failover.
	RotateImmediately bool
}

// An AlarmRule says which alarms of the primary are staged in the standbys,
// and where their actions go there.
type AlarmRule struct {
	Match   []string
	Exclude []string
	// Actions replaces all three action lists' members in a region. A region
	// without an entry gets the primary's ARNs with the region replaced.
	Actions map[Region][]string
}

// FailoverPolicy is the [failover] table.
type FailoverPolicy struct {
	Waves       []string
	MaxFailures string
	AcceptStale int           // secrets that may be behind without --accept-stale
	Bake        time.Duration // pause between waves
	Fence       string        // "rotation" (default), "rotation+lambda", "policy"
	ReadCheck   bool          // read every moved secret's value once, and drop it
	Probes      []Probe
}

// A Probe is an HTTP check of an application after a move.
type Probe struct {
	Name, URL string
	Timeout   time.Duration
}

// Key is the KMS key reference that a group's secrets should have in a
// region: the group's, else the configuration's, else the AWS-managed key.
func (d *Desired) Key(g *Group, r Region) string {
	if k := g.Keys[r]; k != "" {
		return k
	}
	if k := d.Keys[r]; k != "" {
		return k
	}
	return DefaultKey
}

// LambdaIn is the rotation function of a group in a region, "" if the
// configuration names none. account fills the template.
func (p *RotationPolicy) LambdaIn(r Region, account string) string {
	if p == nil {
		return ""
	}
	if arn := p.Lambda[r]; arn != "" {
		return arn
	}
	return expand(p.Template, r, account)
}

// GroupOf returns the first group that fits the secret, nil if none does.
func (d *Desired) GroupOf(n Name, tags []Tag) *Group {
	for i := range d.Groups {
		if d.Groups[i].Selector.Fits(n, tags) {
			return &d.Groups[i]
		}
	}
	return nil
}

// RuleOf returns the first alarm rule that fits an alarm's name, nil if none.
func (d *Desired) RuleOf(alarm string) *AlarmRule {
	for i := range d.Alarms {
		rule := &d.Alarms[i]
		if MatchAny(rule.Match, alarm) && !MatchAny(rule.Exclude, alarm) {
			return rule
		}
	}
	return nil
}
