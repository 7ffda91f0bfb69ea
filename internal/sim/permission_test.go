package sim

import (
	"encoding/json"
	"testing"
	"time"
)

// Who may invoke a function: AWS, Lambda developer guide, "Resource-based
// policies", and IAM user guide, "ARN condition operators".
func TestInvokable(t *testing.T) {
	const (
		secret  = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"
		rotator = "arn:aws:lambda:us-east-1:123456789012:function:f"
	)
	type in = map[string]any
	sm := in{"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "secretsmanager.amazonaws.com"}
	also := func(key, value string) in {
		out := in{key: value}
		for k, v := range sm {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
		return out
	}
	for _, c := range []struct {
		name       string
		permission in
		arn        string
		spoil      func(*function)
		want       bool
	}{
		{"no policy", nil, rotator, nil, false},
		{"the service, without conditions", sm, rotator, nil, true},
		{"another service", also("Principal", "events.amazonaws.com"), rotator, nil, false},
		{"everybody", also("Principal", "*"), rotator, nil, true},
		{"an account", also("Principal", "123456789012"), rotator, nil, false},
		{"any action", also("Action", "lambda:*"), rotator, nil, true},
		{"another action", also("Action", "lambda:GetFunction"), rotator, nil, false},
		{"the secret's account", also("SourceAccount", "123456789012"), rotator, nil, true},
		{"another account", also("SourceAccount", "210987654321"), rotator, nil, false},
		{"the secret", also("SourceArn", secret), rotator, nil, true},
		{"every secret of the region", also("SourceArn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:*"), rotator, nil, true},
		{"some secrets", also("SourceArn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/??-*"), rotator, nil, true},
		{"the same secret in another region", also("SourceArn", "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-AbCdEf"), rotator, nil, false},
		{"a wildcard does not cross a colon", also("SourceArn", "arn:aws:*:secret:prod/db-AbCdEf"), rotator, nil, false},
		{"a function of another region", sm, "arn:aws:lambda:us-west-2:123456789012:function:f", nil, false},
		{"a function of another account", sm, "arn:aws:lambda:us-east-1:210987654321:function:f", nil, false},
		{"a missing function", sm, rotator + "x", nil, false},
		{"a version without permission", sm, rotator + ":1", nil, false},
		{"reserved concurrency 0", sm, rotator, func(f *function) { f.concurrency = new(int) }, false},
		{"a failing function", sm, rotator, func(f *function) { f.failing = true }, false},
		{"a function that is not ready", sm, rotator, func(f *function) { f.State = "Pending" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := New(Options{Now: func() time.Time { return time.Unix(0, 0) }})
			call := func(op string, body in) {
				t.Helper()
				data, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				r := &request{cloud: cloud, account: "123456789012", region: "us-east-1", service: "lambda", op: op, body: data, path: map[string]string{"FunctionName": "f"}}
				if _, err := cloud.ops["lambda"][op].handle(r); err != nil {
					t.Fatal(err)
				}
				cloud.settleLocked(time.Unix(1, 0))
			}
			call("CreateFunction", in{"Runtime": "python3.12", "Handler": "h", "Role": "arn:aws:iam::123456789012:role/r", "Code": in{"ZipFile": []byte("x")}, "Publish": true})
			if c.permission != nil {
				call("AddPermission", c.permission)
			}
			at := cloud.store("123456789012", "us-east-1")
			if c.spoil != nil {
				c.spoil(at.lambda.functions["f"])
			}
			if got := at.invokable(c.arn, secret); got != c.want {
				t.Errorf("invokable is %v, want %v", got, c.want)
			}
		})
	}
}
