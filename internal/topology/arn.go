package topology

import "strings"

// WithRegion returns the ARN with its region field replaced, "" for an ARN
// that has none. The secret's six-character suffix is kept.
func WithRegion(arn string, r Region) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ""
	}
	parts[3] = string(r)
	return strings.Join(parts, ":")
}

// RegionOf returns the region field of an ARN, "" if it is not an ARN or has
// no region.
func RegionOf(arn string) Region {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ""
	}
	return Region(parts[3])
}
