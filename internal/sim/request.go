package sim

import (
	"encoding/json"
	"fmt"
	"time"
)

// A request is one decoded AWS call, as an operation sees it. Region and
// service come from the SigV4 credential scope; the account from the access
// key (temporary keys of AssumeRole may carry another account).
type request struct {
	cloud   *Cloud
	account string
	region  string
	service string // endpoint prefix as signed: secretsmanager, kms, lambda, monitoring, logs, sns, sts
	op      string
	id      string    // x-amzn-requestid of the answer
	now     time.Time // the cloud's virtual time, fixed for the whole call

	// body holds the input as JSON, whatever the wire protocol was: the
	// query and CBOR front ends translate to it, so that an operation is
	// written once.
	body json.RawMessage
	// path holds the variables of a REST path (Lambda).
	path map[string]string
	// query holds the query string of a REST call (Lambda).
	query map[string][]string
	// loose marks a body whose scalars are all strings (query protocol).
	loose bool
}

// decode reads the input into v. A member of the wrong JSON type is the
// caller's fault: AWS answers SerializationException, never 500.
func (r *request) decode(v any) error {
	if err := r.unmarshal(v); err != nil {
		return &apiError{Code: "SerializationException", Status: 400, Message: serializationMessage(err)}
	}
	return nil
}

// An apiError is an AWS error answer: code, HTTP status and text, to be
// rendered by the protocol that the caller spoke.
type apiError struct {
	Code    string
	Status  int
	Message string
	// Upper makes the JSON protocols write the text under "Message", as AWS
	// does for AccessDeniedException.
	Upper bool
	// Fault is "Sender" (default) or "Receiver", for the query protocol.
	Fault string
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func errorf(code string, status int, format string, args ...any) *apiError {
	return &apiError{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// An operation answers one AWS API call. It runs under the cloud's lock, so
// it may touch all state and must never block.
type operation struct {
	service  string
	name     string
	mutating bool
	// bucket names the AWS quota that the call draws on ("" = unmetered),
	// per account and region; see quotas.go.
	bucket string
	// subject extracts the secret (or alarm, function …) the call is about,
	// for fault matching; nil means the "SecretId" or "Name" member.
	subject func(*request) string
	handle  func(*request) (any, error)
}

// registry finds operations by service and name. It is filled by the
// xxxOperations functions below, one per service file.
type registry map[string]map[string]operation

func newRegistry() registry {
	reg := registry{}
	for _, list := range [][]operation{
		secretOperations(),
		kmsOperations(),
		lambdaOperations(),
		alarmOperations(),
		logOperations(),
		topicOperations(),
		stsOperations(),
	} {
		for _, op := range list {
			if reg[op.service] == nil {
				reg[op.service] = map[string]operation{}
			}
			reg[op.service][op.name] = op
		}
	}
	return reg
}
