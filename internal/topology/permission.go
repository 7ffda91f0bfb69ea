package topology

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// RotationService is the principal that invokes rotation functions.
// AWS: "Lambda rotation function execution role permissions".
const RotationService = "secretsmanager.amazonaws.com"

// A Permission is a statement of a function's policy that lets Secrets Manager
// invoke it, as AddPermission takes it: what is remembered of one that a fence
// took away.
type Permission struct {
	Sid                   string `json:"sid"`
	Action                string `json:"action"`
	SourceAccount         string `json:"source_account,omitempty"`
	SourceARN             string `json:"source_arn,omitempty"`
	PrincipalOrgID        string `json:"principal_org_id,omitempty"`
	EventSourceToken      string `json:"event_source_token,omitempty"`
	FunctionURLAuthType   string `json:"function_url_auth_type,omitempty"`
	InvokedViaFunctionURL string `json:"invoked_via_function_url,omitempty"` // true, false, or "": not said
}

// Says reports whether two statements say the same, whatever their names.
func (p Permission) Says(other Permission) bool {
	p.Sid = other.Sid
	return p == other
}

// May reports whether the statement lets Secrets Manager invoke the function for
// a secret, as far as its conditions name accounts and secrets.
func (p Permission) May(secret string) bool {
	parts := strings.SplitN(secret, ":", 6)
	return (p.SourceAccount == "" || len(parts) == 6 && p.SourceAccount == parts[4]) && (p.SourceARN == "" || Match(p.SourceARN, secret))
}

// A Comeback is what became of statements that a fence took from a function.
type Comeback struct {
	There   []Permission // what lets Secrets Manager invoke it now
	Others  []string     // the same, that AddPermission cannot write
	Lacking []Permission // of those taken
	// Theirs are names of statements taken that have gone to other statements
	// in the meantime: somebody's, who wants it so.
	Theirs []string
}

// ComeBack compares a function's policy with what was taken from it. A
// statement that stands there under a name that was not taken is back as well.
func ComeBack(policy, function string, taken []Permission) (c Comeback, err error) {
	if c.There, c.Others, err = Invokers(policy, function); err != nil {
		return Comeback{}, err
	}
	named := func(sid string) bool {
		return slices.ContainsFunc(taken, func(p Permission) bool { return p.Sid == sid })
	}
	names := sids(policy)
	for _, p := range taken {
		switch {
		case slices.ContainsFunc(c.There, func(now Permission) bool { return now == p || now.Says(p) && !named(now.Sid) }):
		case slices.Contains(names, p.Sid):
			c.Theirs = append(c.Theirs, p.Sid)
		default:
			c.Lacking = append(c.Lacking, p)
		}
	}
	return c, nil
}

// Invokers are the statements of a function's policy that let Secrets Manager
// invoke it. Those that AddPermission cannot write are others, as text.
func Invokers(policy, function string) (known []Permission, others []string, err error) {
	statements, err := permissionsOf(policy)
	for _, raw := range statements {
		var st permission
		if err := json.Unmarshal(raw, &st); err != nil {
			return nil, nil, fmt.Errorf("a statement of the policy of %s cannot be read: %w", function, err)
		}
		if !st.lets() {
			continue
		}
		if p, ok := st.plain(function); ok {
			known = append(known, p)
		} else {
			others = append(others, string(raw))
		}
	}
	return known, others, err
}

// Names reports whether Secrets Manager is named in the function's policy, if
// only for some secrets.
func (f *Function) Names() bool { return f != nil && strings.Contains(f.Policy, RotationService) }

// sids are the names of all statements of a function's policy.
func sids(policy string) []string {
	var list []string
	statements, _ := permissionsOf(policy)
	for _, raw := range statements {
		var st permission
		if json.Unmarshal(raw, &st) == nil && st.Sid != "" {
			list = append(list, st.Sid)
		}
	}
	return list
}

// permissionsOf are the statements of a policy: a list of them, or one.
func permissionsOf(policy string) ([]json.RawMessage, error) {
	if policy == "" {
		return nil, nil
	}
	var whole struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(policy), &whole); err != nil {
		return nil, fmt.Errorf("the function's policy is not JSON: %w", err)
	}
	var list []json.RawMessage
	if len(whole.Statement) > 0 && whole.Statement[0] == '{' {
		return []json.RawMessage{whole.Statement}, nil
	}
	if len(whole.Statement) > 0 {
		if err := json.Unmarshal(whole.Statement, &list); err != nil {
			return nil, fmt.Errorf("the function's policy has no list of statements: %w", err)
		}
	}
	return list, nil
}

// A permission is a statement as it stands in a policy.
type permission struct {
	Sid, Effect                              string
	Principal, NotPrincipal                  json.RawMessage
	Action, NotAction, Resource, NotResource json.RawMessage
	Condition                                map[string]map[string]json.RawMessage
}

// lets: it names Secrets Manager, and the invocation.
func (st *permission) lets() bool {
	var by map[string]json.RawMessage
	if st.Effect != "Allow" || json.Unmarshal(st.Principal, &by) != nil || !slices.Contains(StringOrList(by["Service"]), RotationService) {
		return false
	}
	return len(st.NotAction) > 0 || slices.ContainsFunc(StringOrList(st.Action), func(action string) bool {
		return Match(strings.ToLower(action), "lambda:invokefunction")
	})
}

// plain is the statement in AddPermission's terms, if they say all of it.
func (st *permission) plain(function string) (Permission, bool) {
	p := Permission{Sid: st.Sid}
	ok := st.Sid != "" && st.NotAction == nil && st.NotPrincipal == nil && st.NotResource == nil
	var by map[string]string
	ok = ok && json.Unmarshal(st.Principal, &by) == nil && len(by) == 1
	ok = ok && json.Unmarshal(st.Action, &p.Action) == nil
	if resources := StringOrList(st.Resource); len(st.Resource) > 0 {
		ok = ok && slices.Equal(resources, []string{function})
	}
	for operator, keys := range st.Condition {
		for key, value := range keys {
			field := p.field(operator, key)
			ok = ok && field != nil && *field == "" && json.Unmarshal(value, field) == nil && *field != ""
		}
	}
	return p, ok
}

// field is what AddPermission calls a condition; nil if it has no name for it.
// AWS tells the source by ArnLike, and its reference says StringLike.
func (p *Permission) field(operator, key string) *string {
	switch operator + " " + strings.ToLower(key) {
	case "StringEquals aws:sourceaccount":
		return &p.SourceAccount
	case "ArnLike aws:sourcearn", "StringLike aws:sourcearn":
		return &p.SourceARN
	case "StringEquals aws:principalorgid":
		return &p.PrincipalOrgID
	case "StringEquals lambda:eventsourcetoken":
		return &p.EventSourceToken
	case "StringEquals lambda:functionurlauthtype":
		return &p.FunctionURLAuthType
	case "Bool lambda:invokedviafunctionurl":
		return &p.InvokedViaFunctionURL
	}
	return nil
}

// StringOrList reads what policies write as a string, or as a list of them.
func StringOrList(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}
