package sim

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// unmarshal reads the request's input into v, a pointer to a struct: the
// body, then the variables of a REST path and its query string.
func (r *request) unmarshal(v any) error {
	body := []byte(r.body)
	if r.loose {
		var tree any
		if err := json.Unmarshal(body, &tree); err != nil {
			return err
		}
		typed, err := json.Marshal(coerce(tree, reflect.TypeOf(v)))
		if err != nil {
			return err
		}
		body = typed
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, v); err != nil {
			return err
		}
	}
	if len(r.path) == 0 && len(r.query) == 0 {
		return nil
	}
	rest := map[string]any{}
	for name, values := range r.query {
		rest[name] = values
		if len(values) == 1 {
			rest[name] = values[0]
		}
	}
	for name, value := range r.path {
		rest[name] = value
	}
	over, err := json.Marshal(coerce(rest, reflect.TypeOf(v)))
	if err != nil {
		return err
	}
	return json.Unmarshal(over, v)
}

// coerce gives the scalars of a form or query string, all strings, the JSON
// types that t wants. What doesn't fit stays a string, for the decoder to
// refuse.
func coerce(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			switch t.Kind() {
			case reflect.Map:
				x[k] = coerce(e, t.Elem())
			case reflect.Struct:
				if ft, ok := fieldNamed(t, k); ok {
					x[k] = coerce(e, ft)
				}
			}
		}
		return x
	case []any:
		if t.Kind() == reflect.Slice {
			for i, e := range x {
				x[i] = coerce(e, t.Elem())
			}
		}
		return x
	case []string:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = e
		}
		return coerce(list, t)
	case string:
		return coerceScalar(x, t)
	}
	return v
}

func coerceScalar(s string, t reflect.Type) any {
	switch t.Kind() {
	case reflect.Bool:
		if b, err := strconv.ParseBool(s); err == nil {
			return b
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	case reflect.Float64:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			if _, err := json.Marshal(f); err == nil {
				return f
			}
		}
	case reflect.Slice:
		switch {
		case t.Elem().Kind() == reflect.Uint8: // a blob, in base64 everywhere
			return s
		case s == "": // how the query protocol sends an empty list
			return []any{}
		}
		return []any{coerceScalar(s, t.Elem())}
	case reflect.Map, reflect.Struct:
		if s == "" && t != reflect.TypeFor[epoch]() {
			return map[string]any{}
		}
	}
	return s
}

func fieldNamed(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if ft, ok := fieldNamed(f.Type, name); ok {
				return ft, true
			}
			continue
		}
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" {
			tag = f.Name
		}
		if tag == name {
			return f.Type, true
		}
	}
	return nil, false
}
