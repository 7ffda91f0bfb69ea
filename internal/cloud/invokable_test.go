package cloud

import "testing"

func TestInvokable(t *testing.T) {
	allow := func(rest string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow",` + rest + `}]}`
	}
	const principal = `"Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"lambda:InvokeFunction"`
	tests := []struct {
		name   string
		policy string
		want   bool
	}{
		{"no policy", "", false},
		{"not JSON", "{", false},
		{"no condition", allow(principal), true},
		{"one statement without a list", `{"Statement":{"Effect":"Allow",` + principal + `}}`, true},
		{"our account", allow(principal + `,"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}`), true},
		{"our account among others, lower case key", allow(principal + `,"Condition":{"StringEquals":{"aws:SourceAccount":["1","123456789012"]}}`), true},
		{"another account", allow(principal + `,"Condition":{"StringEquals":{"AWS:SourceAccount":"999999999999"}}`), false},
		{"any secret's ARN", allow(principal + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:*"}}`), true},
		{"the account's ARNs", allow(principal + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:*:*:123456789012:*"}}`), true},
		{"some secrets' ARN", allow(principal + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/*"}}`), false},
		{"another region's ARN", allow(principal + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:secretsmanager:us-west-2:123456789012:secret:*"}}`), false},
		{"two conditions, one of which fails", allow(principal + `,"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:secretsmanager:us-west-2:*"}}`), false},
		{"a condition that is not understood", allow(principal + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), false},
		{"a negated condition", allow(principal + `,"Condition":{"StringNotEquals":{"AWS:SourceAccount":"123456789012"}}`), false},
		{"all actions, anyone", allow(`"Principal":"*","Action":["lambda:*"]`), true},
		{"another service", allow(`"Principal":{"Service":["events.amazonaws.com"]},"Action":"lambda:InvokeFunction"`), false},
		{"an account's root", allow(`"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"lambda:InvokeFunction"`), false},
		{"another action", allow(`"Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":"lambda:GetFunction"`), false},
		{"allowed and denied", `{"Statement":[{"Effect":"Allow",` + principal + `},{"Effect":"Deny",` + principal + `}]}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := invokable(tt.policy, east, account); got != tt.want {
				t.Errorf("invokable %v, want %v", got, tt.want)
			}
		})
	}
}
