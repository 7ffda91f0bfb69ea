package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// queryProtocol is the AWS query protocol: a form with Action, an XML answer.
// AWS: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
type queryProtocol struct{ shapes *shapeCache }

// maxQueryDepth bounds the nesting of a parameter's name; the deepest real
// one (MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name)
// has eight parts.
const maxQueryDepth = 24

func (p queryProtocol) parse(req *http.Request, body []byte, r *request) *apiError {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return errorf("MalformedQueryString", 400, "The query string contains a syntax error")
	}
	for name, values := range req.URL.Query() {
		if _, ok := form[name]; !ok {
			form[name] = values
		}
	}
	r.op = form.Get("Action")
	if r.op == "" {
		return errorf("MissingAction", 400, "The request is missing an action or a required parameter.")
	}
	r.loose = true
	input, bad := nestForm(form)
	if bad != nil {
		return bad
	}
	r.body, err = json.Marshal(input)
	if err != nil {
		return errorf("MalformedQueryString", 400, "The query string contains a syntax error")
	}
	return nil
}

// nestForm turns A.B.member.1=x into {"A":{"B":["x"]}}; every scalar stays a
// string until the operation's input type says what it should be.
func nestForm(form url.Values) (any, *apiError) {
	root := map[string]any{}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		parts := strings.Split(name, ".")
		if len(parts) > maxQueryDepth {
			return nil, errorf("MalformedQueryString", 400, "The query string contains a syntax error")
		}
		at := root
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		if last := parts[len(parts)-1]; at[last] == nil {
			at[last] = form.Get(name)
		}
	}
	for name, v := range root {
		root[name] = collapse(v)
	}
	return root, nil
}

// collapse turns {"member":{"1":…}} into a list and {"entry":{"1":{"key":…,
// "value":…}}} into a map.
func collapse(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if inner, ok := m["member"].(map[string]any); ok && len(m) == 1 {
		list := []any{}
		for _, k := range numbered(inner) {
			list = append(list, collapse(inner[k]))
		}
		return list
	}
	if inner, ok := m["entry"].(map[string]any); ok && len(m) == 1 {
		out := map[string]any{}
		for _, k := range numbered(inner) {
			if pair, ok := inner[k].(map[string]any); ok {
				if key, ok := pair["key"].(string); ok {
					out[key] = collapse(pair["value"])
				}
			}
		}
		return out
	}
	for k, e := range m {
		m[k] = collapse(e)
	}
	return m
}

func numbered(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, _ := strconv.Atoi(keys[i])
		b, _ := strconv.Atoi(keys[j])
		if a != b {
			return a < b
		}
		return keys[i] < keys[j]
	})
	return keys
}

func (p queryProtocol) unknownOperation(r *request) *apiError {
	return errorf("InvalidAction", 400, "Could not find operation %s for version %s",
		clip(r.op, 128), serviceNamed(r.service).version)
}

func (p queryProtocol) writeResult(w http.ResponseWriter, r *request, out any) {
	var b bytes.Buffer
	b.WriteString("<" + r.op + `Response xmlns="` + serviceNamed(r.service).namespace + `">`)
	if out != nil {
		p.shapes.writeXML(&b, r.op+"Result", reflect.ValueOf(out))
	}
	b.WriteString("<ResponseMetadata><RequestId>" + r.id + "</RequestId></ResponseMetadata></" + r.op + "Response>\n")
	writeBody(w, r, http.StatusOK, "text/xml", b.Bytes())
}

func (p queryProtocol) writeError(w http.ResponseWriter, r *request, err *apiError) {
	fault := err.Fault
	if fault == "" {
		fault = "Sender"
		if err.Status >= 500 {
			fault = "Receiver"
		}
	}
	code := err.Code
	switch code { // one error, named otherwise in this protocol
	case "SerializationException":
		code = "MalformedInput"
	case "ThrottlingException":
		code = "Throttling"
	}
	var b bytes.Buffer
	b.WriteString(`<ErrorResponse xmlns="` + serviceNamed(r.service).namespace + `"><Error>`)
	for _, e := range [...][2]string{{"Type", fault}, {"Code", code}, {"Message", err.Message}} {
		b.WriteString("<" + e[0] + ">")
		_ = xml.EscapeText(&b, []byte(e[1])) // a bytes.Buffer takes everything
		b.WriteString("</" + e[0] + ">")
	}
	b.WriteString("</Error><RequestId>" + r.id + "</RequestId></ErrorResponse>\n")
	writeBody(w, r, status(err), "text/xml", b.Bytes())
}

// writeXML renders v as element name. Names come from our own types, so they
// need no escaping; a map's keys are text.
func (c *shapeCache) writeXML(b *bytes.Buffer, name string, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	b.WriteString("<" + name + ">")
	c.writeXMLContent(b, v)
	b.WriteString("</" + name + ">")
}

func (c *shapeCache) writeXMLContent(b *bytes.Buffer, v reflect.Value) {
	text := func(s string) { _ = xml.EscapeText(b, []byte(s)) }
	if t, ok := timeIn(v); ok {
		text(t.UTC().Format("2006-01-02T15:04:05.000Z"))
		return
	}
	if data, ok := raw(v); ok {
		var plain any
		if json.Unmarshal(data, &plain) == nil && plain != nil {
			c.writeXMLContent(b, reflect.ValueOf(plain))
		}
		return
	}
	switch {
	case v.CanInt():
		text(strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		text(strconv.FormatUint(v.Uint(), 10))
	case v.CanFloat():
		text(strings.Trim(string(appendFloat(nil, v.Float())), `"`))
	}
	switch v.Kind() {
	case reflect.String:
		text(v.String())
	case reflect.Bool:
		text(strconv.FormatBool(v.Bool()))
	case reflect.Struct:
		members := c.members(v.Type())
		for i := range members {
			if f, ok := members[i].present(v); ok {
				c.writeXML(b, members[i].name, f)
			}
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			b.WriteString("<entry><key>")
			text(k.String())
			b.WriteString("</key>")
			c.writeXML(b, "value", v.MapIndex(k))
			b.WriteString("</entry>")
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			text(base64.StdEncoding.EncodeToString(v.Bytes()))
			return
		}
		for i := range v.Len() {
			c.writeXML(b, "member", v.Index(i))
		}
	}
}
