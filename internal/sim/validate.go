package sim

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// read decodes the input into v, a pointer to a struct, and checks it against
// the constraints in its `check` tags, which are those of the service models:
//
//	required           Member must not be null
//	len=1..255         characters of a text, elements of a list or map
//	range=1..100       value of a number
//	enum=A|B           one of
//
// It returns AWS's validation error, which names every member that failed.
func (r *request) read(v any) error {
	if err := r.decode(v); err != nil {
		return err
	}
	var failed []string
	checkStruct(reflect.ValueOf(v).Elem(), "", &failed)
	if len(failed) == 0 {
		return nil
	}
	plural := ""
	if len(failed) > 1 {
		plural = "s"
	}
	return r.invalid("%d validation error%s detected: %s", len(failed), plural, strings.Join(failed, "; "))
}

// invalid is the error code that the request's service refuses an input with.
func (r *request) invalid(format string, args ...any) *apiError {
	code := "ValidationException"
	switch r.service {
	case "monitoring", "sts", "sns":
		code = "ValidationError"
	case "logs":
		code = "InvalidParameterException"
	}
	return errorf(code, 400, format, args...)
}

func checkStruct(v reflect.Value, at string, failed *[]string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			checkStruct(v.Field(i), at, failed)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		name = strings.ToLower(name[:1]) + name[1:]
		checkValue(v.Field(i), at+name, f.Tag.Get("check"), failed)
	}
}

func checkValue(v reflect.Value, at, rules string, failed *[]string) {
	given := true
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		given = !v.IsNil()
	}
	for rule := range strings.SplitSeq(rules, ",") {
		if rule == "required" && !given {
			*failed = append(*failed, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", at))
		}
		if given {
			if why := breach(rule, reflect.Indirect(v)); why != "" {
				*failed = append(*failed, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", shown(reflect.Indirect(v)), at, why))
			}
		}
	}
	if !given {
		return
	}
	switch v = reflect.Indirect(v); v.Kind() {
	case reflect.Struct:
		if _, isTime := timeIn(v); !isTime {
			checkStruct(v, at+".", failed)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				checkStruct(v.Index(i), fmt.Sprintf("%s.%d.member.", at, i+1), failed)
			}
		}
	}
}

// breach says how v breaks the rule, "" if it does not.
func breach(rule string, v reflect.Value) string {
	kind, arg, _ := strings.Cut(rule, "=")
	switch kind {
	case "len":
		n := 0
		switch v.Kind() {
		case reflect.String:
			n = utf8.RuneCountInString(v.String())
		default:
			n = v.Len()
		}
		return outside(arg, n, "length")
	case "range":
		return outside(arg, int(v.Int()), "value")
	case "enum":
		for value := range strings.SplitSeq(arg, "|") {
			if value == v.String() {
				return ""
			}
		}
		return "Member must satisfy enum value set: [" + strings.ReplaceAll(arg, "|", ", ") + "]"
	}
	return ""
}

func outside(bounds string, n int, what string) string {
	low, high, _ := strings.Cut(bounds, "..")
	if least, err := strconv.Atoi(low); err == nil && n < least {
		return fmt.Sprintf("Member must have %s greater than or equal to %d", what, least)
	}
	if most, err := strconv.Atoi(high); err == nil && n > most {
		return fmt.Sprintf("Member must have %s less than or equal to %d", what, most)
	}
	return ""
}

func shown(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return "'" + clip(v.String(), 1024) + "' "
	case v.CanInt():
		return "'" + strconv.FormatInt(v.Int(), 10) + "' "
	}
	return ""
}

// deref is the value that an optional member holds, or its zero.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orElse is the value that an optional member holds, or the default.
func orElse[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
