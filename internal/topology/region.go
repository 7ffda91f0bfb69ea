package topology

import (
	"regexp"
	"strings"
)

// A Region is an AWS region code such as "us-east-1".
type Region string

// regionShape is the pattern of ReplicaRegionType.Region in the Secrets
// Manager API model.
var regionShape = regexp.MustCompile(`^([a-z]+-)+\d+$`)

// Valid reports whether r has the shape of a region code. It does not say
// that AWS has such a region.
func (r Region) Valid() bool { return len(r) <= 128 && regionShape.MatchString(string(r)) }

// Partition names the AWS partition that the region belongs to. Secrets
// replicate only within one.
func (r Region) Partition() string {
	switch {
	case strings.HasPrefix(string(r), "cn-"):
		return "aws-cn"
	case strings.HasPrefix(string(r), "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
