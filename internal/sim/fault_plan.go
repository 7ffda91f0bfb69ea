package sim

import (
	"fmt"
	"time"
)

// A FaultPlan is what goes wrong when, as data: region states and faults, each
// at its time on the virtual clock. `understudy sim --faults FILE` reads one:
//
//	[[region]]
//	at = "10m"
//	name = "us-east-1"
//	state = "hang"
//
//	[[fault]]
//	match = { region = "us-west-2", operation = "StopReplicationToReplica" }
//	fault = "lost-answer"
//	count = 1
type FaultPlan struct {
	Regions []PlannedRegion `toml:"region"`
	Faults  []PlannedFault  `toml:"fault"`
}

// A PlannedRegion puts a region into a state.
type PlannedRegion struct {
	At       Duration            `toml:"at"` // after the plan was applied
	Name     string              `toml:"name"`
	State    string              `toml:"state"`
	Services []string            `toml:"services"`
	Lag      Duration            `toml:"lag"`
	LagFrom  map[string]Duration `toml:"lag_from"`
}

// A PlannedFault puts a Fault in force.
type PlannedFault struct {
	At Duration `toml:"at"` // after the plan was applied
	Fault
}

// ParseFaults reads a fault plan, strictly; errors begin with file:line:column.
func ParseFaults(file string, data []byte) (*FaultPlan, error) {
	plan := &FaultPlan{}
	if err := decodeTOML(file, data, plan); err != nil {
		return nil, err
	}
	if p := plan.problem(); p != nil {
		return nil, positionOf(file, data, p)
	}
	return plan, nil
}

func (p *FaultPlan) problem() *problem {
	for i, r := range p.Regions {
		if err := checkRegionState(r.Name, r.state()); err != nil {
			return problemf(fmt.Sprintf("region[%d]", i), "%s", err)
		}
	}
	for i, f := range p.Faults {
		if err := f.check(); err != nil {
			return problemf(fmt.Sprintf("fault[%d]", i), "%s", err)
		}
	}
	return nil
}

func (r PlannedRegion) state() RegionState {
	s := RegionState{State: r.State, Services: r.Services, Lag: r.Lag, LagFrom: r.LagFrom}
	if s.State == "" {
		s.State = RegionUp
	}
	return s
}

// ApplyFaults starts a fault plan: what has no time happens now, the rest
// when the virtual clock gets there.
func (c *Cloud) ApplyFaults(p *FaultPlan) error {
	if bad := p.problem(); bad != nil {
		return bad
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.nowLocked()
	for _, r := range p.Regions {
		c.at(now.Add(r.At.duration()), func(c *Cloud, _ time.Time) { c.setRegionLocked(r.Name, r.state()) })
	}
	for _, f := range p.Faults {
		c.at(now.Add(f.At.duration()), func(c *Cloud, _ time.Time) {
			c.faults = append(c.faults, &armedFault{Fault: f.Fault})
		})
	}
	c.settleLocked(now)
	return nil
}
