package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/understudy-dr/understudy/internal/topology"
)

// ErrReadOnly: a Reader was asked for something that is not a read.
var ErrReadOnly = errors.New("refused: this view is read-only")

// A kind is what a failure means for us.
//
//	kind         answer   applied    again?                      error
//	throttled    yes      no         yes, slower                 ErrThrottled
//	conflict     yes      no         yes, a few times            as AWS says it
//	refused      none     no         yes, unless no such host    ErrUnreachable
//	refusedFast  none     no         no (breaker)                ErrUnreachable
//	lost         none*    may be     reads only                  ErrUnknown; a read: ErrUnreachable
//	denied       yes      no         no                          ErrDenied
//	notPermitted yes      no         a few times                 ErrDenied
//	notFound     yes      no         no                          ErrNotFound
//	canceled     none     may be     no                          the context's; ErrUnknown if sent
//	guarded      none     no         no                          the guard's (executor.ErrLeaseLost)
//	other        yes      no         no                          as AWS says it
//
// *) a 5xx is an answer, but one that does not tell whether the call was
// applied.
type kind int

const (
	other kind = iota
	throttled
	conflict
	refused
	refusedFast
	lost
	denied
	notPermitted
	notFound
	canceled
	guarded
)

// A failure is a classified error.
type failure struct {
	kind  kind
	cause topology.Cause // what a dark region would be said to suffer from
	code  string         // AWS's error code, "" if none
	text  string         // for people
	err   error          // the SDK's error
	// final: of a refused call, that another attempt is pointless.
	final bool
}

// heard is what the failure tells the breaker: any answer proves that the
// region is there, and only silence speaks against it.
func (f failure) heard() heard {
	switch f.kind {
	case refused, lost:
		if f.cause == topology.CauseUnavailable {
			return heard{answered: true}
		}
		return heard{silent: f.text}
	case canceled, refusedFast:
		return heard{}
	}
	return heard{answered: f.code != ""}
}

// classify judges one attempt. ended is the error of the caller's context,
// as opposed to the attempt's own deadline.
func classify(err error, c *call, ended error) failure {
	f := judge(err, c, ended)
	f.err = err
	return f
}

func judge(err error, c *call, ended error) failure {
	if guard, ok := errors.AsType[*guardError](err); ok {
		return failure{kind: guarded, cause: topology.CauseError, text: guard.Error()}
	}
	if nested, ok := errors.AsType[*callError](err); ok && !c.sent {
		return noCredentials(nested.failure)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return judgeAnswer(api, statusOf(err), c)
	}
	switch {
	case !c.sent && ended == nil && isMissingCredentials(err):
		return failure{kind: denied, cause: topology.CauseDenied,
			text: "no AWS credentials found: set [account] profile, AWS_PROFILE or AWS_ACCESS_KEY_ID"}
	case ended != nil:
		return failure{kind: canceled, cause: topology.CauseTimeout, text: ended.Error()}
	case statusOf(err) >= 500: // an answer that is not even AWS's, such as a proxy's page
		return failure{kind: lost, cause: topology.CauseUnavailable, code: http.StatusText(statusOf(err)),
			text: fmt.Sprintf("HTTP status %d", statusOf(err))}
	case statusOf(err) >= 400:
		return failure{kind: other, cause: topology.CauseError, code: http.StatusText(statusOf(err)),
			text: fmt.Sprintf("HTTP status %d", statusOf(err))}
	case !c.sent && !errors.Is(err, context.DeadlineExceeded):
		return failure{kind: other, cause: topology.CauseError, text: innermost(err).Error()}
	case !c.sent:
		return failure{kind: refused, cause: topology.CauseTimeout, final: true, text: "no credentials in time"}
	}
	return judgeSilence(err)
}

// noCredentials is the failure of a call that never left, because the STS
// call before it failed: whatever became of that one, this one was not sent.
func noCredentials(f failure) failure {
	f.text = "credentials: " + f.text
	switch f.kind {
	case lost, refused, refusedFast, throttled, canceled:
		f.kind, f.final = refused, true
	case notFound, conflict:
		f.kind = other
	}
	return f
}

// judgeAnswer judges an AWS error answer by code, then by HTTP status. AWS
// writes an error's text under message or Message, depending on the service;
// the SDK reads both.
func judgeAnswer(api smithy.APIError, status int, c *call) failure {
	code := api.ErrorCode()
	f := failure{kind: other, cause: topology.CauseError, code: code, text: answerText(api)}
	switch {
	case isThrottleCode(code, c.service) || status == http.StatusTooManyRequests:
		f.kind, f.cause = throttled, topology.CauseThrottled
	case isConflictCode(code):
		f.kind = conflict
	case code == "AccessDeniedException" && c.op == "RotateSecret" && strings.Contains(api.ErrorMessage(), "cannot invoke"):
		// Also what a grant answers that has not spread yet; nothing is
		// stored. The Terraform provider tries again for two minutes.
		f.kind, f.cause = notPermitted, topology.CauseDenied
	case isDeniedCode(code) || status == http.StatusForbidden || status == http.StatusUnauthorized:
		f.kind, f.cause = denied, topology.CauseDenied
	case isNotFoundCode(code) || status == http.StatusNotFound && !strings.HasPrefix(code, "Unknown"):
		// 400 at AWS, 404 at moto. A server that knows no such operation says
		// 404 as well, which tells nothing about the resource.
		f.kind = notFound
	case status >= 500 || code == "InternalServiceError" || code == "InternalFailure":
		f.kind, f.cause = lost, topology.CauseUnavailable
	}
	return f
}

// isThrottleCode: Secrets Manager and Logs use LimitExceededException for
// hard quotas ("you can't have more than 20 labels"), which no waiting mends.
func isThrottleCode(code, service string) bool {
	switch code {
	case "LimitExceededException":
		return service != serviceSecrets && service != serviceLogs
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
		"RequestThrottled", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
		"BandwidthLimitExceeded", "PriorRequestNotComplete":
		return true
	}
	return false
}

// isConflictCode: two changes of one thing met, and this one was not made.
func isConflictCode(code string) bool {
	switch code {
	case "OperationAbortedException", "ConcurrentModificationException":
		return true
	}
	return false
}

func isDeniedCode(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException",
		"SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
		"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "OptInRequired",
		"AuthFailure", "RequestExpired", "AuthorizationError", "KMSAccessDeniedException":
		return true
	}
	return false
}

func isNotFoundCode(code string) bool {
	switch code {
	case "ResourceNotFoundException", "ResourceNotFound", "NotFoundException":
		return true
	}
	return false
}

// judgeSilence judges an attempt that was handed to the HTTP client and came
// back without an answer. Only where no connection was made is it sure that
// AWS has not seen it.
func judgeSilence(err error) failure {
	f := failure{kind: lost, cause: topology.CauseUnreachable, text: innermost(err).Error()}
	var netErr net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout() {
		f.cause, f.text = topology.CauseTimeout, "no answer in time"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		f.kind, f.final = refused, dns.IsNotFound
		f.text = "no such host: " + dns.Name
		return f
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED) {
		f.kind = refused
		return f
	}
	if isHandshake(err) {
		f.kind, f.final = refused, true
	}
	return f
}

func isHandshake(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// isMissingCredentials: the SDK's chain ended at the instance metadata
// service, which is not there.
func isMissingCredentials(err error) bool {
	for op := (*smithy.OperationError)(nil); errors.As(err, &op); err = op.Err {
		if op.ServiceID == "ec2imds" {
			return true
		}
	}
	return false
}

func statusOf(err error) int {
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.Response != nil && resp.Response.Response != nil {
		return resp.HTTPStatusCode()
	}
	return 0
}

// Attempts in all, by kind of failure. A throttle is worth patience: the
// limiter slows down with it.
const (
	throttleAttempts = 8
	refusedAttempts  = 3
	lostAttempts     = 3
	timeoutAttempts  = 2 // each costs the whole deadline
	grantAttempts    = 4
)

// retryable decides whether the SDK makes another attempt.
func retryable(f failure, c *call, probe bool) bool {
	switch f.kind {
	case throttled:
		return c.attempts < throttleAttempts
	case conflict:
		return c.attempts < lostAttempts
	case notPermitted:
		return c.attempts < grantAttempts
	case refused:
		return !f.final && !probe && c.attempts < refusedAttempts
	case lost:
		// The answer was lost, not necessarily the call. Nothing that may have
		// been applied is sent again from here: the executor looks first.
		if isMutating(c.op) {
			return false
		}
		if f.cause == topology.CauseTimeout {
			return !probe && c.attempts < timeoutAttempts
		}
		return c.attempts < lostAttempts
	}
	return false
}

// A callError is the error of a whole call. It stands between the SDK's
// error chain and ours.
type callError struct {
	failure
	Err error
}

func (e *callError) Error() string { return e.Err.Error() }
func (e *callError) Unwrap() error { return e.Err }

// outcome is the failure of a call after all its attempts.
func (c *call) outcome(ctx context.Context, err error) failure {
	f := c.last
	switch last, ok := errors.AsType[*attemptError](err); {
	case ok:
		// MaxAttemptsError, clock skew and retry quota wrappers all hold it.
		f = last.failure
	case ctx.Err() != nil && f.err == nil && f.text == "":
		f = failure{kind: canceled, cause: topology.CauseTimeout, text: ctx.Err().Error(), err: err}
	case ctx.Err() != nil: // ended between two attempts: the last one tells the cause
		f.kind = canceled
		f.text = ctx.Err().Error() + " after: " + f.text
		f.err = err
	default:
		f = classify(err, &call{service: c.service, op: c.op}, nil)
	}
	if c.lost && isMutating(c.op) {
		switch f.kind {
		case canceled, refused, refusedFast, throttled, conflict:
			f.kind = lost
		}
	}
	return f
}

// failureOf finds what became of a call.
func failureOf(err error) failure {
	if e, ok := errors.AsType[*callError](err); ok {
		return e.failure
	}
	if e, ok := errors.AsType[*classified](err); ok {
		return e.failure
	}
	if ctxErr := contextError(err); ctxErr != nil {
		return failure{kind: canceled, cause: topology.CauseTimeout, text: ctxErr.Error(), err: err}
	}
	return failure{kind: other, cause: topology.CauseError, text: err.Error(), err: err}
}

func contextError(err error) error {
	for _, ctxErr := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ctxErr) {
			return ctxErr
		}
	}
	return nil
}

// opError wraps the error of an SDK call, once, into the sentinels that the
// rest of the program tests for.
func opError(op, subject string, r topology.Region, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*topology.OpError](err); ok {
		return known
	}
	f := failureOf(err)
	return &topology.OpError{Op: op, Subject: subject, Region: r, Code: f.code, Err: sentinel(f, op, err)}
}

// A classified error reads as its sentinel and what AWS said, and keeps the
// failure for whoever decides by more than the sentinel.
type classified struct {
	failure
	sentinel error // nil: none fits, AWS's text stands alone
}

func (e *classified) Error() string {
	if e.sentinel == nil {
		return e.text
	}
	return e.sentinel.Error() + ": " + e.text
}

func (e *classified) Unwrap() error { return e.sentinel }

func sentinel(f failure, op string, err error) error {
	switch {
	case errors.Is(err, ErrReadOnly):
		return ErrReadOnly
	case f.kind == guarded:
		guard, _ := errors.AsType[*guardError](err)
		return guard
	case f.kind == canceled && contextError(err) != nil:
		return contextError(err)
	}
	return &classified{f, sentinelOf(f.kind, op)}
}

func sentinelOf(k kind, op string) error {
	switch k {
	case throttled:
		return topology.ErrThrottled
	case refused, refusedFast:
		return topology.ErrUnreachable
	case lost:
		if isMutating(op) {
			return topology.ErrUnknown
		}
		return topology.ErrUnreachable
	case denied, notPermitted:
		return topology.ErrDenied
	case notFound:
		return topology.ErrNotFound
	}
	return nil
}

// isCode reports whether AWS answered with one of the codes.
func isCode(err error, codes ...string) bool { return slices.Contains(codes, failureOf(err).code) }

func answerText(api smithy.APIError) string {
	if api.ErrorMessage() == "" {
		return api.ErrorCode()
	}
	return api.ErrorCode() + ": " + api.ErrorMessage()
}

// innermost is the error at the root, whose text the SDK wraps many times.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
