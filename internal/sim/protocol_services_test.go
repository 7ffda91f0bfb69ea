package sim_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/understudy-dr/understudy/internal/sim"
)

// serviceWireFacts are the three mistakes a caller can make, in every service
// and protocol: an operation that there is not, a body that can't be read, a
// parameter that the model refuses. None is answered with a 500.
func serviceWireFacts() []wireFact {
	var facts []wireFact
	add := func(service string, f wireFact) {
		f.name = service + ": " + f.name
		facts = append(facts, f)
	}
	for _, s := range []struct{ service, prefix, op, bad, code string }{
		{"secretsmanager", "secretsmanager", "DescribeSecret", `{"SecretId":""}`, "ValidationException"},
		{"kms", "TrentService", "DescribeKey", `{"KeyId":""}`, "ValidationException"},
		{"logs", "Logs_20140328", "CreateLogGroup", `{"logGroupName":""}`, "InvalidParameterException"},
		{"monitoring", "GraniteServiceVersion20100801", "DescribeAlarms", `{"MaxRecords":101}`, "ValidationException"},
	} {
		call := func(op string) map[string]string { return jsonHeaders(s.service, s.prefix+"."+op) }
		add(s.service, wireFact{name: "an unknown operation", source: jsonProtocol, headers: call("MakeCoffee"), body: "{}", status: 400, code: "UnknownOperationException"})
		add(s.service, wireFact{name: "a malformed body", source: jsonProtocol, headers: call(s.op), body: `{"`, status: 400, code: "SerializationException"})
		add(s.service, wireFact{name: "a member of the wrong type", source: jsonProtocol, headers: call(s.op), body: strings.Replace(strings.Replace(s.bad, `""`, `[]`, 1), "101", `"x"`, 1), status: 400, code: "SerializationException"})
		add(s.service, wireFact{name: "a bad parameter", source: "AWS: the service's model", headers: call(s.op), body: s.bad, status: 400, code: s.code})
	}
	for _, s := range []struct{ service, bad, code string }{
		{"sns", "Action=CreateTopic&Name=a+b", "InvalidParameter"},
		{"sts", "Action=AssumeRole&RoleArn=x&RoleSessionName=abc", "ValidationError"},
		{"monitoring", "Action=DescribeAlarms&MaxRecords=101", "ValidationError"},
	} {
		add(s.service, wireFact{name: "an unknown action", source: commonErrors, headers: formHeaders(s.service), body: "Action=MakeCoffee", status: 400, code: "InvalidAction"})
		add(s.service, wireFact{name: "a malformed form", source: commonErrors, headers: formHeaders(s.service), body: "Action=%zz", status: 400, code: "MalformedQueryString"})
		add(s.service, wireFact{name: "a bad parameter in a form", source: "AWS: the service's model", headers: formHeaders(s.service), body: s.bad, status: 400, code: s.code})
	}
	add("monitoring", wireFact{name: "a bad parameter in CBOR", source: "AWS: CloudWatch model, DescribeAlarms", path: "/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
		headers: cborHeaders(), body: string(cbor.Encode(cbor.Map{"MaxRecords": cbor.Uint(101)})), status: 400, code: "ValidationException"})
	add("lambda", wireFact{name: "a bad parameter", source: "AWS: Lambda model, CreateFunction", path: fnPath, headers: formHeaders("lambda"), body: `{"FunctionName":"a b"}`, status: 400, code: "ValidationException"})
	add("lambda", wireFact{name: "a member of the wrong type", source: "AWS: Lambda model, CreateFunction", path: fnPath, headers: formHeaders("lambda"), body: `{"FunctionName":7}`, status: 400, code: "SerializationException"})
	return facts
}

// TestOneURLServesEveryRegion: the credential scope alone decides the region
// and the service, whatever the URL says.
func TestOneURLServesEveryRegion(t *testing.T) {
	cloud := frozen(t, sim.Options{}, sim.ExampleFleet())
	for _, region := range []string{east, west, eu} {
		req := httptest.NewRequest(http.MethodPost, "http://secretsmanager.ap-south-1.amazonaws.com/", strings.NewReader(`{"SecretId":"prod/mail/smtp"}`))
		for name, value := range with(jsonHeaders("secretsmanager", "secretsmanager.DescribeSecret"), "Authorization", signed(region, "secretsmanager")) {
			req.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		cloud.ServeHTTP(w, req)
		if !strings.Contains(w.Body.String(), "arn:aws:secretsmanager:"+region+":") {
			t.Errorf("signed for %s: %s", region, w.Body)
		}
	}
}
