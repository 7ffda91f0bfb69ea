package sim

// A State is everything the simulated AWS holds but secret values, of which
// it gives SHA-256 hashes. Written as JSON it is the same, byte for byte, for
// the same seed and the same requests in the same order (with Options.Now
// frozen, as rotation settings hold times). It leaves out what only looking
// changes: the clock, calls, dates of last access.
type State struct {
	// Accounts holds resources by account and region.
	Accounts map[string]map[string]Resources `json:"accounts"`
	// Regions are the region states set under /_sim/regions.
	Regions map[string]RegionState `json:"regions,omitempty"`
}

// Resources is what one account has in one region, by name.
type Resources struct {
	Secrets map[string]SecretState `json:"secrets,omitempty"`
}

// State returns a copy of what there is now.
func (c *Cloud) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	out := State{Accounts: map[string]map[string]Resources{}, Regions: map[string]RegionState{}}
	for id, a := range c.accounts {
		out.Accounts[id] = map[string]Resources{}
		for region, at := range a.regions {
			out.Accounts[id][region] = at.resources()
		}
	}
	for region, rc := range c.regions {
		out.Regions[region] = rc.RegionState
	}
	return out
}

func (at *regionStore) resources() Resources {
	return Resources{Secrets: at.secretState()}
}

// Secret is one secret of the default account's region; false if it is not there.
func (s State) Secret(account, region, name string) (SecretState, bool) {
	secret, ok := s.Accounts[account][region].Secrets[name]
	return secret, ok
}
