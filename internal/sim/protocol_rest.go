package sim

import (
	"net/http"
	"reflect"
	"strings"
)

// restProtocol is REST-JSON as Lambda speaks it: the operation is in method
// and path, the status code depends on it.
// AWS: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
type restProtocol struct{ shapes *shapeCache }

// A route is one operation's method, path and success status, from Lambda's
// service model (2015-03-31).
type route struct {
	op, method, path string
	status           int
}

func lambdaRoutes() [27]route {
	const fn = "/2015-03-31/functions/{FunctionName}"
	return [...]route{
		{"CreateFunction", "POST", "/2015-03-31/functions", 201},
		{"ListFunctions", "GET", "/2015-03-31/functions", 200},
		{"GetFunction", "GET", fn, 200},
		{"DeleteFunction", "DELETE", fn, 204},
		{"GetFunctionConfiguration", "GET", fn + "/configuration", 200},
		{"UpdateFunctionConfiguration", "PUT", fn + "/configuration", 200},
		{"UpdateFunctionCode", "PUT", fn + "/code", 200},
		{"AddPermission", "POST", fn + "/policy", 201},
		{"GetPolicy", "GET", fn + "/policy", 200},
		{"RemovePermission", "DELETE", fn + "/policy/{StatementId}", 204},
		{"ListVersionsByFunction", "GET", fn + "/versions", 200},
		{"PublishVersion", "POST", fn + "/versions", 201},
		{"ListAliases", "GET", fn + "/aliases", 200},
		{"Invoke", "POST", fn + "/invocations", 200},
		{"PutFunctionConcurrency", "PUT", "/2017-10-31/functions/{FunctionName}/concurrency", 200},
		{"DeleteFunctionConcurrency", "DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", 204},
		{"GetFunctionConcurrency", "GET", "/2019-09-30/functions/{FunctionName}/concurrency", 200},
		{"ListTags", "GET", "/2017-03-31/tags/{Resource}", 200},
		{"TagResource", "POST", "/2017-03-31/tags/{Resource}", 204},
		{"UntagResource", "DELETE", "/2017-03-31/tags/{Resource}", 204},
		{"GetFunctionCodeSigningConfig", "GET", "/2020-06-30/functions/{FunctionName}/code-signing-config", 200},
		{"GetRuntimeManagementConfig", "GET", "/2021-07-20/functions/{FunctionName}/runtime-management-config", 200},
		{"GetFunctionRecursionConfig", "GET", "/2024-08-31/functions/{FunctionName}/recursion-config", 200},
		{"GetFunctionUrlConfig", "GET", "/2021-10-31/functions/{FunctionName}/url", 200},
		{"GetFunctionEventInvokeConfig", "GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config", 200},
		{"GetProvisionedConcurrencyConfig", "GET", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", 200},
		{"GetAccountSettings", "GET", "/2016-08-19/account-settings", 200},
	}
}

// match compares an escaped request path with the route's, part by part; an
// ARN in a path arrives escaped, so that its colons and slashes stay inside.
func (t route) match(method string, parts []string) (map[string]string, bool) {
	want := strings.Split(t.path, "/")
	if t.method != method || len(want) != len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, part := range parts {
		if name, ok := strings.CutPrefix(want[i], "{"); ok {
			vars[strings.TrimSuffix(name, "}")] = unescape(part)
		} else if want[i] != part {
			return nil, false
		}
	}
	return vars, true
}

func (p restProtocol) parse(req *http.Request, body []byte, r *request) *apiError {
	parts := strings.Split(strings.TrimSuffix(req.URL.EscapedPath(), "/"), "/")
	for _, t := range lambdaRoutes() {
		vars, ok := t.match(req.Method, parts)
		if !ok {
			continue
		}
		r.op, r.path, r.query = t.op, vars, req.URL.Query()
		if r.op == "Invoke" { // its body is the payload, not an input object
			vars["InvocationType"] = req.Header.Get("X-Amz-Invocation-Type")
			r.body = body
			return nil
		}
		if bad := setJSONBody(r, body); bad != nil {
			return errorf("InvalidRequestContentException", 400, "Could not parse request body into json: %s", bad.Message)
		}
		return nil
	}
	return p.unknownOperation(r)
}

func (p restProtocol) unknownOperation(*request) *apiError {
	return &apiError{
		Code: "AccessDeniedException", Status: 403, Upper: true,
		Message: "Unable to determine service/operation name to be authorized",
	}
}

func (p restProtocol) writeResult(w http.ResponseWriter, r *request, out any) {
	status := http.StatusOK
	for _, t := range lambdaRoutes() {
		if t.op == r.op {
			status = t.status
		}
	}
	var body []byte
	if out != nil && status != http.StatusNoContent {
		body = p.shapes.appendJSON(nil, reflect.ValueOf(out))
	}
	writeBody(w, r, status, "application/json", body)
}

// writeError spells the text's member as Lambda's model does for each error.
func (p restProtocol) writeError(w http.ResponseWriter, r *request, err *apiError) {
	w.Header().Set("X-Amzn-Errortype", err.Code)
	kind, name := "User", "Message"
	switch err.Code {
	case "InvalidParameterValueException", "InvalidRequestContentException", "PolicyLengthExceededException",
		"PreconditionFailedException", "RequestTooLargeException", "ResourceConflictException",
		"TooManyRequestsException", "ValidationException", "MissingAuthenticationTokenException":
		name = "message"
	}
	if err.Status >= 500 {
		kind = "Service"
	}
	b := append([]byte(`{"Type":`), appendQuoted(nil, kind)...)
	if err.Code == "TooManyRequestsException" {
		b = append(b, `,"Reason":"CallerRateLimitExceeded"`...)
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	writeBody(w, r, status(err), "application/json", append(appendQuoted(b, err.Message), '}'))
}
