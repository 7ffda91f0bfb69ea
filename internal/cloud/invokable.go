package cloud

import (
	"encoding/json"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A statement is one statement of an IAM policy document, as far as a
// function's policy uses it. AWS: "IAM JSON policy element reference".
type statement struct {
	Sid       string
	Effect    string
	Principal principal
	Action    oneOrMore
	NotAction oneOrMore
	Condition map[string]map[string]oneOrMore
}

// A principal is "*" or an object of lists by kind.
type principal struct {
	Anyone   bool
	Services oneOrMore
}

func (p *principal) UnmarshalJSON(data []byte) error {
	var word string
	if json.Unmarshal(data, &word) == nil {
		p.Anyone = word == "*"
		return nil
	}
	var kinds map[string]oneOrMore
	if err := json.Unmarshal(data, &kinds); err != nil {
		return err
	}
	p.Services = kinds["Service"]
	return nil
}

// oneOrMore is a string or a list of strings.
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// statementsOf parses a policy document: a list of statements, or one.
func statementsOf(policy string) []statement {
	var doc struct{ Statement json.RawMessage }
	if policy == "" || json.Unmarshal([]byte(policy), &doc) != nil {
		return nil
	}
	var list []statement
	if json.Unmarshal(doc.Statement, &list) == nil {
		return list
	}
	var one statement
	if json.Unmarshal(doc.Statement, &one) == nil {
		return []statement{one}
	}
	return nil
}

func statementOf(policy, sid string) (statement, bool) {
	for _, s := range statementsOf(policy) {
		if s.Sid == sid {
			return s, true
		}
	}
	return statement{}, false
}

// invokable reports whether the policy surely lets Secrets Manager invoke
// the function for every secret of the account in the region: some statement
// allows it, and none denies it. What is not understood counts as no, which
// costs at most a statement too many.
func invokable(policy string, region topology.Region, account string) bool {
	allowed := false
	for _, s := range statementsOf(policy) {
		switch {
		case s.Effect == "Deny" && s.mayConcern():
			return false
		case s.grants(region, account):
			allowed = true
		}
	}
	return allowed
}

// mayConcern is deliberately wide: a deny with conditions may hit or not.
func (s statement) mayConcern() bool {
	return (s.Principal.Anyone || s.names(rotationPrincipal)) && (len(s.NotAction) > 0 || s.covers(invokeAction))
}

// grants reports whether the statement alone allows the invocation.
func (s statement) grants(region topology.Region, account string) bool {
	if s.Effect != "Allow" || !s.Principal.Anyone && !s.names(rotationPrincipal) || !s.covers(invokeAction) {
		return false
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if !holds(operator, key, values, region, account) {
				return false
			}
		}
	}
	return true
}

func (s statement) names(service string) bool {
	for _, p := range s.Principal.Services {
		if p == service || p == "*" {
			return true
		}
	}
	return false
}

func (s statement) covers(action string) bool {
	for _, a := range s.Action {
		if topology.Match(strings.ToLower(a), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// holds reports whether a condition is true of every secret of the account
// in the region.
func holds(operator, key string, values []string, region topology.Region, account string) bool {
	operator = strings.TrimSuffix(operator, "IfExists")
	for _, v := range values {
		switch strings.ToLower(key) {
		case "aws:sourceaccount":
			if matches(operator, v, account) {
				return true
			}
		case "aws:sourcearn":
			if matches(operator, v, anySecret(region, account)) {
				return true
			}
		}
	}
	return false
}

// anySecret stands for all secrets: a pattern that fits it by more than its
// wildcards would have to spell it out.
func anySecret(region topology.Region, account string) string {
	return "arn:" + region.Partition() + ":secretsmanager:" + string(region) + ":" + account + ":secret:~any~/~secret~-~~~~~~"
}

func matches(operator, pattern, value string) bool {
	switch operator {
	case "StringEquals", "StringEqualsIgnoreCase":
		return pattern == value
	case "StringLike", "ArnLike", "ArnEquals":
		return topology.Match(pattern, value)
	}
	return false
}
