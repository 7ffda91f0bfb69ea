package cloud

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// IDs of our middleware in the SDK's stacks.
const (
	callID    = "Understudy:Call"
	attemptID = "Understudy:Attempt"
	sendID    = "Understudy:Send"
)

// instrument puts our middleware into the stack of one operation.
func instrument(stack *middleware.Stack, c *core, r topology.Region, readOnly bool) error {
	begin := middleware.InitializeMiddlewareFunc(callID, (&callBegin{r, readOnly}).handle)
	if err := stack.Initialize.Add(begin, middleware.Before); err != nil {
		return err
	}
	// After "Retry" is inside of its loop: once per attempt, and before the
	// request is signed, so that waiting for the limiter does not age the
	// signature.
	attempt := middleware.FinalizeMiddlewareFunc(attemptID, (&attempt{c, r}).handle)
	if err := stack.Finalize.Insert(attempt, "Retry", middleware.After); err != nil {
		return fmt.Errorf("pace attempts: %w", err)
	}
	// The innermost of all: behind it there is only the HTTP client.
	send := middleware.DeserializeMiddlewareFunc(sendID, (&send{c, r}).handle)
	return stack.Deserialize.Add(send, middleware.After)
}

// A call is one operation on its way through the stack, all attempts.
type call struct {
	service string
	op      string
	region  topology.Region

	attempts int
	sent     bool    // the current attempt reached the HTTP client
	lost     bool    // some attempt may have been applied without an answer
	last     failure // of the last attempt
}

type callKey struct{}

type probeKey struct{}

// asProbe marks calls that are to find out whether a region answers: their
// attempts get ProbeTimeout, silence is not tried again, and no breaker stops
// them.
func asProbe(ctx context.Context) context.Context {
	return context.WithValue(ctx, probeKey{}, true)
}

// errProbeOver is the cause with which a probe's own time limit ends its
// context: the region is silent, the caller has not given up.
var errProbeOver = errors.New("probe over")

// endOf is the error of the caller's context, nil while the caller waits.
func endOf(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errProbeOver) {
		return nil
	}
	return ctx.Err()
}

func isProbe(ctx context.Context) bool { return ctx.Value(probeKey{}) != nil }

// callBegin is the outermost middleware: it opens the call, and closes it by
// wrapping its error.
type callBegin struct {
	region   topology.Region
	readOnly bool
}

func (m *callBegin) handle(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	out middleware.InitializeOutput, md middleware.Metadata, err error,
) {
	c := &call{service: middleware.GetServiceID(ctx), op: middleware.GetOperationName(ctx), region: m.region}
	if m.readOnly && !isRead(c.op) {
		return out, md, fmt.Errorf("%w: %s", ErrReadOnly, c.op)
	}
	out, md, err = next.HandleInitialize(context.WithValue(ctx, callKey{}, c), in)
	if err != nil {
		err = &callError{failure: c.outcome(ctx, err), Err: err}
	}
	return out, md, err
}

// send is the last middleware before the HTTP client. It counts the attempt,
// and notes that from now on AWS may have seen it.
type send struct {
	core   *core
	region topology.Region
}

// handle asks executor.Guard for every attempt of a mutating call, at the last
// moment there is: waiting for the limiter, for credentials or between two
// attempts may take longer than the lease lives.
func (m *send) handle(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, md middleware.Metadata, err error,
) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return out, md, errors.New("attempt outside of a call")
	}
	n := executor.Calls{Total: 1}
	if isMutating(c.op) {
		if err := executor.Guard(ctx); err != nil {
			return out, md, &guardError{err}
		}
		n.Mutating = 1
	}
	m.core.calls.add(m.region, c.op, n)
	c.sent = true
	return next.HandleDeserialize(ctx, in)
}

// A guardError: this controller may send no mutating request any more.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }
func (e *guardError) Unwrap() error { return e.err }

// attempt is the middleware inside the retry loop.
type attempt struct {
	core   *core
	region topology.Region
}

func (m *attempt) handle(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, md middleware.Metadata, err error,
) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return out, md, errors.New("attempt outside of a call")
	}
	c.sent = false
	probe := isProbe(ctx)
	done, refused := m.core.breakers.of(m.region, c.service).admit(ctx, probe)
	if refused != "" {
		return out, md, m.fail(c, failure{kind: refusedFast, cause: topology.CauseUnreachable, text: refused}, probe)
	}
	limit := m.core.limiters.of(m.region, bucketOf(c.service, c.op))
	if err := limit.wait(ctx); err != nil {
		done(heard{})
		return out, md, err
	}
	out, md, err = m.try(ctx, c, in, next, probe)
	if err == nil {
		done(heard{answered: true})
		return out, md, nil
	}
	f := classify(err, c, endOf(ctx))
	if c.sent {
		done(f.heard())
	} else {
		done(heard{}) // credentials or the request itself: nothing about this service
	}
	if f.kind == throttled {
		limit.throttled()
		m.core.calls.add(m.region, c.op, executor.Calls{Throttled: 1})
	}
	return out, md, m.fail(c, f, probe)
}

// try makes one attempt under its deadline.
func (m *attempt) try(ctx context.Context, c *call, in middleware.FinalizeInput, next middleware.FinalizeHandler, probe bool) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	limit := m.core.opts.AttemptTimeout
	if probe {
		limit = m.core.opts.ProbeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.attempts++
	return next.HandleFinalize(ctx, in)
}

// fail records the attempt's failure and says whether there is to be another.
func (m *attempt) fail(c *call, f failure, probe bool) error {
	c.last = f
	if f.kind == lost || f.kind == canceled && c.sent {
		c.lost = true
	}
	return &attemptError{failure: f, attempt: c.attempts, again: retryable(f, c, probe)}
}

// An attemptError carries the verdict on one attempt to the SDK's retry loop.
type attemptError struct {
	failure
	attempt int
	again   bool
}

func (e *attemptError) Error() string { return e.text }
func (e *attemptError) Unwrap() error { return e.err }

// RetryableError is what retry.RetryableError asks for.
func (e *attemptError) RetryableError() bool { return e.again }

// maxAttempts ends the SDK's loop whatever errors.go says.
const maxAttempts = 10

// newRetryer is the SDK's standard retryer with its decisions taken out:
// attemptError has decided, class by class. Its token bucket is out of the
// way, because a brownout of one hundred retries would empty it and fail
// every call after. Delays go by our own count of attempts and not by the
// SDK's, which AWS_NEW_RETRIES_2026 would shift by one.
func newRetryer(jitter func() float64) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.RateLimiter = ratelimit.None
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableError{}}
		o.Backoff = retry.BackoffDelayerFunc(func(n int, err error) (time.Duration, error) {
			if e, ok := errors.AsType[*attemptError](err); ok {
				n = e.attempt
			}
			return backoffDelay(n, jitter()), nil
		})
	})
}

// Delays before another attempt: half to all of 100 ms, doubling up to 5 s.
const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 5 * time.Second
)

func backoffDelay(attempt int, jitter float64) time.Duration {
	full := float64(firstDelay) * math.Pow(2, float64(max(attempt, 1)-1))
	full = math.Min(full, float64(maxDelay))
	return time.Duration(full * (0.5 + jitter/2))
}
