package sim

import "encoding/json"

type putPolicyInput struct {
	SecretId          *string
	ResourcePolicy    *string
	BlockPublicPolicy bool
}

func (in *putPolicyInput) check(m *members) {
	m.secretID(in.SecretId)
	if m.present("resourcePolicy", in.ResourcePolicy != nil) {
		m.length("resourcePolicy", in.ResourcePolicy, 1, maxPolicy)
	}
}

type getPolicyOutput struct {
	ARN, Name      string
	ResourcePolicy string `json:",omitempty"`
}

func (r *request) getResourcePolicy(in *secretIDInput) (any, error) {
	at, s, err := r.alive(in.SecretId)
	if err != nil {
		return nil, err
	}
	if s.isReplica(at.name) && r.cloud.quirks().ReplicaPolicy == "refuse" {
		return nil, errOnReplica()
	}
	return getPolicyOutput{s.arn(at), s.name, s.policy}, nil
}

func (r *request) putResourcePolicy(in *putPolicyInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	policy, err := parsePolicy(*in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	if in.BlockPublicPolicy && policy.public() {
		return nil, errorf("PublicPolicyException", 400, "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the secret.")
	}
	s.policy = *in.ResourcePolicy
	r.cloud.touch(at, s, r.now)
	return arnAndName{s.arn(at), s.name}, nil
}

func (r *request) deleteResourcePolicy(in *secretIDInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	s.policy = ""
	r.cloud.touch(at, s, r.now)
	return arnAndName{s.arn(at), s.name}, nil
}

type validatePolicyInput struct {
	SecretId       *string
	ResourcePolicy *string
}

func (in *validatePolicyInput) check(m *members) {
	m.length("secretId", in.SecretId, 1, 2048)
	if m.present("resourcePolicy", in.ResourcePolicy != nil) {
		m.length("resourcePolicy", in.ResourcePolicy, 1, maxPolicy)
	}
}

type policyFinding struct{ CheckName, ErrorMessage string }

type validatePolicyOutput struct {
	PolicyValidationPassed bool
	ValidationErrors       []policyFinding
}

func (r *request) validateResourcePolicy(in *validatePolicyInput) (any, error) {
	if in.SecretId != nil {
		if _, _, err := r.seen(in.SecretId); err != nil {
			return nil, err
		}
	}
	policy, err := parsePolicy(*in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	out := validatePolicyOutput{PolicyValidationPassed: true, ValidationErrors: []policyFinding{}}
	if policy.public() {
		out.PolicyValidationPassed = false
		out.ValidationErrors = append(out.ValidationErrors, policyFinding{
			"RESOURCE_POLICY_IS_PUBLIC", "The resource policy grants broad access to the secret.",
		})
	}
	return out, nil
}

// A secretPolicy is a resource policy as far as the simulator reads it.
type secretPolicy struct {
	Version   string
	Statement oneOrMore[policyStatement]
}

type policyStatement struct {
	Sid          string
	Effect       string
	Principal    policyPrincipal
	NotPrincipal json.RawMessage
	Action       oneOrMore[string]
	NotAction    oneOrMore[string]
	Resource     oneOrMore[string]
	Condition    map[string]map[string]oneOrMore[string]
}

// policyPrincipal is "*" or {"AWS": …}; anyone is what "*" means in either form.
type policyPrincipal struct {
	given  bool
	anyone bool
	aws    []string
}

func (p *policyPrincipal) UnmarshalJSON(b []byte) error {
	p.given = true
	var text string
	if json.Unmarshal(b, &text) == nil {
		p.anyone = text == "*"
		return nil
	}
	var kinds map[string]oneOrMore[string]
	if err := json.Unmarshal(b, &kinds); err != nil {
		return err
	}
	p.aws = kinds["AWS"]
	for _, name := range p.aws {
		p.anyone = p.anyone || name == "*"
	}
	return nil
}

// oneOrMore is a list that may be written without brackets if it has one element.
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = []T{one}
	return nil
}

func errMalformedPolicy() error {
	return errorf("MalformedPolicyDocumentException", 400, "This resource policy contains invalid Json")
}

// parsePolicy reads a resource policy and refuses what AWS refuses.
func parsePolicy(text string) (*secretPolicy, error) {
	var p secretPolicy
	if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Statement) == 0 {
		return nil, errMalformedPolicy()
	}
	for _, s := range p.Statement {
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return nil, errorf("MalformedPolicyDocumentException", 400, "This resource policy contains an unsupported effect.")
		case len(s.Action) == 0 && len(s.NotAction) == 0:
			return nil, errorf("MalformedPolicyDocumentException", 400, "This resource policy contains no action.")
		case !s.Principal.given && s.NotPrincipal == nil:
			return nil, errorf("MalformedPolicyDocumentException", 400, "This resource policy contains an unsupported principal.")
		}
	}
	return &p, nil
}

// public says whether the policy allows anybody, without a condition.
func (p *secretPolicy) public() bool {
	for _, s := range p.Statement {
		if s.Effect == "Allow" && s.Principal.anyone && len(s.Condition) == 0 {
			return true
		}
	}
	return false
}
