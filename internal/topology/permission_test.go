package topology

import (
	"slices"
	"testing"
)

func TestInvokers(t *testing.T) {
	const function = "arn:aws:lambda:us-east-1:123456789012:function:rotate-db"
	whole := func(rest string) string { return `{"Version":"2012-10-17","Id":"default","Statement":[` + rest + `]}` }
	statement := func(action, condition string) string {
		return `{"Sid":"s","Effect":"Allow","Principal":{"Service":"secretsmanager.amazonaws.com"},"Action":` + action +
			`,"Resource":"` + function + `"` + condition + `}`
	}
	const invoke, service = `"lambda:InvokeFunction"`, `{"Service":"secretsmanager.amazonaws.com"}`
	when := func(c string) string { return `,"Condition":{` + c + `}` }
	plain := Permission{Sid: "s", Action: "lambda:InvokeFunction"}
	like := func(change func(*Permission)) Permission { p := plain; change(&p); return p }
	for name, tt := range map[string]struct {
		policy string
		want   Permission // zero: none that AddPermission writes
		others int
	}{
		"no condition":       {whole(statement(invoke, "")), plain, 0},
		"one without a list": {`{"Statement":` + statement(invoke, "") + `}`, plain, 0},
		"one secret of an account": {whole(statement(invoke, when(`"StringEquals":{"AWS:SourceAccount":"1"},"ArnLike":{"AWS:SourceArn":"arn:x"}`))),
			like(func(p *Permission) { p.SourceAccount, p.SourceARN = "1", "arn:x" }), 0},
		"everything else": {whole(statement(`"lambda:*"`, when(`"StringEquals":{"aws:PrincipalOrgID":"o-1","lambda:EventSourceToken":"t","lambda:FunctionUrlAuthType":"NONE"},"Bool":{"lambda:InvokedViaFunctionUrl":"true"}`))),
			Permission{Sid: "s", Action: "lambda:*", PrincipalOrgID: "o-1", EventSourceToken: "t", FunctionURLAuthType: "NONE", InvokedViaFunctionURL: "true"}, 0},
		"another action":                {whole(statement(`"lambda:GetFunction"`, "")), Permission{}, 0},
		"another service":               {whole(`{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"*"}`), Permission{}, 0},
		"a list of actions":             {whole(statement(`["lambda:InvokeFunction","lambda:GetFunction"]`, "")), Permission{}, 1},
		"a list of accounts":            {whole(statement(invoke, when(`"StringEquals":{"AWS:SourceAccount":["1","2"]}`))), Permission{}, 1},
		"a condition without parameter": {whole(statement(invoke, when(`"DateLessThan":{"aws:CurrentTime":"2030-01-01"}`))), Permission{}, 1},
		"the source told twice":         {whole(statement(invoke, when(`"ArnLike":{"AWS:SourceArn":"a"},"StringLike":{"aws:SourceArn":"b"}`))), Permission{}, 1},
		"no name":                       {whole(`{"Effect":"Allow","Principal":` + service + `,"Action":` + invoke + `}`), Permission{}, 1},
		"another resource":              {whole(`{"Sid":"s","Effect":"Allow","Principal":` + service + `,"Action":` + invoke + `,"Resource":"*"}`), Permission{}, 1},
		"two principals":                {whole(`{"Sid":"s","Effect":"Allow","Principal":{"Service":["secretsmanager.amazonaws.com","s3.amazonaws.com"]},"Action":` + invoke + `}`), Permission{}, 1},
		"all but some actions":          {whole(`{"Sid":"s","Effect":"Allow","Principal":` + service + `,"NotAction":"lambda:GetFunction"}`), Permission{}, 1},
	} {
		known, others, err := Invokers(tt.policy, function)
		var want []Permission
		if tt.want != (Permission{}) {
			want = []Permission{tt.want}
		}
		if err != nil || !slices.Equal(known, want) || len(others) != tt.others {
			t.Errorf("%s: %v and %d others (%v), want %v and %d", name, known, len(others), err, want, tt.others)
		}
	}
	if _, _, err := Invokers("{", function); err == nil {
		t.Error("no JSON is no policy")
	}
}
