package sim

import (
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// cborProtocol is Smithy RPC v2 CBOR, CloudWatch's first choice: POST
// /service/NAME/operation/OP.
// AWS: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
type cborProtocol struct{ shapes *shapeCache }

func (p cborProtocol) parse(req *http.Request, body []byte, r *request) *apiError {
	rest, ok := strings.CutPrefix(req.URL.Path, "/service/")
	if !ok || req.Method != http.MethodPost || req.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		return p.unknownOperation(r)
	}
	name, op, _ := strings.Cut(rest, "/operation/")
	s, ok := serviceOfTarget(name)
	if !ok || s.name != "monitoring" {
		return p.unknownOperation(r)
	}
	if r.service != s.name {
		return errorf("InvalidSignatureException", 403, "Credential should be scoped to correct service: '%s'.", s.name)
	}
	r.op, r.body = op, json.RawMessage("{}")
	if len(body) == 0 {
		return nil
	}
	v, err := cbor.Decode(body)
	if err != nil {
		return errorf("SerializationException", 400, "")
	}
	if _, ok := v.(cbor.Map); !ok {
		return errorf("SerializationException", 400, "Unexpected token found where start of structure was expected")
	}
	b, err := json.Marshal(plainCBOR(v))
	if err != nil {
		return errorf("SerializationException", 400, "")
	}
	r.body = b
	return nil
}

// plainCBOR turns CBOR into what encoding/json marshals: blobs become base64
// strings, timestamps (tag 1) epoch seconds.
func plainCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Uint:
		return uint64(v)
	case cbor.NegInt:
		if v == 0 || v > 1<<63 { // below the smallest int64
			return -math.MaxFloat64
		}
		return -int64(v-1) - 1
	case cbor.Slice:
		return []byte(v)
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Float32:
		return plainFloat(float64(v))
	case cbor.Float64:
		return plainFloat(float64(v))
	case *cbor.Tag:
		return plainCBOR(v.Value)
	case cbor.List:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plainCBOR(e)
		}
		return list
	case cbor.Map:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = plainCBOR(e)
		}
		return m
	}
	return nil
}

func plainFloat(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "NaN" // not a JSON number; decoding refuses it as a type mismatch
	}
	return f
}

func (p cborProtocol) unknownOperation(*request) *apiError {
	return &apiError{Code: "UnknownOperationException", Status: 404}
}

func (p cborProtocol) writeResult(w http.ResponseWriter, r *request, out any) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	body := cbor.Encode(cbor.Map{})
	if out != nil {
		body = cbor.Encode(p.shapes.cborOf(reflect.ValueOf(out)))
	}
	writeBody(w, r, http.StatusOK, "application/cbor", body)
}

func (p cborProtocol) writeError(w http.ResponseWriter, r *request, err *apiError) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	body := cbor.Map{"__type": cbor.String(setQueryError(w, err))}
	name := "message"
	if err.Upper {
		name = "Message"
	}
	body[name] = cbor.String(strings.ToValidUTF8(err.Message, "\ufffd"))
	writeBody(w, r, status(err), "application/cbor", cbor.Encode(body))
}

// setQueryError sets x-amzn-query-error, which tells clients of the newer
// protocols the error code of the query protocol ("ResourceNotFound;Sender"),
// and returns the error's type in the newer ones.
// AWS: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, awsQueryCompatible.
func setQueryError(w http.ResponseWriter, err *apiError) string {
	fault := err.Fault
	if fault == "" {
		fault = "Sender"
		if err.Status >= 500 {
			fault = "Receiver"
		}
	}
	w.Header().Set("X-Amzn-Query-Error", err.Code+";"+fault)
	const ours = "com.amazonaws.cloudwatch#"
	switch err.Code {
	case "LimitExceeded":
		return ours + "LimitExceededFault"
	case "InvalidFormat":
		return ours + "InvalidFormatFault"
	case "InvalidParameterValue", "InvalidParameterCombination":
		return ours + err.Code + "Exception"
	case "MissingParameter":
		return ours + "MissingRequiredParameterException"
	case "InternalServiceError":
		return ours + "InternalServiceFault"
	case "ResourceNotFound", "ResourceNotFoundException", "InvalidNextToken", "ConcurrentModificationException", "LimitExceededException":
		return ours + err.Code
	case "ValidationError":
		return "com.amazon.coral.service#ValidationException"
	case "Throttling":
		return "com.amazon.coral.availability#ThrottlingException"
	}
	return err.Code
}

// cborOf turns an operation's answer into CBOR.
func (c *shapeCache) cborOf(v reflect.Value) cbor.Value {
	switch v.Kind() {
	case reflect.Invalid:
		return &cbor.Nil{}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return &cbor.Nil{}
		}
		return c.cborOf(v.Elem())
	case reflect.String:
		return cbor.String(v.String())
	case reflect.Bool:
		return cbor.Bool(v.Bool())
	}
	if t, ok := timeIn(v); ok {
		return &cbor.Tag{ID: 1, Value: cbor.Float64(epochSeconds(t))}
	}
	if text, ok := raw(v); ok {
		var plain any
		if json.Unmarshal(text, &plain) != nil {
			return &cbor.Nil{}
		}
		return c.cborOf(reflect.ValueOf(plain))
	}
	switch {
	case v.CanInt():
		if n := v.Int(); n < 0 {
			return cbor.NegInt(uint64(-(n + 1)) + 1)
		}
		return cbor.Uint(v.Int())
	case v.CanUint():
		return cbor.Uint(v.Uint())
	case v.CanFloat():
		return cbor.Float64(v.Float())
	}
	switch v.Kind() {
	case reflect.Struct:
		m := cbor.Map{}
		members := c.members(v.Type())
		for i := range members {
			if f, ok := members[i].present(v); ok {
				m[members[i].name] = c.cborOf(f)
			}
		}
		return m
	case reflect.Map:
		m := cbor.Map{}
		for _, k := range v.MapKeys() {
			m[k.String()] = c.cborOf(v.MapIndex(k))
		}
		return m
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return cbor.Slice(v.Bytes())
		}
		list := make(cbor.List, v.Len())
		for i := range v.Len() {
			list[i] = c.cborOf(v.Index(i))
		}
		return list
	}
	return &cbor.Nil{}
}
