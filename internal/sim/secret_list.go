package sim

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type listSecretsInput struct {
	IncludePlannedDeletion bool
	MaxResults             *int
	NextToken              *string
	Filters                []secretFilter
	SortOrder              string
	SortBy                 string
}

// A secretFilter keeps the secrets that match any of its values and none of
// its values that start with "!".
type secretFilter struct {
	Key    *string
	Values []string
}

var filterValue = regexp.MustCompile(`^!?[a-zA-Z0-9 :_@/+=.\-!]*$`)

func (m *members) filters(filters []secretFilter) {
	m.size("filters", filters != nil, len(filters), 0, 10)
	for i, f := range filters {
		at := fmt.Sprintf("filters.%d.member.", i+1)
		m.oneOf(at+"key", deref(f.Key), "description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all")
		m.size(at+"values", f.Values != nil, len(f.Values), 1, 10)
		for j := range f.Values {
			m.length(fmt.Sprintf("%svalues.%d.member", at, j+1), &f.Values[j], 0, 512)
			m.matches(fmt.Sprintf("%svalues.%d.member", at, j+1), &f.Values[j], filterValue)
		}
	}
}

func (in *listSecretsInput) check(m *members) {
	m.between("maxResults", in.MaxResults, 1, 100)
	m.length("nextToken", in.NextToken, 1, 4096)
	m.filters(in.Filters)
	m.oneOf("sortOrder", in.SortOrder, "asc", "desc")
	m.oneOf("sortBy", in.SortBy, "created-date", "last-accessed-date", "last-changed-date", "name")
}

type listedSecret struct {
	secretEntry
	SecretVersionsToStages map[string][]string `json:",omitempty"`
}

type listSecretsOutput struct {
	SecretList []listedSecret
	NextToken  string `json:",omitempty"`
}

func (r *request) listSecrets(in *listSecretsInput) (any, error) {
	if err := checkFilters(in.Filters); err != nil {
		return nil, err
	}
	limit := 100
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	scope := pageScope(in.Filters, in.SortBy, in.SortOrder, in.IncludePlannedDeletion)
	after, err := r.pageAfter(in.NextToken, scope)
	if err != nil {
		return nil, err
	}
	at := r.here()
	index := at.secrets.visible(r.cloud.opts.ListLag > 0)
	keep := func(s *secret) bool {
		return (s.deleteAt == 0 || in.IncludePlannedDeletion) && matchesAll(in.Filters, s)
	}
	found, more := index.page(in.SortBy, r.descending(in.SortOrder), after, limit, keep)
	out := listSecretsOutput{SecretList: make([]listedSecret, len(found))}
	for i, s := range found {
		out.SecretList[i] = listedSecret{r.cloud.entry(at, s), s.stageMap()}
	}
	if more {
		out.NextToken = r.sealPage(scope, cursorAt(in.SortBy, found[len(found)-1]))
	}
	return out, nil
}

// descending says whether a list runs from the newest, or from the end of the
// alphabet. AWS: ListSecrets, SortOrder; which is the default it does not say.
func (r *request) descending(order string) bool {
	return order == "desc" || order == "" && r.cloud.quirks().ListOrder == "newest"
}

// page is up to limit secrets that keep wants, after the one that the last
// page ended with, and whether there are more.
func (x *secretIndex) page(by string, desc bool, after cursor, limit int, keep func(*secret) bool) (found []*secret, more bool) {
	n, at := x.walk(by)
	i := 0
	if after.seq != 0 {
		i = x.passed(by, desc, after)
	}
	for ; i < n; i++ {
		s := at(i)
		if desc {
			s = at(n - 1 - i)
		}
		if s == nil || !keep(s) {
			continue
		}
		if len(found) == limit {
			return found, true
		}
		found = append(found, s)
	}
	return found, false
}

// walk is the index in the given order: its length and its i-th secret,
// which may be nil.
func (x *secretIndex) walk(by string) (int, func(int) *secret) {
	if by == "" || by == "created-date" {
		return len(x.byAge), func(i int) *secret { return x.byAge[i].s }
	}
	list := x.order(by)
	return len(list), func(i int) *secret { return list[i] }
}

// passed is how many steps of the walk lie behind a cursor, whether its
// secret is still there or not.
func (x *secretIndex) passed(by string, desc bool, after cursor) int {
	n := len(x.byAge)
	i, found := x.place(after.seq)
	if by != "" && by != "created-date" {
		list := x.order(by)
		n = len(list)
		last := &secret{name: after.name, changed: after.date, accessed: after.date, seq: after.seq}
		i, found = slices.BinarySearchFunc(list, last, compareBy(by))
	}
	if desc {
		return n - i
	}
	if found {
		return i + 1
	}
	return i
}

// A cursor is where a page ended: enough of its last secret to find the
// place again in any order.
type cursor struct {
	seq  int64
	date stamp
	name string
}

func cursorAt(by string, s *secret) cursor {
	name, date := s.sortKey(by)
	return cursor{s.seq, date, name}
}

// pageScope condenses the parameters that a page token belongs to.
func pageScope(parts ...any) string {
	h := fnv.New64a()
	for _, p := range parts {
		switch p := p.(type) {
		case []secretFilter:
			for _, f := range p {
				fmt.Fprintf(h, "%q%q", deref(f.Key), f.Values)
			}
		default:
			fmt.Fprintf(h, "|%v", p)
		}
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

func (r *request) sealPage(scope string, after cursor) string {
	return r.sealToken(fmt.Sprintf("%s %d %d %s", scope, after.seq, after.date, after.name))
}

// pageAfter opens a page token: where the last page ended, zero without one.
// It must be of the same call with the same parameters, and not expired.
func (r *request) pageAfter(token *string, scope string) (cursor, error) {
	if token == nil {
		return cursor{}, nil
	}
	text, ok := r.openToken(*token)
	parts := strings.SplitN(text, " ", 4)
	if !ok || len(parts) < 4 || parts[0] != scope {
		return cursor{}, errorf("InvalidNextTokenException", 400, "The NextToken value is invalid.")
	}
	seq, _ := strconv.ParseInt(parts[1], 10, 64)
	date, _ := strconv.ParseInt(parts[2], 10, 64)
	return cursor{seq, stamp(date), parts[3]}, nil
}

func checkFilters(filters []secretFilter) error {
	for _, f := range filters {
		if f.Key == nil {
			return invalidParameter("Invalid filter key.")
		}
		if len(f.Values) == 0 {
			return invalidParameter("Invalid filter values for key: %s.", *f.Key)
		}
	}
	return nil
}

func matchesAll(filters []secretFilter, s *secret) bool {
	for _, f := range filters {
		if !f.matches(s) {
			return false
		}
	}
	return true
}

func (f secretFilter) matches(s *secret) bool {
	wanted, found := false, false
	for _, text := range f.Values {
		if unwanted, ok := strings.CutPrefix(text, "!"); ok {
			if s.has(*f.Key, unwanted) {
				return false
			}
			continue
		}
		wanted = true
		found = found || s.has(*f.Key, text)
	}
	return found || !wanted
}

// has says whether an attribute of s starts with text. AWS: Filter, "Key":
// prefix match, case-sensitive but for description and all.
func (s *secret) has(key, text string) bool {
	switch key {
	case "name":
		return strings.HasPrefix(s.name, text)
	case "description":
		return foldPrefix(s.description, text)
	case "primary-region":
		return strings.HasPrefix(s.primary, text)
	case "owning-service":
		return strings.HasPrefix(s.owner, text)
	case "tag-key":
		return slices.ContainsFunc(s.tags, func(t tag) bool { return strings.HasPrefix(t.Key, text) })
	case "tag-value":
		return slices.ContainsFunc(s.tags, func(t tag) bool { return strings.HasPrefix(t.Value, text) })
	}
	return s.hasWords(text)
}

// foldPrefix says whether any word of text starts with the prefix, or the
// text itself does, whatever the case.
func foldPrefix(text, prefix string) bool {
	text, prefix = strings.ToLower(text), strings.ToLower(prefix)
	return strings.HasPrefix(text, prefix) ||
		slices.ContainsFunc(strings.Fields(text), func(word string) bool { return strings.HasPrefix(word, prefix) })
}

// hasWords is the filter "all": each word of the value must occur in some attribute.
func (s *secret) hasWords(text string) bool {
	attributes := []string{s.name, s.description, s.primary, s.owner}
	for _, t := range s.tags {
		attributes = append(attributes, t.Key, t.Value)
	}
	everything := strings.ToLower(strings.Join(attributes, "\n"))
	for _, word := range strings.Fields(strings.ToLower(text)) {
		if !strings.Contains(everything, word) {
			return false
		}
	}
	return true
}
