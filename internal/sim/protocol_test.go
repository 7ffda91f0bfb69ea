package sim_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/understudy-dr/understudy/internal/sim"
)

// signed is an Authorization header as an SDK makes it.
func signed(region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260301/" + region + "/" + service +
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"
}

// A wireFact is one raw request and what AWS answers to it.
type wireFact struct {
	name, source string
	method, path string
	headers      map[string]string
	body         string
	status       int
	code         string // error code, whatever the protocol; "" is success
	text         string // the error's text, "" is not checked
}

func jsonHeaders(service, target string) map[string]string {
	return map[string]string{
		"Authorization": signed("us-east-1", service), "X-Amz-Date": "20260301T120000Z",
		"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1",
	}
}

func formHeaders(service string) map[string]string {
	return map[string]string{
		"Authorization": signed("us-east-1", service), "X-Amz-Date": "20260301T120000Z",
		"Content-Type": "application/x-www-form-urlencoded",
	}
}

func cborHeaders() map[string]string {
	h := formHeaders("monitoring")
	h["Content-Type"], h["Smithy-Protocol"] = "application/cbor", "rpc-v2-cbor"
	return h
}

func with(h map[string]string, name, value string) map[string]string {
	h[name] = value
	return h
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

const (
	commonErrors = "AWS: common error types of the service's API reference"
	jsonProtocol = "AWS: smithy.io, AWS JSON 1.1 protocol"
	cborProtocol = "AWS: smithy.io, Smithy RPC v2 CBOR protocol"
	restProtocol = "AWS: smithy.io, AWS REST-JSON 1.0 protocol"
	fnPath       = "/2015-03-31/functions/"
)

func wireFacts() []wireFact {
	return []wireFact{
		{name: "an unsigned JSON call", source: commonErrors, headers: map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, body: "{}", status: 400, code: "MissingAuthenticationTokenException", text: "Missing Authentication Token"},
		{name: "an unsigned query call", source: commonErrors, body: "Action=ListTopics", status: 403, code: "MissingAuthenticationToken"},
		{name: "an unsigned Lambda call", source: commonErrors, method: "GET", path: fnPath, status: 403, code: "MissingAuthenticationTokenException"},
		{name: "a signature without credential", source: commonErrors, headers: with(jsonHeaders("kms", "TrentService.ListKeys"), "Authorization", "AWS4-HMAC-SHA256 Signature=0, SignedHeaders=host"), status: 400, code: "IncompleteSignatureException", text: "Authorization header requires 'Credential' parameter. Authorization=AWS4-HMAC-SHA256"},
		{name: "a credential scope that is too short", source: commonErrors, headers: with(formHeaders("sns"), "Authorization", strings.Replace(signed("us-east-1", "sns"), "/aws4_request", "", 1)), body: "Action=ListTopics", status: 403, code: "IncompleteSignature", text: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIAIOSFODNN7EXAMPLE/20260301/us-east-1/sns'"},
		{name: "a scope of another service", source: commonErrors, headers: jsonHeaders("kms", "secretsmanager.ListSecrets"), body: "{}", status: 400, code: "InvalidSignatureException", text: "Credential should be scoped to correct service: 'secretsmanager'."},
		{name: "a scope of no region", source: commonErrors, headers: with(jsonHeaders("kms", "TrentService.ListKeys"), "Authorization", signed("nowhere", "kms")), body: "{}", status: 400, code: "InvalidSignatureException"},

		{name: "a JSON call", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.ListKeys"), body: "{}", status: 200},
		{name: "a JSON call without body", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.ListKeys"), status: 200},
		{name: "an unknown JSON operation", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.MakeCoffee"), body: "{}", status: 400, code: "UnknownOperationException"},
		{name: "an unknown target", source: jsonProtocol, headers: jsonHeaders("kms", "Barista.MakeCoffee"), body: "{}", status: 400, code: "UnknownOperationException"},
		{name: "a body that is no JSON", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.ListKeys"), body: "{", status: 400, code: "SerializationException"},
		{name: "a body that is a list", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.ListKeys"), body: "[]", status: 400, code: "SerializationException", text: "Start of list found where not expected"},
		{name: "a number for a text", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.DescribeKey"), body: `{"KeyId":7}`, status: 400, code: "SerializationException", text: "NUMBER_VALUE can not be converted to a String"},
		{name: "a text for a number", source: jsonProtocol, headers: jsonHeaders("kms", "TrentService.ListKeys"), body: `{"Limit":"7"}`, status: 400, code: "SerializationException", text: "STRING_VALUE can not be converted to an Integer"},
		{name: "a missing member", source: "AWS: KMS model, DescribeKey", headers: jsonHeaders("kms", "TrentService.DescribeKey"), body: "{}", status: 400, code: "ValidationException", text: "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"},
		{name: "a number out of range", source: "AWS: KMS model, ListKeys", headers: jsonHeaders("kms", "TrentService.ListKeys"), body: `{"Limit":1001}`, status: 400, code: "ValidationException", text: "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{name: "two members wrong", source: "AWS: Logs model, PutMetricFilter", headers: jsonHeaders("logs", "Logs_20140328.PutMetricFilter"), body: `{"logGroupName":"g","metricTransformations":[{"metricName":"m","metricNamespace":"n","metricValue":"1"}]}`, status: 400, code: "InvalidParameterException", text: "2 validation errors detected: Value null at 'filterName' failed to satisfy constraint: Member must not be null; Value null at 'filterPattern' failed to satisfy constraint: Member must not be null"},
		{name: "a compressed body", source: "AWS: smithy.io, requestCompression trait", headers: with(jsonHeaders("kms", "TrentService.DescribeKey"), "Content-Encoding", "gzip"), body: gzipped(`{"KeyId":"x"}`), status: 400, code: "NotFoundException", text: "Invalid keyId 'x'"},
		{name: "a body that only claims to be compressed", source: "AWS: smithy.io, requestCompression trait", headers: with(jsonHeaders("kms", "TrentService.ListKeys"), "Content-Encoding", "gzip"), body: "{}", status: 400, code: "SerializationException"},

		{name: "a query call", source: "AWS: smithy.io, AWS query protocol", headers: formHeaders("sns"), body: "Action=CreateTopic&Name=t&Tags.member.1.Key=k&Tags.member.1.Value=v", status: 200},
		{name: "a query call in the URL", source: "AWS: smithy.io, AWS query protocol", method: "GET", path: "/?Action=ListTopics&Version=2010-03-31", headers: formHeaders("sns"), status: 200},
		{name: "a query call without action", source: commonErrors, headers: formHeaders("sns"), body: "Version=2010-03-31", status: 400, code: "MissingAction"},
		{name: "an unknown action", source: commonErrors, headers: formHeaders("sts"), body: "Action=MakeCoffee&Version=2011-06-15", status: 400, code: "InvalidAction", text: "Could not find operation MakeCoffee for version 2011-06-15"},
		{name: "a text for a number in a form", source: commonErrors, headers: formHeaders("monitoring"), body: "Action=DescribeAlarms&MaxRecords=many", status: 400, code: "MalformedInput"},
		{name: "a broken form", source: commonErrors, headers: formHeaders("sns"), body: "Action=%zz", status: 400, code: "MalformedQueryString"},
		{name: "a parameter nested beyond reason", source: commonErrors, headers: formHeaders("sns"), body: "Action=ListTopics&" + strings.Repeat("a.", 1000) + "a=1", status: 400, code: "MalformedQueryString"},

		{name: "a CBOR call", source: cborProtocol, path: "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", headers: cborHeaders(), body: string(cbor.Encode(cbor.Map{"MaxRecords": cbor.Uint(5)})), status: 200},
		{name: "an unknown CBOR operation", source: cborProtocol, path: "/service/GraniteServiceVersion20100801/operation/MakeCoffee", headers: cborHeaders(), status: 404, code: "UnknownOperationException"},
		{name: "a body that is no CBOR", source: cborProtocol, path: "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", headers: cborHeaders(), body: "\xbf", status: 400, code: "SerializationException"},
		{name: "a CBOR text for a number", source: cborProtocol, path: "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", headers: cborHeaders(), body: string(cbor.Encode(cbor.Map{"MaxRecords": cbor.String("5")})), status: 400, code: "SerializationException"},
		{name: "a CBOR error", source: "AWS: CloudWatch model, SetAlarmState", path: "/service/GraniteServiceVersion20100801/operation/SetAlarmState", headers: cborHeaders(), body: string(cbor.Encode(cbor.Map{"AlarmName": cbor.String("x"), "StateValue": cbor.String("OK"), "StateReason": cbor.String("")})), status: 404, code: "ResourceNotFound"},

		{name: "a REST call", source: restProtocol, method: "GET", path: "/2015-03-31/functions/", headers: formHeaders("lambda"), status: 200},
		{name: "an unknown route", source: restProtocol, method: "PATCH", path: "/2015-03-31/coffee", headers: formHeaders("lambda"), status: 403, code: "AccessDeniedException", text: "Unable to determine service/operation name to be authorized"},
		{name: "a REST body that is no JSON", source: restProtocol, path: "/2015-03-31/functions", headers: formHeaders("lambda"), body: "{", status: 400, code: "InvalidRequestContentException"},
		{name: "an ARN in a path", source: restProtocol, method: "GET", path: "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af", headers: formHeaders("lambda"), status: 404, code: "ResourceNotFoundException", text: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f"},
		{name: "a text for a number in a query string", source: restProtocol, method: "GET", path: "/2015-03-31/functions?MaxItems=many", headers: formHeaders("lambda"), status: 400, code: "SerializationException"},
	}
}

func TestProtocols(t *testing.T) {
	for _, f := range append(wireFacts(), serviceWireFacts()...) {
		t.Run(f.name, func(t *testing.T) {
			if f.method == "" {
				f.method = "POST"
			}
			if f.path == "" {
				f.path = "/"
			}
			req := httptest.NewRequest(f.method, f.path, strings.NewReader(f.body))
			for name, value := range f.headers {
				req.Header.Set(name, value)
			}
			resp, err := sim.New(sim.Options{}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			code, text := wireError(t, resp, body)
			if resp.StatusCode != f.status || code != f.code || f.text != "" && text != f.text {
				t.Errorf("%s: got %d %s %q, want %d %s %q", f.source, resp.StatusCode, code, text, f.status, f.code, f.text)
			}
			if len(resp.Header.Get("X-Amzn-Requestid")) != 36 {
				t.Errorf("no request id: %v", resp.Header)
			}
		})
	}
}

// wireError reads an error answer of any protocol as a client would; the
// answer of a call that went well must parse, too.
func wireError(t testing.TB, resp *http.Response, body []byte) (code, text string) {
	t.Helper()
	if resp.StatusCode < 300 && len(body) == 0 {
		return "", ""
	}
	switch kind := resp.Header.Get("Content-Type"); kind {
	case "application/cbor":
		v, err := cbor.Decode(body)
		if err != nil {
			t.Fatalf("answer is no CBOR: %v", err)
		}
		m, ok := v.(cbor.Map)
		if !ok {
			t.Fatalf("answer is no map: %v", v)
		}
		typ, _ := m["__type"].(cbor.String)
		msg, _ := m["message"].(cbor.String)
		code, text = string(typ), string(msg)
	case "text/xml":
		var doc struct {
			Error struct{ Code, Message string }
		}
		if err := xml.Unmarshal(body, &doc); err != nil {
			t.Fatalf("answer is no XML: %v\n%s", err, body)
		}
		return doc.Error.Code, doc.Error.Message
	case "application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1":
		var doc map[string]any
		if err := json.Unmarshal(body, &doc); err != nil && (resp.StatusCode >= 300 || !json.Valid(body)) {
			t.Fatalf("answer is no JSON: %v\n%s", err, body)
		}
		code, _ = doc["__type"].(string)
		if h := resp.Header.Get("X-Amzn-Errortype"); h != "" {
			code = h
		}
		for name, v := range doc {
			if strings.EqualFold(name, "message") && resp.StatusCode >= 300 {
				text, _ = v.(string)
			}
		}
	default:
		t.Fatalf("answer of an unexpected type %q", kind)
	}
	if _, after, ok := strings.Cut(code, "#"); ok {
		code = after
	}
	return code, text
}

// FuzzProtocol: whatever comes in, an answer goes out that an AWS client can
// read, with a request id, and never a 500.
func FuzzProtocol(f *testing.F) {
	for _, w := range append(wireFacts(), serviceWireFacts()...) {
		f.Add(w.method, w.path, w.headers["Authorization"], w.headers["X-Amz-Target"], w.headers["Smithy-Protocol"], w.headers["Content-Encoding"], []byte(w.body))
	}
	f.Add("PUT", fnPath+"f/configuration", signed("eu-west-1", "lambda"), "", "", "", []byte(`{"Environment":{"Variables":null},"VpcConfig":{}}`))
	f.Add("POST", "/", signed("eu-west-1", "monitoring"), "", "", "", []byte("Action=PutMetricAlarm&AlarmName=a&Metrics.member.1.Id=m&EvaluationPeriods=1&ComparisonOperator=GreaterThanThreshold&Threshold=1"))
	f.Add("POST", "/", signed("eu-west-1", "monitoring"), "", "", "", []byte(`Action=PutCompositeAlarm&AlarmName=a&AlarmRule=NOT+(ALARM("x")+OR+OK(y))`))
	f.Fuzz(func(t *testing.T, method, path, authorization, target, smithy, encoding string, body []byte) {
		if path == "" || path[0] != '/' || strings.HasPrefix(path, "/_sim/") {
			path = "/"
		}
		req, err := http.NewRequest(method, "http://sim"+path, bytes.NewReader(body))
		if err != nil {
			t.Skip("not an HTTP request")
		}
		for name, value := range map[string]string{
			"Authorization": authorization, "X-Amz-Target": target, "Smithy-Protocol": smithy,
			"Content-Encoding": encoding, "X-Amz-Date": "20260301T120000Z",
		} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		resp, err := sim.New(sim.Options{}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		code, _ := wireError(t, resp, answer)
		if resp.StatusCode >= 500 || resp.StatusCode >= 300 && code == "" || len(resp.Header.Get("X-Amzn-Requestid")) != 36 {
			t.Errorf("%s %s: %d %q\n%s", method, path, resp.StatusCode, code, answer)
		}
	})
}
