package config

import (
	"encoding"
	"reflect"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/xrash/smetrics"
)

func deref(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// isTables: an array of tables.
func isTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// isText: a type that reads itself from a string.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isFlexible: a string, or a table of strings.
func isFlexible(t reflect.Type) bool { return t == reflect.TypeFor[oneOrByRegion]() }

// fieldNames are a table's keys, in the schema's order.
func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		names = append(names, name)
	}
	return names
}

func fitsScalar(kind unstable.Kind, t reflect.Type) bool {
	switch kind {
	case unstable.String:
		return t.Kind() == reflect.String || isText(t) || isFlexible(t)
	case unstable.Bool:
		return t.Kind() == reflect.Bool
	case unstable.Integer:
		return !isText(t) && (t.Kind() == reflect.Int || t.Kind() == reflect.Float64)
	case unstable.Float:
		return t.Kind() == reflect.Float64
	}
	return false
}

// wanted says in words what a key takes.
func wanted(t reflect.Type) string {
	t = deref(t)
	switch {
	case isText(t):
		return `a duration such as "30s"`
	case isFlexible(t):
		return "an ARN with {region}, or a table of ARNs by region"
	case isTables(t):
		return "a list of tables"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of strings"
	}
	return "a table"
}

func found(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a whole number"
	case unstable.Float:
		return "a number with a fraction"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}

// join2 appends a name to a path. A dot inside a name would only make the
// path ambiguous for finding its place, so it is kept apart.
func join2(path, name string) string {
	name = strings.NewReplacer(".", "\u00b7", "[", "\u00b7").Replace(name)
	if path == "" {
		return name
	}
	return path + "." + name
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// show is a path as people write it: without element numbers, which the line
// tells better.
func show(path string) string {
	return strings.ReplaceAll(indexes.ReplaceAllString(path, ""), "\u00b7", ".")
}

// nearest is the name that a mistyped one was most likely meant to be, ""
// where none is near.
func nearest(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int { return smetrics.WagnerFischer(a, b, 1, 1, 1) }
