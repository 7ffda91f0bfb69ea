package sim

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// epoch is a timestamp in an operation's input: epoch seconds in the JSON
// and CBOR protocols, ISO 8601 in the query protocol.
type epoch struct{ time.Time }

func (e *epoch) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return &json.UnmarshalTypeError{Value: "string", Type: reflect.TypeFor[time.Time]()}
		}
		e.Time = t.UTC()
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f) > 1e12 {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[time.Time]()}
	}
	e.Time = time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	return nil
}

// A shapeCache remembers the members of the Go types that operations return,
// as reflection is slow and a full list page has thousands of members.
type shapeCache struct{ types sync.Map } // reflect.Type → []member

// A member is one field of a struct under its name on the wire.
type member struct {
	name  string
	quote string // `"name":`
	index []int
	omit  bool // leave it out when empty
}

func (c *shapeCache) members(t reflect.Type) []member {
	if m, ok := c.types.Load(t); ok {
		return m.([]member)
	}
	m := membersOf(t, nil)
	c.types.Store(t, m)
	return m
}

func membersOf(t reflect.Type, at []int) []member {
	var list []member
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int{}, at...), i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			list = append(list, membersOf(f.Type, index)...)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		list = append(list, member{
			name: name, quote: string(appendQuoted(nil, name)) + ":", index: index,
			omit: strings.Contains(opts, "omitempty") || strings.Contains(opts, "omitzero"),
		})
	}
	return list
}

// present gives the member's value, or false when it is left out. Nil
// pointers, maps and slices are always left out, as AWS never sends null.
func (m *member) present(v reflect.Value) (reflect.Value, bool) {
	f := v.FieldByIndex(m.index)
	switch f.Kind() {
	case reflect.Pointer, reflect.Interface:
		return f, !f.IsNil()
	case reflect.Map, reflect.Slice:
		return f, !f.IsNil() && (f.Len() > 0 || !m.omit)
	case reflect.Struct:
		if t, ok := timeIn(f); ok {
			return f, !t.IsZero()
		}
	}
	return f, !m.omit || !f.IsZero()
}

func timeIn(v reflect.Value) (time.Time, bool) {
	if v.Kind() != reflect.Struct || !v.CanInterface() {
		return time.Time{}, false
	}
	switch t := v.Interface().(type) {
	case time.Time:
		return t, true
	case epoch:
		return t.Time, true
	}
	return time.Time{}, false
}

// raw gives the JSON of a value that marshals itself.
func raw(v reflect.Value) ([]byte, bool) {
	if v.Kind() == reflect.String || !v.CanInterface() || !v.Type().Implements(reflect.TypeFor[json.Marshaler]()) {
		return nil, false
	}
	b, err := v.Interface().(json.Marshaler).MarshalJSON()
	return b, err == nil
}

// appendJSON renders v as AWS's JSON protocols do: timestamps as epoch
// seconds, blobs in base64, no null.
func (c *shapeCache) appendJSON(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Invalid:
		return append(b, "null"...)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return c.appendJSON(b, v.Elem())
	case reflect.String:
		return appendQuoted(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	}
	if t, ok := timeIn(v); ok {
		return appendEpoch(b, t)
	}
	if text, ok := raw(v); ok {
		return append(b, text...)
	}
	switch {
	case v.CanInt():
		return strconv.AppendInt(b, v.Int(), 10)
	case v.CanUint():
		return strconv.AppendUint(b, v.Uint(), 10)
	case v.CanFloat():
		return appendFloat(b, v.Float())
	}
	switch v.Kind() {
	case reflect.Struct:
		return c.appendStruct(b, v)
	case reflect.Map:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendQuoted(b, k.String()), ':')
			b = c.appendJSON(b, v.MapIndex(k))
		}
		return append(b, '}')
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			return append(base64.StdEncoding.AppendEncode(append(b, '"'), v.Bytes()), '"')
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.appendJSON(b, v.Index(i))
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func (c *shapeCache) appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	members := c.members(v.Type())
	for i := range members {
		f, ok := members[i].present(v)
		if !ok {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = c.appendJSON(append(b, members[i].quote...), f)
	}
	return append(b, '}')
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	return keys
}

// epochSeconds is AWS's precision on the wire: milliseconds.
func epochSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func appendEpoch(b []byte, t time.Time) []byte {
	return strconv.AppendFloat(b, epochSeconds(t), 'f', -1, 64)
}

// appendFloat writes what JSON cannot express as the strings that AWS uses.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.AppendFloat(b, f, 'f', 1, 64)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		ch := s[i]
		if ch >= 0x20 && ch != '"' && ch != '\\' && ch < utf8.RuneSelf {
			i++
			continue
		}
		if ch >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[start:i]...), "\ufffd"...)
		} else {
			b = append(b, s[start:i]...)
			switch ch {
			case '"', '\\':
				b = append(b, '\\', ch)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[ch>>4], hex[ch&15])
			}
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
