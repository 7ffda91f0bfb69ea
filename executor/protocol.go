package executor

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// An operation is how one step is done, as made by the switch in apply.go.
type operation struct {
	// first is the AWS operation that the step begins with, for its intent.
	first string
	// look reads afresh what the step touches and says what is to be done.
	look func(ctx context.Context, p *progress) (sight, error)
	// mayPass reports a refusal that may pass by itself (nil: none does).
	mayPass func(error) bool
}

// A sight is what a look found: the postcondition holds, or a call must be
// made, or (neither) only time can tell.
type sight struct {
	done     bool
	call     *call
	takes    *topology.Permission // what the call takes away: remembered before
	waiting  string               // for what; the last status AWS gave
	overdue  error                // what the step fails with if it waits in vain; nil: a time-out
	note     string               // for the outcome
	versions []topology.Version   // of a copy about to be promoted
	empty    string               // a version without a value that a fence keeps so
	seen     time.Time            // when it was seen promoted, by AWS's clock
}

// A call is one mutating AWS operation.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// progress is what this process has done for a step.
type progress struct {
	acked   map[string]bool // calls that AWS accepted
	actedAt time.Time       // when the last call returned
	unsure  bool            // the last call's answer was lost
	unseen  int             // looks since then that showed no effect
	lost    int             // answers lost
	tries   int             // refusals that may pass, throttles
	refused error           // the last call's refusal, until a look has explained it
	asked   string          // the call that was refused
	blind   int             // looks in a row that failed
	polls   uint64
	last    bool // the run is stopping: the next look is the last

	versions []topology.Version
	away     absence
	took     *topology.Permission // what the journal remembers of the call that comes next
}

func (p *progress) acted() bool { return len(p.acked) > 0 || p.lost > 0 }

const (
	pollFirst = 200 * time.Millisecond
	pollMost  = 2 * time.Second
	// settleLooks is how many looks must show that a call whose answer was
	// lost had no effect before it is repeated: all reads of Secrets Manager
	// are eventually consistent (AWS: DescribeSecret).
	settleLooks = 3
	mostLost    = 3 // lost answers before giving up
	mostTries   = 5 // refusals that may pass
)

// errInterrupted ends a step without an outcome: the run is stopping, and
// whoever resumes it looks again.
var errInterrupted = errors.New("interrupted")

// errHalted ends a step whose group was halted before it made a call.
var errHalted = errors.New("group halted")

// drive takes one step through the protocol. The error is what must end the
// run (journal, lease) or errInterrupted; a step's own failure is an outcome.
func (r *run) drive(ctx context.Context, s *planner.Step, op operation, slot slot, announced func(time.Time), undo bool) (outcome, error) {
	p := &progress{acked: map[string]bool{}}
	if err := r.announce(ctx, s, op.first, announced, undo); err != nil {
		return outcome{}, err
	}
	intent, began := op.first, r.now()
	for {
		see, err := p.look(ctx, op)
		if p.last && !see.done {
			return outcome{}, errInterrupted
		}
		if err != nil {
			if out, end, err := r.lookedInVain(ctx, s, p, began, err); end || err != nil {
				return out, err
			}
			if err := r.pause(ctx, s, p, slot); err != nil {
				return outcome{}, err
			}
			continue
		}
		p.blind = 0
		switch {
		case see.done:
			return r.succeeded(s, p, see), nil
		case see.call != nil && p.refused != nil && see.call.name == p.asked:
			return r.failedWith(s, p.refused), nil //nolint:nilerr // the look does not explain it away
		case see.call != nil && p.mayCall(see.call.name):
			if see.call.name != intent || !p.remembers(see.takes) {
				if err := r.remember(ctx, s, p, see.takes); err != nil {
					return outcome{}, err
				}
				if err := r.announce(ctx, s, see.call.name, announced, undo); err != nil {
					return outcome{}, err
				}
				intent = see.call.name
				continue // the intent took time: look again
			}
			p.versions = see.versions
			out, end, err := r.act(ctx, s, op, see.call, p, slot)
			if end || err != nil {
				return out, err
			}
			began = r.now()
			continue
		}
		if waited := r.now().Sub(began); waited >= r.patience(s) {
			if see.overdue != nil {
				return r.failedWith(s, see.overdue), nil //nolint:nilerr // an outcome, which ends the step and not the run
			}
			return r.failedWith(s, timedOut(waited, see)), nil
		}
		if err := r.pause(ctx, s, p, slot); err != nil {
			return outcome{}, err
		}
	}
}

// patience is how long a step waits for what a look says is not yet so.
func (r *run) patience(s *planner.Step) time.Duration {
	if s.Params.WindowSeconds > 0 {
		return time.Duration(s.Params.WindowSeconds * float64(time.Second))
	}
	return r.e.opts.VerifyTimeout
}

// mayCall: never again what AWS accepted (its effect is merely not visible
// yet), and what may have been applied only after looking long enough.
func (p *progress) mayCall(name string) bool {
	if p.acked[name] {
		return false
	}
	if p.unsure {
		p.unseen++
		return p.unseen >= settleLooks
	}
	return true
}

func timedOut(waited time.Duration, see sight) error {
	last := see.waiting
	if last == "" {
		last = "the change is not visible"
	}
	return &StepError{Code: CodeTimeout, Err: context.DeadlineExceeded,
		Message: fmt.Sprintf("not verified within %v, last seen: %s", waited.Round(time.Second), last)}
}

// lookedInVain judges a look that failed. After an act it is tried again:
// only a look can tell what became of it.
func (r *run) lookedInVain(ctx context.Context, s *planner.Step, p *progress, began time.Time, err error) (outcome, bool, error) {
	if ctx.Err() != nil {
		if p.acted() { // the pause that follows makes the next look the last
			return outcome{}, false, nil
		}
		return outcome{}, true, errInterrupted
	}
	passing := errors.Is(err, topology.ErrThrottled) || errors.Is(err, topology.ErrUnreachable) || errors.Is(err, topology.ErrUnknown)
	p.blind++
	switch {
	case !passing:
		return r.refusedOrOwed(s, err), true, nil
	case p.acted() && r.now().Sub(began) < r.blindness(s):
		return outcome{}, false, nil
	case errors.Is(err, topology.ErrThrottled) && p.blind < mostTries && !s.Owed: // the client tried often enough to owe it
		return outcome{}, false, nil
	}
	return r.failedOrOwed(s, err), true, nil
}

// owedBlind is how long a duty is looked after in a region that has gone dark
// again. It stays owed, whoever pays it looks, and nothing waits for it but the
// end of the run, and the lease that goes with it.
const owedBlind = 10 * time.Second

// blindness is how long a look may fail after an act.
func (r *run) blindness(s *planner.Step) time.Duration {
	if s.Owed {
		return min(owedBlind, r.e.opts.VerifyTimeout)
	}
	return r.e.opts.VerifyTimeout
}

// act makes one call. end means that the step is over.
func (r *run) act(run context.Context, s *planner.Step, op operation, c *call, p *progress, slot slot) (out outcome, end bool, err error) {
	if run.Err() != nil {
		return outcome{}, true, errInterrupted
	}
	// A call that has begun is finished: an operator's interrupt must not
	// turn it into an unknown one.
	ctx := context.WithoutCancel(run)
	if err := r.lease.Check(ctx); err != nil {
		return outcome{}, true, err
	}
	err = c.do(withGuard(ctx, r.lease.Check))
	p.actedAt, p.unsure, p.unseen = r.now(), false, 0
	switch {
	case err == nil:
		p.acked[c.name] = true
		return outcome{}, false, nil
	case errors.Is(err, errGuarded):
		return outcome{}, true, err
	case errors.Is(err, topology.ErrUnknown):
		p.lost++
		if p.unsure = true; p.lost > mostLost {
			return r.failedOrOwed(s, err), true, nil
		}
		return outcome{}, false, r.pause(run, s, p, slot)
	case errors.Is(err, topology.ErrUnreachable):
		return r.failedOrOwed(s, err), true, nil
	case errors.Is(err, topology.ErrThrottled), op.mayPass != nil && op.mayPass(err):
		owed := s.Owed && errors.Is(err, topology.ErrThrottled) // as in lookedInVain
		if p.tries++; p.tries > mostTries || owed {
			return r.failedOrOwed(s, err), true, nil
		}
		return outcome{}, false, r.sleep(run, slot, time.Duration(1<<(p.tries-1))*time.Second)
	case errors.Is(err, topology.ErrDenied):
		return r.refusedOrOwed(s, err), true, nil
	}
	// Refused, or a fault of the service: the world may have moved under us
	// (a promotion that somebody else made), so a look decides.
	p.refused, p.asked = err, c.name
	return outcome{}, false, nil
}

// announce makes the intent durable.
func (r *run) announce(ctx context.Context, s *planner.Step, name string, told func(time.Time), undo bool) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	at, err := r.log.Append(ctx, kindIntent, intent{Step: s.ID, Action: s.Action, On: s.Subject(), Region: s.Region, Call: name, Undo: undo})
	if err != nil {
		return err
	}
	told(at)
	return nil
}

// remember makes durable what a call is about to take away.
func (r *run) remember(ctx context.Context, s *planner.Step, p *progress, takes *topology.Permission) error {
	if p.remembers(takes) {
		return nil
	}
	rec := taken{Step: s.ID, On: s.Subject(), Region: s.Region, Permission: *takes}
	if _, err := r.log.Append(ctx, kindTaken, rec); err != nil {
		return err
	}
	p.took = takes
	return nil
}

func (p *progress) remembers(takes *topology.Permission) bool {
	return takes == nil || p.took != nil && *p.took == *takes
}

// pause waits between two looks, longer each time, without the step's slot.
func (r *run) pause(ctx context.Context, s *planner.Step, p *progress, slot slot) error {
	d := pollFirst << min(p.polls, 8)
	p.polls++
	err := r.sleep(ctx, slot, jitter(min(d, pollMost), s.ID, p.polls))
	if err == nil {
		return nil
	}
	if p.acted() {
		p.last = true // one look more, to know what became of the call
		return nil
	}
	return err
}

// lastLook bounds the look that a stopping run takes after a call.
const lastLook = 10 * time.Second

func (p *progress) look(ctx context.Context, op operation) (sight, error) {
	if p.last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastLook)
		defer cancel()
	}
	return op.look(ctx, p)
}

// sleep gives the slot back meanwhile: waiting costs no call.
func (r *run) sleep(ctx context.Context, slot slot, d time.Duration) error {
	slot.release()
	defer slot.acquire()
	if err := r.e.clock.Sleep(ctx, d); err != nil {
		return errInterrupted
	}
	return nil
}

// jitter spreads d by a fifth each way. It is a hash and not a random number,
// so a run is repeatable.
func jitter(d time.Duration, id string, n uint64) time.Duration {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, id, n) // a hash takes everything
	return d - d/5 + time.Duration(int64(d)*2/5*int64(h.Sum32()%1000)/1000)
}

func (r *run) succeeded(s *planner.Step, p *progress, see sight) outcome {
	out := outcomeOf(s, AlreadyDone)
	if p.acted() {
		out.Outcome, out.Away = Applied, p.away.seconds()
	}
	r.throttling.heard(s, nil)
	out.Note, out.Empty = see.note, see.empty
	if s.Action == planner.Promote {
		out.Dated = see.seen.UTC()
		out.Versions = p.versions
		if out.Versions == nil {
			out.Versions = see.versions
		}
	}
	return out
}

func (r *run) failedWith(s *planner.Step, err error) outcome {
	out := outcomeOf(s, Failing)
	out.Code, out.Message = codeOf(err), atStep(s, err).Error()
	out.Owed = s.Owed && out.Code != CodeStalePlan // what the world has overtaken is no duty any more
	return out
}

// failedOrOwed: what cannot be done because nobody answers is owed, if the
// plan says so.
func (r *run) failedOrOwed(s *planner.Step, err error) outcome {
	out := r.failedWith(s, err)
	if s.Owed {
		out.Outcome = Deferred
		r.throttling.heard(s, err)
	}
	return out
}

func outcomeOf(s *planner.Step, o Outcome) outcome {
	return outcome{Step: s.ID, Action: s.Action, On: s.Subject(), Region: s.Region, Outcome: o, Alarms: s.Params.Alarms}
}
