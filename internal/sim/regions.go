package sim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The states of a region.
const (
	RegionUp          = "up"
	RegionRefuse      = "refuse"      // connections are refused
	RegionHang        = "hang"        // connections are accepted, nothing is ever answered
	RegionUnavailable = "unavailable" // 503 to every call
	RegionThrottle    = "throttle"    // the service's throttling error to every call
	RegionPartitioned = "partitioned" // serves clients, exchanges no replication
)

var regionStates = []string{RegionUp, RegionRefuse, RegionHang, RegionUnavailable, RegionThrottle, RegionPartitioned}

// A RegionState says how a region behaves from now on.
type RegionState struct {
	// State is one of the Region constants; "" means up.
	State string `json:"state"`
	// Services restricts the state to these services, by signing name
	// (secretsmanager, kms, lambda, monitoring, logs, sns, sts); none means all.
	Services []string `json:"services,omitempty"`
	// Lag is how long a change takes to replicate into this region;
	// 0 means Options.Lag.
	Lag Duration `json:"lag,omitempty"`
	// LagFrom overrides Lag for replication coming from single regions.
	LagFrom map[string]Duration `json:"lag_from,omitempty"`
}

// regionControl is the state a region was put into.
type regionControl struct{ RegionState }

// regionName is the pattern of the Secrets Manager model's RegionType.
var regionName = regexp.MustCompile(`^([a-z]+-)+\d+$`)

// signingServices are the services that the simulator speaks, as they are
// named in a SigV4 credential scope.
var signingServices = []string{"secretsmanager", "kms", "lambda", "monitoring", "logs", "sns", "sts"}

// SetRegion replaces a region's state. Replication that waited for the region
// goes on once it is no longer cut off. It refuses an unknown state or service
// and a name that no AWS region has.
func (c *Cloud) SetRegion(region string, s RegionState) error {
	if s.State == "" {
		s.State = RegionUp
	}
	if err := checkRegionState(region, s); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked(c.nowLocked())
	c.setRegionLocked(region, s)
	c.settleLocked(c.nowLocked())
	return nil
}

func (c *Cloud) setRegionLocked(region string, s RegionState) {
	was := c.cutOff(region)
	c.regions[region] = &regionControl{s}
	c.tellLocked(c.nowLocked())
	if was {
		c.resumeReplication(region)
		c.tellLocked(c.nowLocked())
	}
}

func checkRegionState(region string, s RegionState) error {
	if !regionName.MatchString(region) {
		return fmt.Errorf("region: %q is not a region name: write it like us-east-1", region)
	}
	if !slices.Contains(regionStates, s.State) {
		return fmt.Errorf("state: unknown state %q: use one of %s", s.State, strings.Join(regionStates, ", "))
	}
	for _, service := range s.Services {
		if !slices.Contains(signingServices, service) {
			return fmt.Errorf("services: unknown service %q: use any of %s", service, strings.Join(signingServices, ", "))
		}
	}
	for from := range s.LagFrom {
		if !regionName.MatchString(from) {
			return fmt.Errorf("lag_from: %q is not a region name: write it like us-east-1", from)
		}
	}
	return nil
}

// regionStateOf is how region behaves towards a service.
func (c *Cloud) regionStateOf(region, service string) string {
	rc := c.regions[region]
	if rc == nil || len(rc.Services) > 0 && !slices.Contains(rc.Services, service) {
		return RegionUp
	}
	return rc.State
}

// cutOff says whether region exchanges no replication with others now:
// Secrets Manager there is partitioned or gone.
func (c *Cloud) cutOff(region string) bool {
	switch c.regionStateOf(region, "secretsmanager") {
	case RegionPartitioned, RegionRefuse, RegionHang, RegionUnavailable:
		return true
	}
	return false
}

// replicates says whether two regions exchange replication now.
func (c *Cloud) replicates(from, to string) bool { return !c.cutOff(from) && !c.cutOff(to) }

// replicationLag is how long a change made in from takes to reach to.
func (c *Cloud) replicationLag(from, to string) time.Duration {
	rc := c.regions[to]
	if rc == nil {
		return c.opts.Lag
	}
	if lag, ok := rc.LagFrom[from]; ok {
		return time.Duration(lag)
	}
	if rc.Lag > 0 {
		return time.Duration(rc.Lag)
	}
	return c.opts.Lag
}
