package sim

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// The AWS JSON protocols: times are seconds, blobs base64, nothing is null.
func TestAppendJSON(t *testing.T) {
	type inner struct {
		A string `json:"a,omitempty"`
	}
	type embedded struct{ E int }
	cache := shapeCache{}
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"a time with milliseconds", struct{ T time.Time }{time.UnixMilli(1577836800123)}, `{"T":1577836800.123}`},
		{"a time without", struct{ T *time.Time }{new(time.Unix(1577836800, 0))}, `{"T":1577836800}`},
		{"no time", struct{ T time.Time }{}, `{}`},
		{"a blob", struct{ B []byte }{[]byte("hi")}, `{"B":"aGk="}`},
		{"nothing", struct {
			P *string
			S []string
			M map[string]string
		}{}, `{}`},
		{"empty, not nothing", struct {
			S []string
			M map[string]string
		}{[]string{}, map[string]string{}}, `{"S":[],"M":{}}`},
		{"embedded and nested", struct {
			embedded
			N []inner
			I any
		}{embedded{1}, []inner{{"x"}, {}}, inner{"y"}}, `{"E":1,"N":[{"a":"x"},{}],"I":{"a":"y"}}`},
		{"text that needs escapes", struct{ S string }{"a\"\\\n\x01é\xff<&>"}, `{"S":"a\"\\\n\u0001é` + "\ufffd" + `<&>"}`},
		{"a map, sorted", map[string]any{"b": 1.5, "a": []int{-1}}, `{"a":[-1],"b":1.5}`},
		{"raw JSON", struct{ R json.RawMessage }{json.RawMessage(`{"x":1}`)}, `{"R":{"x":1}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(cache.appendJSON(nil, reflect.ValueOf(c.in)))
			if got != c.want || !json.Valid([]byte(got)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// An access key of AssumeRole tells its account; anybody else's tells none.
func TestAccountOfKey(t *testing.T) {
	for _, account := range []string{"123456789012", "000000000001", "999999999999"} {
		if got := accountOfKey(accessKeyOf(account, 7)); got != account {
			t.Errorf("key of %s tells %q", account, got)
		}
	}
	for key, want := range map[string]string{
		"AKIAIOSFODNN7EXAMPLE": "", "ASIAIOSFODNN7EXAMPLE": "", "": "", "test": "", "210987654321": "210987654321",
	} {
		if got := accountOfKey(key); got != want {
			t.Errorf("%q tells %q, want %q", key, got, want)
		}
	}
}
