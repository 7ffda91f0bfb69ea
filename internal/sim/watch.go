package sim

import (
	"cmp"
	"slices"
	"time"
)

// A Served is what one region serves of one secret at one moment.
type Served struct {
	Region, Secret string
	// Primary is PrimaryRegion; "" if it was never replicated, or promoted.
	Primary string
	// Readable says whether the region's Secrets Manager answers anybody now.
	Readable bool
	// Catching says that a change is on its way to this replica, from a
	// primary with which its region exchanges replication: only time is needed.
	Catching bool
	Login
}

// Watch has f called now, and after everything that may change what a region serves:
// a mutating call, a change of a region's state, and whatever falls due, each
// at its own virtual time. It sees every copy of every secret of the default
// account, sorted by region and name. f runs under the cloud's lock, so it
// must not call the cloud. A nil f ends it.
func (c *Cloud) Watch(f func(at time.Time, served []Served)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watcher = f
	c.settleLocked(c.nowLocked())
	c.tellLocked(c.nowLocked())
}

// tellLocked lets the watcher look.
func (c *Cloud) tellLocked(now time.Time) {
	a := c.accounts[c.opts.Account]
	if c.watcher == nil || a == nil {
		return
	}
	var served []Served
	for region, at := range a.regions {
		readable := !c.down(region, "secretsmanager") && c.regionStateOf(region, "secretsmanager") != RegionThrottle
		for name, s := range at.secrets.byName {
			one := Served{Region: region, Secret: name, Readable: readable, Catching: c.catching(at, s)}
			if s.isReplica(region) {
				one.Primary = s.primary
			}
			works, err := c.loginLocked(at, s)
			if one.Works = works; err != nil {
				one.Error = err.Error()
			}
			served = append(served, one)
		}
	}
	slices.SortFunc(served, func(a, b Served) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Secret, b.Secret))
	})
	c.watcher(now, served)
}

// catching says whether s is a replica that will get a change of its primary.
func (c *Cloud) catching(at *regionStore, s *secret) bool {
	primary := c.primaryOf(at, s)
	return primary != nil && s.rev < primary.rev && c.replicates(s.primary, at.name) &&
		primary.replica(at.name).status != statusFailed
}
