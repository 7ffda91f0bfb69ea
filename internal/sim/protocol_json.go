package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// jsonProtocol is AWS JSON 1.0 and 1.1: POST /, X-Amz-Target: Service.Operation.
// AWS: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
type jsonProtocol struct {
	shapes  *shapeCache
	version string
}

func jsonVersion(req *http.Request, s wireService) string {
	if v, ok := strings.CutPrefix(req.Header.Get("Content-Type"), "application/x-amz-json-"); ok && len(v) >= 3 && (v[:3] == "1.0" || v[:3] == "1.1") {
		return v[:3]
	}
	if s.json != "" {
		return s.json
	}
	return "1.1"
}

func (p jsonProtocol) parse(req *http.Request, body []byte, r *request) *apiError {
	prefix, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	if req.Method != http.MethodPost {
		return p.unknownOperation(r)
	}
	if s, ok := serviceOfTarget(prefix); !ok {
		return p.unknownOperation(r)
	} else if s.name != r.service {
		return errorf("InvalidSignatureException", 400, "Credential should be scoped to correct service: '%s'.", s.name)
	}
	r.op = op
	return setJSONBody(r, body)
}

// setJSONBody takes a JSON object as the input; an empty body is an empty one.
func setJSONBody(r *request, body []byte) *apiError {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		r.body = json.RawMessage("{}")
		return nil
	case !json.Valid(body):
		return errorf("SerializationException", 400, "")
	case body[0] == '[':
		return errorf("SerializationException", 400, "Start of list found where not expected")
	case body[0] != '{':
		return errorf("SerializationException", 400, "Unexpected token found where start of structure was expected")
	}
	r.body = body
	return nil
}

func (p jsonProtocol) unknownOperation(*request) *apiError {
	return &apiError{Code: "UnknownOperationException", Status: 400}
}

func (p jsonProtocol) writeResult(w http.ResponseWriter, r *request, out any) {
	var body []byte
	if out != nil {
		body = p.shapes.appendJSON(nil, reflect.ValueOf(out))
	}
	writeBody(w, r, http.StatusOK, "application/x-amz-json-"+p.version, body)
}

func (p jsonProtocol) writeError(w http.ResponseWriter, r *request, err *apiError) {
	kind := err.Code
	if r.service == "monitoring" {
		kind = setQueryError(w, err)
	}
	body := append([]byte(`{"__type":`), appendQuoted(nil, kind)...)
	if err.Message != "" || kind != "SerializationException" && kind != "UnknownOperationException" {
		name := `,"message":`
		if err.Upper {
			name = `,"Message":`
		}
		body = appendQuoted(append(body, name...), err.Message)
	}
	writeBody(w, r, status(err), "application/x-amz-json-"+p.version, append(body, '}'))
}

// writeBody finishes an answer of any protocol.
func writeBody(w http.ResponseWriter, r *request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", r.id)
	if len(body) > 0 || status != http.StatusNoContent {
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who hung up is no concern of ours
}

func status(err *apiError) int {
	if err.Status < 400 || err.Status > 599 {
		return http.StatusBadRequest
	}
	return err.Status
}

// serializationMessage words a JSON type mismatch as AWS's Java front end does.
func serializationMessage(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return ""
	}
	kind, _, _ := strings.Cut(wrong.Value, " ")
	switch kind {
	case "array":
		return "Start of list found where not expected"
	case "object":
		return "Start of structure or map found where not expected."
	}
	value := map[string]string{"string": "STRING_VALUE", "number": "NUMBER_VALUE", "bool": "TRUE_VALUE"}[kind]
	if value == "" {
		value = "VALUE"
	}
	switch wrong.Type.Kind() {
	case reflect.String:
		return value + " can not be converted to a String"
	case reflect.Bool:
		return value + " can not be converted to a Boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return value + " can not be converted to an Integer"
	case reflect.Float64:
		return value + " can not be converted to a Double"
	case reflect.Slice:
		return "Expected list or null"
	}
	return "Unexpected field type"
}
