package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/understudy-dr/understudy/internal/topology"
)

// ObserveOptions say what is left out.
type ObserveOptions struct {
	// Skip are regions that get no call at all (--primary-lost).
	Skip []topology.Region
	// Patient are regions worth waiting for while they throttle, for Patience in
	// all: everybody fails over to the same region. No other region's first calls
	// wait for them.
	Patient []topology.Region
	// Alarms asks for alarms and what feeds them, too.
	Alarms bool
}

// Observe looks at all regions of the configuration at once. ListSecrets
// tells nearly everything, 100 secrets a call; DescribeSecret is called only
// where the lists leave a doubt about a secret that some group matches.
//
// A region that hangs, refuses, throttles, answers 5xx or denies access is a
// value in the snapshot, and costs at most ProbeTimeout (one that throttles and
// is worth waiting for, Patience); a service of it that does not answer is named in the view's Partial: "secretsmanager" (a secret could not
// be described), "kms", "lambda", "cloudwatch", "logs". The only error is
// that of ctx.
func (r *Reader) Observe(ctx context.Context, d *topology.Desired, o ObserveOptions) (*topology.Snapshot, error) {
	ob := newObservation(r, d, o)
	taken := r.core.clock.Now().UTC()
	ob.each(func(l *look) { ob.survey(ctx, l) })
	ob.account = ob.findAccount(ctx)
	ob.distrustEchoedKeys()
	asks, feeds := ob.asks(), ob.feeds()
	ob.each(func(l *look) { ob.inspect(ctx, l, asks[l.region], feeds) })
	keys, groups := ob.describedKeys(), ob.logGroups()
	ob.each(func(l *look) { ob.complete(ctx, l, keys[l.region], groups) })
	ob.distrustEchoedKeys() // describing may have brought them up again
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	snap := &topology.Snapshot{Account: ob.account, Taken: taken, Regions: map[topology.Region]*topology.RegionView{}}
	for _, l := range ob.looks {
		l.view.Taken = r.core.clock.Now().UTC()
		slices.Sort(l.view.Partial)
		snap.Regions[l.region] = l.view
	}
	return snap, nil
}

// An observation is one Observe under way. Between its phases, in which the
// regions are looked at side by side, one goroutine compares what they said.
type observation struct {
	*Reader
	d       *topology.Desired
	o       ObserveOptions
	account string // "" if not even STS would say
	looks   []*look
}

func newObservation(r *Reader, d *topology.Desired, o ObserveOptions) *observation {
	ob := &observation{Reader: r, d: d, o: o}
	ob.o.Alarms = o.Alarms && len(d.Alarms) > 0
	seen := map[topology.Region]bool{}
	for _, region := range d.Regions() {
		if region == "" || seen[region] {
			continue
		}
		seen[region] = true
		l := newLook(region)
		l.patient = slices.Contains(o.Patient, region)
		if slices.Contains(o.Skip, region) {
			l.view = &topology.RegionView{Region: region, Dark: topology.CauseSkipped}
		}
		ob.looks = append(ob.looks, l)
	}
	return ob
}

// each runs a phase in all regions that are not dark, side by side. No
// region's failure ends another's work.
func (ob *observation) each(phase func(*look)) {
	var wg sync.WaitGroup
	for _, l := range ob.looks {
		if !l.isDark() {
			wg.Go(func() { phase(l) })
		}
	}
	wg.Wait()
}

// at is the look at a region, nil if it is dark or not of the configuration.
func (ob *observation) at(region topology.Region) *look {
	for _, l := range ob.looks {
		if l.region == region && l.view.Dark == "" {
			return l
		}
	}
	return nil
}

// findAccount is the configured account, else the one in the secrets' ARNs,
// else STS's word.
func (ob *observation) findAccount(ctx context.Context) string {
	if known := ob.configuredAccount(); known != "" {
		ob.core.learnAccount(known)
		return known
	}
	for _, l := range ob.looks {
		for _, s := range l.view.Secrets {
			if id := accountOf(s.ARN); id != "" {
				ob.core.learnAccount(id)
				return id
			}
		}
	}
	var lit []topology.Region
	for _, l := range ob.looks {
		if l.view.Dark == "" {
			lit = append(lit, l.region)
		}
	}
	if len(lit) == 0 {
		return ""
	}
	id, err := ob.callerIdentity(ctx, lit)
	if err == nil {
		ob.core.learnAccount(id)
	}
	return id
}

func (ob *observation) configuredAccount() string {
	ob.core.mu.Lock()
	defer ob.core.mu.Unlock()
	return cmp.Or(ob.d.Account, ob.core.account)
}

// group is the group that a copy of a secret falls into, nil for a secret
// that is not ours to look after: matched by none, or managed by a service.
func (ob *observation) group(s *topology.Secret) *topology.Group {
	if s.Managed() {
		return nil
	}
	return ob.d.GroupOf(s.Name, s.Tags)
}

// holds reports whether a group's secrets belong into a region: its home, or
// one of its replicas.
func (ob *observation) holds(g *topology.Group, region topology.Region) bool {
	return region == ob.d.Primary || slices.Contains(g.Replicas, region)
}

// A look is one region's view while it is being filled, by several
// goroutines.
type look struct {
	region  topology.Region
	patient bool      // it may throttle for Patience
	until   time.Time // when that is over, once it has begun

	mu    sync.Mutex
	view  *topology.RegionView
	quiet map[string]bool // services that fell silent
	spoke map[string]int  // services' answers to what was asked of them
}

func newLook(r topology.Region) *look {
	return &look{region: r, quiet: map[string]bool{}, spoke: map[string]int{}, view: &topology.RegionView{
		Region:  r,
		Secrets: map[topology.Name]*topology.Secret{}, Keys: map[string]topology.Key{},
		Functions: map[string]*topology.Function{},
		Alarms:    map[string]*topology.Alarm{}, Composites: map[string]*topology.CompositeAlarm{},
		Filters: map[string]*topology.MetricFilter{}, LogGroups: map[string]bool{},
	}}
}

func (l *look) isDark() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Dark != ""
}

// fill changes the view, unless the region went dark meanwhile: then nothing
// that it said before is kept, since half a list would read as absence.
func (l *look) fill(change func(*topology.RegionView)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Dark == "" {
		change(l.view)
	}
}

// dark turns the region into one that could not be observed.
func (l *look) dark(cause topology.Cause, detail string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Dark == "" {
		l.view = &topology.RegionView{Region: l.region, Dark: cause, Detail: detail}
	}
}

// lacks notes that a service did not answer.
func (l *look) lacks(service string, err error) {
	l.fill(func(v *topology.RegionView) {
		if !slices.Contains(v.Partial, service) {
			v.Partial = append(v.Partial, service)
			v.Detail = cmp.Or(v.Detail, service+": "+err.Error())
		}
		if errors.Is(err, topology.ErrUnreachable) {
			l.quiet[service] = true
		}
	})
}

// ask makes a call of a service, unless that fell silent. A service that
// throttled all attempts of this call, and answered no other meanwhile, is
// taken for silent, too: a thousand such calls would take minutes, to learn
// nothing more.
func (l *look) ask(service string, call func() error) error {
	if l.silent(service) {
		return nil
	}
	before := l.answers(service, 0)
	err := call()
	switch {
	case err == nil || errors.Is(err, topology.ErrNotFound):
		l.answers(service, 1)
	case errors.Is(err, topology.ErrThrottled) && l.answers(service, 0) == before:
		l.hush(service)
	}
	return err
}

// answers counts what a service answered.
func (l *look) answers(service string, more int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spoke[service] += more
	return l.spoke[service]
}

func (l *look) hush(service string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet[service] = true
}

// silent reports whether a service, or the whole region, is not worth another
// call in this observation.
func (l *look) silent(service string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Dark != "" || l.quiet[service]
}
