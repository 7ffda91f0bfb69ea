package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The kinds of fault.
const (
	FaultError      = "error"       // answer Code, apply nothing
	FaultLostAnswer = "lost-answer" // apply the call, then drop the connection
	FaultDelay      = "delay"       // wait Delay, then go on
	FaultThrottle   = "throttle"    // answer the service's throttling error
)

var faultKinds = []string{FaultError, FaultLostAnswer, FaultDelay, FaultThrottle}

// A Fault makes the calls it matches go wrong.
type Fault struct {
	Match FaultMatch `json:"match" toml:"match"`
	// Fault is one of the Fault constants.
	Fault string `json:"fault" toml:"fault"`
	// Code is the AWS error code that an "error" answers, such as
	// InternalServiceError (the default) or AccessDeniedException.
	Code string `json:"code,omitempty" toml:"code"`
	// Count is how many matching calls it hits; 0 means until cleared.
	Count int `json:"count,omitempty" toml:"count"`
	// Delay is how long a "delay" waits. On any other kind it comes before
	// the effect.
	Delay Duration `json:"delay,omitempty" toml:"delay"`
}

// A FaultMatch picks calls. An empty field matches every call; `*` stands for
// any text, slashes included.
type FaultMatch struct {
	Region    string `json:"region,omitempty" toml:"region"`
	Operation string `json:"operation,omitempty" toml:"operation"`
	// Secret is the name of the secret, alarm, function … that the call is
	// about; a call that says it by ARN matches too.
	Secret string `json:"secret,omitempty" toml:"secret"`
}

// An armedFault is a fault in force.
type armedFault struct {
	Fault
	hits int // calls it has hit
}

func (f *armedFault) spent() bool { return f.Count > 0 && f.hits >= f.Count }

// AddFault puts a fault in force. Faults apply in the order they were added;
// the first that matches and is not used up hits the call.
func (c *Cloud) AddFault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &armedFault{Fault: f})
	return nil
}

// ClearFaults ends every fault.
func (c *Cloud) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

func (f Fault) check() error {
	switch {
	case !slices.Contains(faultKinds, f.Fault):
		return fmt.Errorf("fault: unknown fault %q: use one of %s", f.Fault, strings.Join(faultKinds, ", "))
	case f.Count < 0:
		return fmt.Errorf("count: %d is negative: use 0 for \"until cleared\"", f.Count)
	case f.Code != "" && f.Fault != FaultError:
		return fmt.Errorf("code: only an \"error\" fault has a code, not %q", f.Fault)
	case f.Fault == FaultDelay && f.Delay <= 0:
		return fmt.Errorf("delay: a \"delay\" fault needs one, like \"2s\"")
	case f.Match.Region != "" && !strings.Contains(f.Match.Region, "*") && !regionName.MatchString(f.Match.Region):
		return fmt.Errorf("match.region: %q is not a region name: write it like us-east-1", f.Match.Region)
	}
	return nil
}

// takeFault finds the fault that hits this call, and counts the hit.
func (c *Cloud) takeFault(r *request, op operation) (Fault, bool) {
	for _, f := range c.faults {
		if !f.spent() && f.matches(r, op) {
			f.hits++
			return f.Fault, true
		}
	}
	return Fault{}, false
}

func (f *armedFault) matches(r *request, op operation) bool {
	m := f.Match
	if m.Region != "" && !globMatch(m.Region, r.region) {
		return false
	}
	if m.Operation != "" && !globMatch(m.Operation, r.op) {
		return false
	}
	return m.Secret == "" || matchesSubject(m.Secret, subjectOf(r, op))
}

// subjectOf is the resource that a call is about, as the caller named it.
func subjectOf(r *request, op operation) string {
	if op.subject != nil {
		return op.subject(r)
	}
	var in struct{ SecretId, Name string }
	if json.Unmarshal(r.body, &in) != nil {
		return ""
	}
	if in.SecretId != "" {
		return in.SecretId
	}
	return in.Name
}

// matchesSubject compares a pattern with a name, or with the name within an
// ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-Ab12Cd.
func matchesSubject(pattern, subject string) bool {
	if globMatch(pattern, subject) {
		return true
	}
	parts := strings.SplitN(subject, ":", 7)
	if len(parts) < 7 || parts[0] != "arn" {
		return false
	}
	name := parts[6]
	if globMatch(pattern, name) {
		return true
	}
	const suffix = len("-Ab12Cd")
	return parts[2] == "secretsmanager" && len(name) > suffix && globMatch(pattern, name[:len(name)-suffix])
}

// globMatch matches text against a pattern in which `*` stands for any text,
// as in an IAM resource.
func globMatch(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	for {
		if globMatch(rest, text) {
			return true
		}
		if text == "" {
			return false
		}
		text = text[1:]
	}
}

// faultError is the error answer that an "error" fault gives.
func faultError(code, service string) *apiError {
	switch code {
	case "", "InternalServiceError":
		return &apiError{Code: "InternalServiceError", Status: 500, Fault: "Receiver",
			Message: "An error occurred on the server side."}
	case "InternalFailure", "InternalServerError", "ServiceException", "KMSInternalException":
		return &apiError{Code: code, Status: 500, Fault: "Receiver", Message: "An internal error occurred."}
	case "ServiceUnavailable", "ServiceUnavailableException":
		e := unavailable()
		e.Code = code
		return e
	case "TooManyRequestsException":
		return errorf(code, 429, "Rate exceeded")
	case "AccessDeniedException", "AccessDenied":
		return accessDenied(code, service)
	case "ResourceNotFoundException":
		return errorf(code, faultStatus(service, 404), "The resource you requested does not exist.")
	}
	if isThrottle(code) {
		return errorf(code, 400, "Rate exceeded")
	}
	return errorf(code, 400, "The request failed with the fault %s.", code)
}

// accessDenied is a denial by IAM: 400 in the AWS JSON protocols, 403 in the
// query and REST ones, the text under "Message".
func accessDenied(code, service string) *apiError {
	return &apiError{Code: code, Status: faultStatus(service, 403), Upper: true,
		Message: "User is not authorized to perform this operation because no identity-based policy allows the action"}
}

// faultStatus is status for the services that tell their errors apart by it;
// the AWS JSON protocols answer 400 to whatever the caller can mend.
func faultStatus(service string, status int) int {
	switch service {
	case "secretsmanager", "kms", "logs":
		return 400
	}
	return status
}

func unavailable() *apiError {
	return &apiError{Code: "ServiceUnavailable", Status: 503, Fault: "Receiver",
		Message: "Service is unable to handle request."}
}

// internalError answers for an operation that went wrong in a way no AWS
// client should ever see.
func internalError(err error) *apiError {
	return &apiError{Code: "InternalFailure", Status: 500, Fault: "Receiver", Message: err.Error()}
}
