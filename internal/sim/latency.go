package sim

import (
	"context"
	"strings"
	"time"
)

// roundTripTime is what a call to region costs a caller in Options.CallerRegion
// under the "aws" profile: network there and back, and the service's own time.
// The figures are round numbers of the order that inter-region latency
// monitors publish; nothing may depend on them being exact.
func (c *Cloud) roundTripTime(region string) time.Duration {
	if c.opts.Latency != "aws" {
		return 0
	}
	const service = 12 * time.Millisecond
	return service + networkTime(c.opts.CallerRegion, region)
}

func networkTime(a, b string) time.Duration {
	if a == b {
		return 2 * time.Millisecond
	}
	ca, cb := coastOf(a), coastOf(b)
	if ca == cb {
		return 20 * time.Millisecond
	}
	if ca > cb {
		ca, cb = cb, ca
	}
	switch ca + " " + cb {
	case "us-east us-west":
		return 65 * time.Millisecond
	case "eu us-east":
		return 80 * time.Millisecond
	case "eu us-west":
		return 135 * time.Millisecond
	case "ap us-west":
		return 120 * time.Millisecond
	case "ap us-east":
		return 180 * time.Millisecond
	}
	return 200 * time.Millisecond
}

// coastOf groups regions that lie close to each other.
func coastOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-west-"), strings.HasPrefix(region, "us-gov-west-"):
		return "us-west"
	case strings.HasPrefix(region, "us-"), strings.HasPrefix(region, "ca-"):
		return "us-east"
	}
	continent, _, _ := strings.Cut(region, "-")
	return continent
}

// wait sleeps for d, or until the caller gives up.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
