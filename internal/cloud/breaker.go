package cloud

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// tripAfter is how many attempts in a row must go without any answer before
// calls fail fast; cooldown is how long until one of them is let through
// again to see.
const (
	tripAfter = 3
	cooldown  = 10 * time.Second
)

// breakers holds one breaker per region and service. Services of a region
// have endpoints of their own: a Lambda that hangs must not keep Secrets
// Manager beside it from promoting.
type breakers struct {
	clock Clock
	log   *slog.Logger

	mu sync.Mutex
	by map[breakerKey]*breaker
}

type breakerKey struct {
	region  topology.Region
	service string
}

func newBreakers(clock Clock, log *slog.Logger) *breakers {
	return &breakers{clock: clock, log: log, by: map[breakerKey]*breaker{}}
}

func (b *breakers) of(r topology.Region, service string) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := breakerKey{r, service}
	found := b.by[k]
	if found == nil {
		found = &breaker{clock: b.clock, log: b.log.With("region", r, "service", service)}
		b.by[k] = found
	}
	return found
}

// A breaker is closed (calls pass), open (they fail fast) or half-open: one
// call is under way to see whether the region is back, and all others wait
// for what it hears, one attempt's deadline at most. To refuse them meanwhile
// would fail steps in a region that is back.
type breaker struct {
	clock Clock
	log   *slog.Logger

	mu       sync.Mutex
	failures int           // attempts in a row without an answer
	openedAt time.Time     // zero: closed
	trial    chan struct{} // closed when the call under way in an open breaker has ended; nil: none is
	last     string        // why it opened
}

// admit lets an attempt through, or says why not, once it is known or ctx
// ends. An observation's probe is always let through: it is there to find
// out. The caller reports what came of it to done, once.
func (b *breaker) admit(ctx context.Context, probe bool) (done func(heard), refused string) {
	for {
		done, refused, trial := b.ask(probe)
		if trial == nil {
			return done, refused
		}
		select {
		case <-trial:
		case <-ctx.Done():
			return nil, refused
		}
	}
}

// ask is one look: passed, refused, or to be asked again when trial is closed.
func (b *breaker) ask(probe bool) (done func(heard), refused string, trial <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.openedAt.IsZero() || probe:
		return func(h heard) { b.settle(h, probe, false) }, "", nil
	case b.trial != nil:
		return nil, b.last, b.trial
	case b.clock.Now().Sub(b.openedAt) < cooldown:
		return nil, b.last, nil
	}
	b.trial = make(chan struct{})
	return func(h heard) { b.settle(h, false, true) }, "", nil
}

// heard is what an attempt tells about whether the region is there.
type heard struct {
	answered bool   // any answer, an error included
	silent   string // why there was none; "" where the attempt tells nothing
}

func (b *breaker) settle(h heard, probe, trial bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		close(b.trial)
		b.trial = nil
	}
	switch {
	case h.answered:
		if !b.openedAt.IsZero() {
			b.log.Debug("answers again")
		}
		b.failures, b.openedAt, b.last = 0, time.Time{}, ""
	case h.silent != "":
		b.failures++
		b.last = h.silent
		// A probe had the whole region's attention: it need not fail thrice.
		if b.failures >= tripAfter || probe || trial {
			b.openedAt = b.clock.Now()
			b.log.Debug("does not answer: failing fast", "cause", h.silent)
		}
	}
}
