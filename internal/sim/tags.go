package sim

import (
	"maps"
	"strings"
)

// A tagKV is a tag as CloudWatch, SNS and Secrets Manager write it.
type tagKV struct {
	Key   *string `json:"Key" check:"required,len=1..128"`
	Value *string `json:"Value" check:"required,len=0..256"`
}

// A tagPair is a tag as an answer shows it.
type tagPair struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

func tagMap(list []tagKV) map[string]string {
	out := make(map[string]string, len(list))
	for _, t := range list {
		out[deref(t.Key)] = deref(t.Value)
	}
	return out
}

func tagPairs(tags map[string]string) []tagPair {
	out := make([]tagPair, 0, len(tags))
	for _, name := range sortedNames(tags) {
		out = append(out, tagPair{name, tags[name]})
	}
	return out
}

func copyTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	return maps.Clone(tags)
}

// resourceTagLimit is how many tags a resource may carry, in every service here.
const resourceTagLimit = 50

// joinTags adds tags to a resource's, unless that makes too many.
func joinTags(old, add map[string]string) (map[string]string, bool) {
	out := make(map[string]string, len(old)+len(add))
	maps.Copy(out, old)
	maps.Copy(out, add)
	return out, len(out) <= resourceTagLimit
}

// reservedTag finds a tag key that only AWS itself may set.
func reservedTag(tags map[string]string) (string, bool) {
	for _, name := range sortedNames(tags) {
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return name, true
		}
	}
	return "", false
}
