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

// Resources is what one account has in one region, by name; keys by id.
type Resources struct {
	Secrets   map[string]SecretState   `json:"secrets,omitempty"`
	Keys      map[string]KeyState      `json:"keys,omitempty"`
	Functions map[string]FunctionState `json:"functions,omitempty"`
	Alarms    map[string]AlarmState    `json:"alarms,omitempty"`
	LogGroups map[string]LogGroupState `json:"log_groups,omitempty"`
	Topics    map[string]TopicState    `json:"topics,omitempty"`
}

// empty says whether there is nothing: a region that was only looked at
// leaves no trace in the state.
func (r Resources) empty() bool {
	return len(r.Secrets)+len(r.Keys)+len(r.Functions)+len(r.Alarms)+len(r.LogGroups)+len(r.Topics) == 0
}

// State returns a copy of what there is now.
func (c *Cloud) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	out := State{Accounts: map[string]map[string]Resources{}, Regions: map[string]RegionState{}}
	for id, a := range c.accounts {
		regions := map[string]Resources{}
		for region, at := range a.regions {
			if r := at.resources(); !r.empty() {
				regions[region] = r
			}
		}
		if len(regions) > 0 {
			out.Accounts[id] = regions
		}
	}
	for region, rc := range c.regions {
		out.Regions[region] = rc.RegionState
	}
	return out
}

// Secrets is the part of State that holds an account's secrets, by region and
// name, for callers that look often.
func (c *Cloud) Secrets(account string) map[string]map[string]SecretState {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	out := map[string]map[string]SecretState{}
	if a := c.accounts[account]; a != nil {
		for region, at := range a.regions {
			out[region] = at.secretState()
		}
	}
	return out
}

func (at *regionStore) resources() Resources {
	return Resources{
		Secrets: at.secretState(), Keys: at.keyState(), Functions: at.functionState(),
		Alarms: at.alarmState(), LogGroups: at.logState(), Topics: at.topicState(),
	}
}

// Secret is one secret of the default account's region; false if it is not there.
func (s State) Secret(account, region, name string) (SecretState, bool) {
	secret, ok := s.Accounts[account][region].Secrets[name]
	return secret, ok
}
