package sim

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A functionStore is one account's Lambda in one region.
type functionStore struct {
	functions map[string]*function // by name
}

func newFunctionStore() *functionStore {
	return &functionStore{functions: map[string]*function{}}
}

// A function is one Lambda function with its published versions.
type function struct {
	functionConfig
	versions    []functionConfig
	policies    map[string]*functionPolicy // by qualifier, "" for the function itself
	tags        map[string]string
	concurrency *int // reserved concurrent executions; 0 stops every invocation
	failing     bool // the health switch: invoked, it fails
	next        int  // number of the next version
}

// A functionConfig is Lambda's FunctionConfiguration.
type functionConfig struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string `json:",omitempty"`
	Role             string
	Handler          string `json:",omitempty"`
	CodeSize         int
	Description      string
	Timeout          int
	MemorySize       int
	LastModified     string
	CodeSha256       string
	Version          string
	VpcConfig        *vpcConfig
	DeadLetterConfig *struct{ TargetArn string }
	Environment      *environment
	KMSKeyArn        string `json:",omitempty"`
	TracingConfig    tracingConfig
	RevisionId       string
	Layers           []layer `json:",omitempty"`
	State            string
	StateReason      string `json:",omitempty"`
	StateReasonCode  string `json:",omitempty"`
	LastUpdateStatus string `json:",omitempty"`
	PackageType      string
	Architectures    []string
	EphemeralStorage ephemeralStorage
	SnapStart        snapStart
	LoggingConfig    loggingConfig

	code functionCode
}

type (
	vpcConfig struct {
		SubnetIds        []string
		SecurityGroupIds []string
		VpcId            string
	}
	environment      struct{ Variables map[string]string }
	tracingConfig    struct{ Mode string }
	layer            struct{ Arn string }
	ephemeralStorage struct{ Size int }
	snapStart        struct{ ApplyOn, OptimizationStatus string }
	loggingConfig    struct {
		LogFormat           string
		ApplicationLogLevel string `json:",omitempty"`
		SystemLogLevel      string `json:",omitempty"`
		LogGroup            string
	}
)

// functionCode is the code of a function as it was handed in.
type functionCode struct {
	ZipFile         []byte
	S3Bucket, S3Key *string
	ImageUri        *string
}

func (c functionCode) given() bool {
	return len(c.ZipFile) > 0 || c.S3Bucket != nil && c.S3Key != nil || c.ImageUri != nil
}

// sum gives size and hash of the code; what lies in S3 or ECR is not
// fetched, so its address stands in for it.
func (c functionCode) sum() (int, string) {
	content := c.ZipFile
	if len(content) == 0 {
		content = []byte(deref(c.S3Bucket) + "/" + deref(c.S3Key) + deref(c.ImageUri))
	}
	h := sha256.Sum256(content)
	return len(content), base64.StdEncoding.EncodeToString(h[:])
}

// functionARN is a function's ARN without qualifier.
func (s *regionStore) functionARN(name string) string {
	return fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", partitionOf(s.name), s.name, s.account.id, name)
}

// A functionRef is a FunctionName parameter taken apart: a name, a partial
// ARN (123456789012:function:name) or an ARN, each with or without qualifier.
type functionRef struct{ region, account, name, qualifier string }

var functionForm = regexp.MustCompile(
	`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST|[a-zA-Z0-9-_]+))?$`)

func parseFunctionRef(s string) (functionRef, bool) {
	m := functionForm.FindStringSubmatch(s)
	if m == nil {
		return functionRef{}, false
	}
	return functionRef{m[1], m[2], m[3], m[4]}, true
}

// functionRef reads the FunctionName and Qualifier parameters.
func (r *request) functionRef(name, qualifier *string) (functionRef, *apiError) {
	if name == nil {
		return functionRef{}, r.invalid("1 validation error detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null")
	}
	ref, ok := parseFunctionRef(*name)
	if !ok || len(ref.name) > 64 {
		return ref, r.invalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
			`Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`, clip(*name, 1024))
	}
	if ref.region != "" && ref.region != r.region {
		return ref, errorf("ResourceNotFoundException", 404,
			"Functions from '%s' are not reachable in this region ('%s')", ref.region, r.region)
	}
	if q := deref(qualifier); q != "" {
		if ref.qualifier != "" && ref.qualifier != q {
			return ref, errorf("InvalidParameterValueException", 400,
				"The derived qualifier from the function name does not match the specified qualifier.")
		}
		ref.qualifier = q
	}
	if ref.account == "" {
		ref.account = r.account
	}
	return ref, nil
}

// findFunction finds the function and version a reference names.
func (r *request) findFunction(name, qualifier *string) (*function, *functionConfig, *apiError) {
	ref, bad := r.functionRef(name, qualifier)
	if bad != nil {
		return nil, nil, bad
	}
	at := r.cloud.store(ref.account, r.region)
	missing := at.functionARN(ref.name)
	if ref.qualifier != "" {
		missing += ":" + ref.qualifier
	}
	fn := at.lambda.functions[ref.name]
	if fn == nil {
		return nil, nil, errorf("ResourceNotFoundException", 404, "Function not found: %s", missing)
	}
	if cfg := fn.version(ref.qualifier); cfg != nil {
		return fn, cfg, nil
	}
	return nil, nil, errorf("ResourceNotFoundException", 404, "Function not found: %s", missing)
}

// version finds a version; "" and $LATEST are the function itself.
func (f *function) version(qualifier string) *functionConfig {
	if qualifier == "" || qualifier == "$LATEST" {
		return &f.functionConfig
	}
	for i := range f.versions {
		if f.versions[i].Version == qualifier {
			return &f.versions[i]
		}
	}
	return nil
}

// touch marks a change: a new revision, and an update that is over as soon as
// the call is (AWS takes seconds, and reports InProgress meanwhile).
func (r *request) touchFunction(f *function) {
	f.LastModified = r.now.UTC().Format("2006-01-02T15:04:05.000-0700")
	f.RevisionId = newUUID(r.cloud.rng)
	f.LastUpdateStatus = "InProgress"
	r.cloud.at(r.now, func(*Cloud, time.Time) { f.LastUpdateStatus = "Successful" })
}

// SetFunctionHealth makes a Lambda function of the default account work or
// fail: a failing one is invoked in vain, so that rotations break on command.
// It returns an error when the function does not exist.
func (c *Cloud) SetFunctionHealth(region, name string, healthy bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn := c.store(c.opts.Account, region).lambda.functions[name]
	if fn == nil {
		return fmt.Errorf("set health of function %s in %s: no such function: create it first", name, region)
	}
	fn.failing = !healthy
	return nil
}

func versionNumber(n int) string { return strconv.Itoa(n) }

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") }
