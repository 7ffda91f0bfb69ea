package topology

import "strings"

// A Selector picks secrets. All its parts must hold; an empty Match fits no
// name.
type Selector struct {
	Match   []string          // globs over the name: any of them
	Exclude []string          // globs over the name: none of them
	Tags    map[string]string // glob over each named tag's value: all of them
}

// Fits reports whether the selector picks the secret.
func (s Selector) Fits(n Name, tags []Tag) bool {
	if !MatchAny(s.Match, string(n)) || MatchAny(s.Exclude, string(n)) {
		return false
	}
	for key, pattern := range s.Tags {
		if !hasTag(tags, key, pattern) {
			return false
		}
	}
	return true
}

func hasTag(tags []Tag, key, pattern string) bool {
	for _, t := range tags {
		if t.Key == key && Match(pattern, t.Value) {
			return true
		}
	}
	return false
}

// MatchAny reports whether any of the patterns matches.
func MatchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if Match(p, s) {
			return true
		}
	}
	return false
}

// Match is IAM's wildcard match: `*` is any run of characters, `/` included,
// and `?` exactly one; everything else stands for itself.
func Match(pattern, s string) bool {
	// star is where the last `*` stands, mark what it has swallowed so far.
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func expand(template string, r Region, account string) string {
	return strings.NewReplacer(
		"{region}", string(r), "{account}", account, "{partition}", r.Partition(),
	).Replace(template)
}
