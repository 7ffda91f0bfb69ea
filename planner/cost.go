package planner

import (
	"math"

	"github.com/understudy-dr/understudy/internal/topology"
)

// ReplicaMonthly is what one replica costs a month, in US dollars: AWS bills
// it as a secret of its own.
// AWS: Secrets Manager pricing.
const ReplicaMonthly = 0.40

// perSecond are AWS's quotas by bucket, per account and region.
// AWS: Secrets Manager quotas; CloudWatch service quotas; Lambda quotas.
func perSecond(bucket string) float64 {
	switch bucket {
	case BucketPutAlarm, BucketAlarmActions:
		return 3
	case BucketLogs:
		return 5
	case BucketFunction:
		return 15
	}
	return 50
}

// cost returns the change of the monthly bill in US dollars, and the least
// seconds that the quotas allow: the busiest bucket of the busiest region.
func cost(steps []Step) (monthly, floor float64) {
	type bucket struct {
		region topology.Region
		name   string
	}
	calls := map[bucket]int{}
	replicas := 0
	for i := range steps {
		s := &steps[i]
		replicas += replicaChange(s)
		calls[bucket{s.calledIn(), TraitsOf(s.Action).Bucket}] += s.calls()
	}
	for b, n := range calls {
		floor = max(floor, float64(n)/perSecond(b.name))
	}
	return cents(float64(replicas) * ReplicaMonthly), cents(floor)
}

// calledIn is the region whose quota a step draws on: replicas are managed
// from the primary's region, all else where it shows.
func (s *Step) calledIn() topology.Region {
	switch s.Action {
	case Replicate, RetryReplica, RekeyReplica, RemoveReplica, OverwriteReplica:
		return s.Params.From
	}
	return s.Region
}

// calls is how many metered calls a step makes when nothing has to be
// repeated.
func (s *Step) calls() int {
	if s.Action == RekeyReplica && s.Params.ViaRemoval {
		return 2
	}
	return 1
}

// replicaChange is how many billed secrets a step adds.
func replicaChange(s *Step) int {
	switch {
	case s.Action == Replicate, s.Action == RetryReplica && s.Expect.ARN == "":
		return 1
	case s.Action == RemoveReplica:
		return -1
	}
	return 0
}

func cents(x float64) float64 { return math.Round(x*100) / 100 }
