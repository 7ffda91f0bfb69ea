package sim

// A CallCount counts attempts at one operation. Every attempt that reached
// the simulator is in Total, whatever became of it: also one to a region
// that hangs or refuses, so that "no call to the lost region" can be proved.
type CallCount struct {
	Total     int `json:"total"`
	Mutating  int `json:"mutating"`  // attempts at an operation that changes state
	Throttled int `json:"throttled"` // attempts answered with a throttling error
}

// Calls counts attempts by region, service and operation. Services go by
// the name they are signed with: secretsmanager, kms, lambda, monitoring,
// logs, sns, sts. A call whose operation is unknown counts under the name it
// asked for.
type Calls map[string]map[string]map[string]CallCount

// Sum adds up one region's calls, over all services and operations.
func (c Calls) Sum(region string) CallCount {
	var sum CallCount
	for _, ops := range c[region] {
		for _, n := range ops {
			sum.Total += n.Total
			sum.Mutating += n.Mutating
			sum.Throttled += n.Throttled
		}
	}
	return sum
}

// callCounts is the running form of Calls.
type callCounts map[callKey]*CallCount

type callKey struct{ region, service, op string }

func (counts callCounts) of(r *request) *CallCount {
	k := callKey{r.region, r.service, r.op}
	n := counts[k]
	if n == nil {
		n = &CallCount{}
		counts[k] = n
	}
	return n
}

// Calls returns a copy of the counts since the start or the last ResetCalls.
func (c *Cloud) Calls() Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Calls{}
	for k, n := range c.calls {
		if out[k.region] == nil {
			out[k.region] = map[string]map[string]CallCount{}
		}
		if out[k.region][k.service] == nil {
			out[k.region][k.service] = map[string]CallCount{}
		}
		out[k.region][k.service][k.op] = *n
	}
	return out
}

// ResetCalls starts the counts anew.
func (c *Cloud) ResetCalls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = callCounts{}
}
