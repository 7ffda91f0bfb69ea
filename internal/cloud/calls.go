package cloud

import (
	"sync"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// calls counts every attempt, retries included, by region and operation.
type calls struct {
	mu sync.Mutex
	by map[topology.Region]map[string]executor.Calls
}

func newCalls() *calls { return &calls{by: map[topology.Region]map[string]executor.Calls{}} }

// add counts one attempt, or that one was throttled.
func (c *calls) add(r topology.Region, op string, n executor.Calls) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ops := c.by[r]
	if ops == nil {
		ops = map[string]executor.Calls{}
		c.by[r] = ops
	}
	ops[op] = sum(ops[op], n)
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.by)
}

func (c *calls) byRegion() map[topology.Region]executor.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[topology.Region]executor.Calls{}
	for r, ops := range c.by {
		for _, n := range ops {
			out[r] = sum(out[r], n)
		}
	}
	return out
}

func (c *calls) byOperation() map[topology.Region]map[string]executor.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[topology.Region]map[string]executor.Calls{}
	for r, ops := range c.by {
		out[r] = map[string]executor.Calls{}
		for op, n := range ops {
			out[r][op] = n
		}
	}
	return out
}

func sum(a, b executor.Calls) executor.Calls {
	return executor.Calls{
		Total:     a.Total + b.Total,
		Mutating:  a.Mutating + b.Mutating,
		Throttled: a.Throttled + b.Throttled,
	}
}
