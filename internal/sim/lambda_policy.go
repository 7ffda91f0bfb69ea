package sim

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// A functionPolicy is a function's resource policy, per qualifier.
type functionPolicy struct {
	Version   string
	Id        string
	Statement []permission
	revision  string
}

// A permission is one statement, as AWS writes it out.
type permission struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// maxFunctionPolicy is the size of a function's policy, in bytes. AWS: Lambda quotas.
const maxFunctionPolicy = 20 << 10

var (
	statementForm = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	actionForm    = regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)
)

type permissionInput struct {
	functionInput
	StatementId      *string `check:"required,len=1..100"`
	Action           *string `check:"required"`
	Principal        *string `check:"required"`
	SourceArn        *string
	SourceAccount    *string `check:"len=0..12"`
	EventSourceToken *string `check:"len=0..256"`
	PrincipalOrgID   *string `check:"len=12..34"`

	FunctionUrlAuthType   *string
	InvokedViaFunctionUrl *bool
}

// statement builds the policy statement. AWS: SourceAccount becomes
// StringEquals AWS:SourceAccount, SourceArn becomes ArnLike AWS:SourceArn.
func (in *permissionInput) statement(r *request, resource string) permission {
	s := permission{
		Sid: *in.StatementId, Effect: "Allow", Action: *in.Action, Resource: resource,
		Condition: map[string]map[string]string{},
	}
	switch p := *in.Principal; {
	case p == "*":
		s.Principal = p
	case isAccount(p):
		s.Principal = map[string]string{"AWS": "arn:" + partitionOf(r.region) + ":iam::" + p + ":root"}
	case isARN(p):
		s.Principal = map[string]string{"AWS": p}
	default:
		s.Principal = map[string]string{"Service": p}
	}
	equals := map[string]string{}
	for key, value := range map[string]*string{
		"AWS:SourceAccount": in.SourceAccount, "lambda:EventSourceToken": in.EventSourceToken, "aws:PrincipalOrgID": in.PrincipalOrgID,
		"lambda:FunctionUrlAuthType": in.FunctionUrlAuthType,
	} {
		if value != nil {
			equals[key] = *value
		}
	}
	if len(equals) > 0 {
		s.Condition["StringEquals"] = equals
	}
	if in.SourceArn != nil {
		s.Condition["ArnLike"] = map[string]string{"AWS:SourceArn": *in.SourceArn}
	}
	if in.InvokedViaFunctionUrl != nil {
		s.Condition["Bool"] = map[string]string{"lambda:InvokedViaFunctionUrl": strconv.FormatBool(*in.InvokedViaFunctionUrl)}
	}
	return s
}

func (in *permissionInput) check(r *request) *apiError {
	for _, rule := range [...]struct {
		name, value string
		form        *regexp.Regexp
	}{{"statementId", *in.StatementId, statementForm}, {"action", *in.Action, actionForm}} {
		if !rule.form.MatchString(rule.value) {
			return r.invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: %s", clip(rule.value, 256), rule.name, strings.Trim(rule.form.String(), "^$"))
		}
	}
	if p := *in.Principal; p == "" || strings.ContainsAny(p, " \t\n") || !strings.ContainsAny(p, ".*:") && !isAccount(p) {
		return errorf("InvalidParameterValueException", 400, "The provided principal was invalid. Please check the principal and try again.")
	}
	return nil
}

func addPermission(r *request) (any, error) {
	var in permissionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if bad := in.check(r); bad != nil {
		return nil, bad
	}
	fn, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	qualifier, resource := fn.policyPlace(cfg)
	p := fn.policies[qualifier]
	if p == nil {
		p = &functionPolicy{Version: "2012-10-17", Id: "default"}
	}
	if bad := checkRevision(in.RevisionId, p.revision, "GetPolicy"); bad != nil {
		return nil, bad
	}
	for _, s := range p.Statement {
		if s.Sid == *in.StatementId {
			return nil, errorf("ResourceConflictException", 409,
				"The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", s.Sid)
		}
	}
	s := in.statement(r, resource)
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if whole, err := json.Marshal(p); err == nil && len(whole)+len(text) > maxFunctionPolicy {
		return nil, errorf("PolicyLengthExceededException", 400, "The final policy size (%d) is bigger than the limit (%d).", len(whole)+len(text), maxFunctionPolicy)
	}
	p.Statement = append(p.Statement, s)
	p.revision = newUUID(r.cloud.rng)
	fn.policies[qualifier] = p
	return struct{ Statement string }{string(text)}, nil
}

// policyPlace says under which qualifier a version's policy is kept, and
// which ARN its statements name.
func (f *function) policyPlace(cfg *functionConfig) (qualifier, resource string) {
	if cfg.Version == "$LATEST" {
		return "", f.FunctionArn
	}
	return cfg.Version, cfg.FunctionArn
}

// getPolicy answers the same for a missing function and a missing policy.
func getPolicy(r *request) (any, error) {
	var in functionInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil && bad.Code != "ResourceNotFoundException" {
		return nil, bad
	}
	if bad == nil {
		qualifier, _ := fn.policyPlace(cfg)
		if p := fn.policies[qualifier]; p != nil {
			text, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			return struct{ Policy, RevisionId string }{string(text), p.revision}, nil
		}
	}
	return nil, noSuchResource()
}

func noSuchResource() *apiError {
	return errorf("ResourceNotFoundException", 404, "The resource you requested does not exist.")
}

func removePermission(r *request) (any, error) {
	var in struct {
		functionInput
		StatementId *string `check:"required,len=1..100"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	fn, cfg, bad := r.findFunction(in.FunctionName, in.Qualifier)
	if bad != nil {
		return nil, bad
	}
	qualifier, _ := fn.policyPlace(cfg)
	p := fn.policies[qualifier]
	if p == nil {
		return nil, errorf("ResourceNotFoundException", 404, "No policy is associated with the given resource.")
	}
	if bad := checkRevision(in.RevisionId, p.revision, "GetPolicy"); bad != nil {
		return nil, bad
	}
	for i, s := range p.Statement {
		if s.Sid != *in.StatementId {
			continue
		}
		p.Statement = append(p.Statement[:i:i], p.Statement[i+1:]...)
		p.revision = newUUID(r.cloud.rng)
		if len(p.Statement) == 0 {
			delete(fn.policies, qualifier)
		}
		return nil, nil
	}
	return nil, errorf("ResourceNotFoundException", 404, "Statement %s is not found in resource policy.", *in.StatementId)
}

// invokable says whether Secrets Manager may and can invoke the function for
// the secret now: it exists in this region and account, is Active and works,
// is not stopped by a reserved concurrency of 0, and its policy lets
// secretsmanager.amazonaws.com in.
func (s *regionStore) invokable(functionARN, secretARN string) bool {
	fn, cfg := s.functionAt(functionARN)
	return fn != nil && cfg.State == "Active" && !fn.failing &&
		(fn.concurrency == nil || *fn.concurrency > 0) && s.permitted(functionARN, secretARN)
}

// permitted says whether the function exists and its policy lets Secrets
// Manager invoke it for the secret, working or not. It is what RotateSecret
// checks before it stores anything.
func (s *regionStore) permitted(functionARN, secretARN string) bool {
	fn, cfg := s.functionAt(functionARN)
	if fn == nil {
		return false
	}
	qualifier, _ := fn.policyPlace(cfg)
	p := fn.policies[qualifier]
	if p == nil {
		return false
	}
	for _, st := range p.Statement {
		if st.lets("secretsmanager.amazonaws.com", secretARN) {
			return true
		}
	}
	return false
}

func (s *regionStore) functionAt(arn string) (*function, *functionConfig) {
	ref, ok := parseFunctionRef(arn)
	if !ok || ref.region != "" && ref.region != s.name || ref.account != "" && ref.account != s.account.id {
		return nil, nil
	}
	fn := s.lambda.functions[ref.name]
	if fn == nil {
		return nil, nil
	}
	cfg := fn.version(ref.qualifier)
	if cfg == nil {
		return nil, nil
	}
	return fn, cfg
}

// lets evaluates a statement for a service that acts for a resource.
func (st permission) lets(service, sourceARN string) bool {
	switch p := st.Principal.(type) {
	case string:
		if p != "*" {
			return false
		}
	case map[string]string:
		if p["Service"] != service {
			return false
		}
	}
	if st.Action != "lambda:InvokeFunction" && st.Action != "lambda:*" && st.Action != "*" {
		return false
	}
	account := ""
	if parts := strings.SplitN(sourceARN, ":", 6); len(parts) == 6 {
		account = parts[4]
	}
	for name, want := range st.Condition["StringEquals"] {
		if name != "AWS:SourceAccount" || want != account {
			return false
		}
	}
	for _, pattern := range st.Condition["ArnLike"] {
		if !arnLike(pattern, sourceARN) {
			return false
		}
	}
	return true
}

// arnLike matches an ARN part by part: a wildcard does not cross the first
// five colons. AWS: IAM user guide, "Amazon Resource Name (ARN) condition operators".
func arnLike(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(p) != 6 || len(a) != 6 {
		return pattern == "*"
	}
	for i := range p {
		if !wildcard(p[i], a[i]) {
			return false
		}
	}
	return true
}

// wildcard matches * (any run) and ? (any one), in linear time.
func wildcard(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
