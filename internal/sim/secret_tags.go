package sim

import (
	"fmt"
	"slices"
	"strings"
)

type tagResourceInput struct {
	SecretId *string
	Tags     []tag
}

func (in *tagResourceInput) check(m *members) {
	m.secretID(in.SecretId)
	m.present("tags", in.Tags != nil)
	m.tags(in.Tags)
}

type untagResourceInput struct {
	SecretId *string
	TagKeys  []string
}

func (in *untagResourceInput) check(m *members) {
	m.secretID(in.SecretId)
	m.present("tagKeys", in.TagKeys != nil)
	for i := range in.TagKeys {
		m.length(fmt.Sprintf("tagKeys.%d.member", i+1), &in.TagKeys[i], 1, 128)
	}
}

// empty is the answer of a call that tells nothing.
type empty struct{}

func (r *request) tagResource(in *tagResourceInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags, s.tags); err != nil {
		return nil, err
	}
	s.tags = withTags(s.tags, in.Tags)
	r.cloud.touch(at, s, r.now)
	return empty{}, nil
}

func (r *request) untagResource(in *untagResourceInput) (any, error) {
	at, s, err := r.writable(in.SecretId)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		if strings.HasPrefix(key, "aws:") {
			return nil, errReservedTag()
		}
	}
	s.tags = slices.DeleteFunc(slices.Clone(s.tags), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	r.cloud.touch(at, s, r.now)
	return empty{}, nil
}

func errReservedTag() error {
	return invalidParameter("aws: prefixed tag key names are not allowed for external use.")
}

// checkTags refuses reserved and repeated keys, and more than fifty tags.
func checkTags(added, had []tag) error {
	seen := map[string]bool{}
	for _, t := range added {
		if strings.HasPrefix(t.Key, "aws:") {
			return errReservedTag()
		}
		if seen[t.Key] {
			return invalidParameter("Duplicate tag keys are not allowed: %s", t.Key)
		}
		seen[t.Key] = true
	}
	if len(withTags(had, added)) > maxSecretTags {
		return invalidParameter("You can't attach more than %d tags to a secret.", maxSecretTags)
	}
	return nil
}

// withTags is had with the tags of added set, as a new list.
func withTags(had, added []tag) []tag {
	merged := slices.Clone(had)
	for _, t := range added {
		if i := slices.IndexFunc(merged, func(m tag) bool { return m.Key == t.Key }); i >= 0 {
			merged[i] = t
			continue
		}
		merged = append(merged, t)
	}
	return merged
}
