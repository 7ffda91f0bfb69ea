package sim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// members checks an input against the constraints of the Secrets Manager API
// model and collects what fails, as AWS does before it looks at anything else.
type members struct{ failed []string }

func (m *members) fail(member, constraint string, args ...any) {
	m.failed = append(m.failed, fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", member, fmt.Sprintf(constraint, args...)))
}

// err is AWS's ValidationException over all that failed, nil if nothing did.
func (m *members) err() error {
	if len(m.failed) == 0 {
		return nil
	}
	plural := ""
	if len(m.failed) > 1 {
		plural = "s"
	}
	return errorf("ValidationException", 400, "%d validation error%s detected: %s", len(m.failed), plural, strings.Join(m.failed, "; "))
}

// present checks a required member.
func (m *members) present(member string, given bool) bool {
	if !given {
		m.fail(member, "Member must not be null")
	}
	return given
}

// length checks the characters of a text, if it was given.
func (m *members) length(member string, text *string, low, high int) {
	if text == nil {
		return
	}
	switch n := utf8.RuneCountInString(*text); {
	case n < low:
		m.fail(member, "Member must have length greater than or equal to %d", low)
	case n > high:
		m.fail(member, "Member must have length less than or equal to %d", high)
	}
}

// size checks the length of a list, if it was given; high 0 is no limit.
func (m *members) size(member string, given bool, n, low, high int) {
	switch {
	case !given:
	case n < low:
		m.fail(member, "Member must have length greater than or equal to %d", low)
	case high > 0 && n > high:
		m.fail(member, "Member must have length less than or equal to %d", high)
	}
}

// between checks a number, if it was given.
func (m *members) between(member string, n *int, low, high int) {
	switch {
	case n == nil:
	case *n < low:
		m.fail(member, "Member must have value greater than or equal to %d", low)
	case *n > high:
		m.fail(member, "Member must have value less than or equal to %d", high)
	}
}

func (m *members) matches(member string, text *string, pattern *regexp.Regexp) {
	if text != nil && !pattern.MatchString(*text) {
		m.fail(member, "Member must satisfy regular expression pattern: %s", strings.Trim(pattern.String(), "^$"))
	}
}

func (m *members) oneOf(member, text string, values ...string) {
	if text != "" && !slices.Contains(values, text) {
		m.fail(member, "Member must satisfy enum value set: [%s]", strings.Join(values, ", "))
	}
}

// secretID checks the member that every call about one secret requires.
func (m *members) secretID(id *string) {
	if m.present("secretId", id != nil) {
		m.length("secretId", id, 1, 2048)
	}
}

func (m *members) token(token *string) { m.length("clientRequestToken", token, 32, 64) }

func (m *members) tags(tags []tag) {
	for i, t := range tags {
		m.length(fmt.Sprintf("tags.%d.member.key", i+1), &t.Key, 1, 128)
		m.length(fmt.Sprintf("tags.%d.member.value", i+1), &t.Value, 0, 256)
	}
}

func (m *members) secretValue(text *string, binary []byte) {
	if text != nil {
		m.size("secretString", true, len(*text), 1, maxValueBytes)
	}
	if binary != nil {
		m.size("secretBinary", true, len(binary), 1, maxValueBytes)
	}
}

func (m *members) stages(stages []string) {
	m.size("versionStages", stages != nil, len(stages), 1, maxStages)
	for i := range stages {
		m.length(fmt.Sprintf("versionStages.%d.member", i+1), &stages[i], 1, 256)
	}
}

// Limits of Secrets Manager. AWS: "AWS Secrets Manager quotas".
const (
	maxValueBytes = 65536
	maxStages     = 20
	maxVersions   = 100
	maxPolicy     = 20480
	maxSecretTags = 50
)
