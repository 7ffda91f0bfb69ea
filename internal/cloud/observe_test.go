package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

func TestHealthyFleetCostsListCallsOnly(t *testing.T) {
	cloud := newSim(t, sim.GenerateFleet(500), sim.Options{})
	c := newClient(t, cloud)
	snap := observe(t, c.Reader, desired(), ObserveOptions{})
	if got, want := operations(cloud, "ListSecrets"), 3*5; got != want {
		t.Errorf("ListSecrets: %d calls, want R·⌈N/100⌉ = %d", got, want)
	}
	if got := operations(cloud, "DescribeSecret"); got != 0 {
		t.Errorf("DescribeSecret: %d calls, want none for healthy secrets", got)
	}
	for _, r := range desired().Regions() {
		if v := snap.View(r); v.Dark != "" || len(v.Partial) > 0 || len(v.Secrets) != 500 {
			t.Errorf("%s: dark %q, partial %v, %d secrets", r, v.Dark, v.Partial, len(v.Secrets))
		}
	}
	for r, n := range cloud.Calls() {
		if got, want := c.Calls()[topology.Region(r)].Total, cloud.Calls().Sum(r).Total; got != want {
			t.Errorf("%s: counted %d calls, the simulator %d (%v)", r, got, want, n)
		}
	}
}

func TestExampleFleetDescribesOnlyTheSuspects(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	snap := observe(t, c.Reader, desired(), ObserveOptions{})

	var described []string
	for _, s := range snap.View(east).Secrets {
		if s.Described {
			described = append(described, string(s.Name))
		}
	}
	slices.Sort(described)
	want := []string{"prod/payments/stripe", "prod/search/opensearch"}
	if !slices.Equal(described, want) {
		t.Errorf("described at home: %v, want %v", described, want)
	}
	s, _ := snap.Secret(east, "prod/search/opensearch")
	e, ok := s.Replica(west)
	if same, known := snap.View(west).SameKey(e.KmsKeyID, "alias/secrets-key-west"); !ok || same || !known {
		t.Errorf("opensearch's replica key: entry %v, same %v, known %v", ok, same, known)
	}
	if s, known := snap.Secret(ireland, "prod/payments/stripe"); s != nil || !known {
		t.Errorf("stripe in eu-west-1: %v, known %v, want absent for sure", s, known)
	}
	f := snap.View(east).Functions["arn:aws:lambda:us-east-1:123456789012:function:rotate-db"]
	g := snap.View(west).Functions["arn:aws:lambda:us-west-2:123456789012:function:rotate-db"]
	if f == nil || !f.Invokable || g == nil || g.Invokable || g.Missing {
		t.Errorf("functions: east %+v, west %+v: want the first invokable, the second not", f, g)
	}
}

// In a dark region's place there is a value, at the price of one probe, and
// the others are seen in full.
func TestDarkRegionIsAValueWithinTheProbe(t *testing.T) {
	tests := []struct {
		state string
		cause topology.Cause
	}{
		{sim.RegionHang, topology.CauseTimeout},
		{sim.RegionRefuse, topology.CauseUnreachable},
		{sim.RegionUnavailable, topology.CauseUnavailable},
		{sim.RegionThrottle, topology.CauseThrottled},
	}
	for _, tt := range tests {
		t.Run(tt.state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
				c := newClient(t, cloud)
				setRegion(t, cloud, east, tt.state)
				start := time.Now()
				snap := observe(t, c.Reader, desired(), ObserveOptions{Alarms: true})
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %s, want at most the probe's 5s", took)
				}
				v := snap.View(east)
				if v.Dark != tt.cause || v.Detail == "" || v.Secrets != nil {
					t.Errorf("us-east-1: dark %q (%s), want %q and no secrets", v.Dark, v.Detail, tt.cause)
				}
				if n := len(snap.View(west).Secrets); n != 23 {
					t.Errorf("us-west-2: %d secrets, want all 23", n)
				}
				if s, known := snap.Secret(east, "prod/db/orders"); s != nil || known {
					t.Error("a secret of a dark region is known")
				}
			})
		})
	}
}

// A region that throttles does answer: one that is worth waiting for has half
// a minute. Home beside it has not, nor does silence have patience.
func TestPatienceWithARegionThatThrottles(t *testing.T) {
	lasts := func(cloud *sim.Cloud, d time.Duration) {
		time.AfterFunc(d, cloud.ClearFaults)
	}
	throttle := func(t *testing.T, cloud *sim.Cloud, r topology.Region, op string) {
		addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Region: string(r), Operation: op}, Fault: sim.FaultThrottle})
	}
	for _, c := range []struct {
		name  string
		stage func(*testing.T, *sim.Cloud)
		cause topology.Cause
		most  time.Duration
	}{
		{"it throttles for 20 s", func(t *testing.T, cloud *sim.Cloud) {
			throttle(t, cloud, west, "*")
			lasts(cloud, 20*time.Second)
		}, "", 30 * time.Second},
		{"it throttles on", func(t *testing.T, cloud *sim.Cloud) { throttle(t, cloud, west, "*") }, topology.CauseThrottled, 30 * time.Second},
		{"it hangs", func(t *testing.T, cloud *sim.Cloud) { setRegion(t, cloud, west, sim.RegionHang) }, topology.CauseTimeout, 5 * time.Second},
		{"it throttles, and then hangs", func(t *testing.T, cloud *sim.Cloud) {
			throttle(t, cloud, west, "*")
			time.AfterFunc(8*time.Second, func() { setRegion(t, cloud, west, sim.RegionHang) })
		}, topology.CauseTimeout, 20 * time.Second},
		{"home throttles on", func(t *testing.T, cloud *sim.Cloud) { throttle(t, cloud, east, "*") }, "", 5 * time.Second},
		{"the lists break off, and go on", func(t *testing.T, cloud *sim.Cloud) {
			addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Region: string(west), Operation: "ListSecrets"}, Fault: sim.FaultDelay, Delay: sim.Duration(100 * time.Millisecond), Count: 1})
			throttle(t, cloud, west, "ListSecrets")
			lasts(cloud, 12*time.Second)
		}, "", 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newSim(t, sim.GenerateFleet(150), sim.Options{})
				client := newClient(t, cloud)
				c.stage(t, cloud)
				start := time.Now()
				v := observe(t, client.Reader, desired(), ObserveOptions{Patient: []topology.Region{west}}).View(west)
				if took := time.Since(start); took > c.most {
					t.Errorf("took %s, want at most %s", took, c.most)
				}
				if lit := len(v.Secrets) == 150; v.Dark != c.cause || lit != (c.cause == "") {
					t.Errorf("dark %q (%s) with %d secrets, want %q", v.Dark, v.Detail, len(v.Secrets), c.cause)
				}
			})
		})
	}
}

func TestSkippedRegionGetsNoCall(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	snap := observe(t, c.Reader, desired(), ObserveOptions{Skip: []topology.Region{east}, Alarms: true})
	if snap.View(east).Dark != topology.CauseSkipped {
		t.Errorf("us-east-1 is %q, want skipped", snap.View(east).Dark)
	}
	if n := cloud.Calls().Sum(string(east)).Total; n != 0 {
		t.Errorf("%d calls to the skipped region", n)
	}
}

// A service that hangs beside a Secrets Manager that answers costs one more
// probe, and is named.
func TestSilentServiceIsPartial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, west, sim.RegionHang, "kms", "lambda")
		start := time.Now()
		snap := observe(t, c.Reader, desired(), ObserveOptions{})
		v := snap.View(west)
		if !slices.Equal(v.Partial, []string{"kms", "lambda"}) || v.Dark != "" || v.Detail == "" {
			t.Errorf("partial %v, dark %q (%s), want kms and lambda", v.Partial, v.Dark, v.Detail)
		}
		if _, known := v.SameKey("alias/secrets-key-west", "x"); known {
			t.Error("a key of a silent KMS is known")
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// However many calls a silent service was to get, it costs one deadline.
func TestSilentServiceIsNotAskedOverAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c := newClient(t, cloud)
		setRegion(t, cloud, west, sim.RegionHang, "kms")
		d := desired()
		for i := range 40 {
			d.Groups = append(d.Groups, topology.Group{
				Replicas: []topology.Region{west}, Keys: map[topology.Region]string{west: fmt.Sprint("alias/k", i)},
			})
		}
		start := time.Now()
		observe(t, c.Reader, d, ObserveOptions{})
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("took %s, want one probe's 5s", took)
		}
	})
}

// A region that throttles what a look must ask of each secret costs the
// attempts of those that were asked at once, however many there are.
func TestThrottledServiceIsNotAskedOverAndOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.GenerateFleet(300), sim.Options{})
		c := newClient(t, cloud)
		addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Region: string(east), Operation: "DescribeSecret"}, Fault: sim.FaultThrottle})
		d := desired()
		d.Keys = nil // every replica is under another key than desired: all are in doubt
		start := time.Now()
		v := observe(t, c.Reader, d, ObserveOptions{}).View(east)
		if !slices.Equal(v.Partial, []string{"secretsmanager"}) || len(v.Secrets) != 300 {
			t.Errorf("partial %v with %d secrets, want the list's word of all 300, and that no more is known", v.Partial, len(v.Secrets))
		}
		if n, took := operations(cloud, "DescribeSecret")-600, time.Since(start); n > manyCalls*throttleAttempts || took > 15*time.Second {
			t.Errorf("%d calls in %s, want one round of attempts", n, took)
		}
	})
}

// One call that is throttled to the end says nothing while others are answered.
func TestThrottledCallDoesNotSilenceAServiceThatAnswers(t *testing.T) {
	l := newLook(east)
	_ = l.ask("kms", func() error {
		_ = l.ask("kms", func() error { return nil })
		return topology.ErrThrottled
	})
	if l.silent("kms") {
		t.Error("taken for silent")
	}
}

func TestDeniedRegionIsDarkAndDeniedServiceIsPartial(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Region: string(east), Operation: "ListSecrets"}, Fault: sim.FaultError, Code: "AccessDeniedException"})
	addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Region: string(west), Operation: "DescribeKey"}, Fault: sim.FaultError, Code: "AccessDeniedException"})
	snap := observe(t, c.Reader, desired(), ObserveOptions{})
	if v := snap.View(east); v.Dark != topology.CauseDenied {
		t.Errorf("us-east-1: dark %q (%s), want access-denied", v.Dark, v.Detail)
	}
	if v := snap.View(west); !slices.Equal(v.Partial, []string{"kms"}) {
		t.Errorf("us-west-2: partial %v (%s), want kms", v.Partial, v.Detail)
	}
}

// Half a list reads as absence, so a list that breaks off is a dark region.
func TestBrokenListIsADarkRegion(t *testing.T) {
	cloud := newSim(t, sim.GenerateFleet(300), sim.Options{})
	pages := 0
	c := newClient(t, transport(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.Header.Get("X-Amz-Target"), ".ListSecrets") && strings.Contains(req.URL.Host, string(west)) {
			if pages++; pages > 1 {
				return nil, io.ErrUnexpectedEOF
			}
		}
		return cloud.Do(req)
	}))
	snap := observe(t, c.Reader, desired(), ObserveOptions{})
	if v := snap.View(west); v.Dark != topology.CauseUnreachable || v.Secrets != nil {
		t.Errorf("us-west-2: dark %q (%s), %d secrets", v.Dark, v.Detail, len(v.Secrets))
	}
	if n := len(snap.View(ireland).Secrets); n != 300 {
		t.Errorf("eu-west-1: %d secrets", n)
	}
}

func TestListingLagIsMadeUpForByDescribe(t *testing.T) {
	cloud := sim.New(sim.Options{ListLag: 5 * time.Minute})
	c := newClient(t, cloud)
	if err := cloud.Load(sim.ExampleFleet()); err != nil {
		t.Fatal(err)
	}
	cloud.Advance(10 * time.Minute)
	// A replica is added: the primary knows at once, the other list only later.
	if err := c.Replicate(context.Background(), east, "prod/payments/stripe", ireland, "alias/secrets-key-eu", false); err != nil {
		t.Fatal(err)
	}
	snap := observe(t, c.Reader, desired(), ObserveOptions{})
	s, known := snap.Secret(ireland, "prod/payments/stripe")
	if !known || s == nil || s.Role() != topology.RoleReplica {
		t.Errorf("stripe in eu-west-1: %v, known %v, want the replica that only DescribeSecret tells of", s, known)
	}
}

func TestCredentialsOfAnotherAccountAreNotCompared(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	d := desired()
	d.Account = "999999999999"
	snap := observe(t, c.Reader, d, ObserveOptions{})
	v := snap.View(west)
	if v.Dark != topology.CauseError || !strings.Contains(v.Detail, "999999999999") || !strings.Contains(v.Detail, account) {
		t.Errorf("dark %q (%s)", v.Dark, v.Detail)
	}
}

func TestObserveFailsOnlyByItsContext(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Observe(ctx, desired(), ObserveOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestAccountIsFoundWithoutConfiguration(t *testing.T) {
	for _, fleet := range []*sim.Fleet{sim.ExampleFleet(), sim.EmptyFleet()} {
		cloud := newSim(t, fleet, sim.Options{})
		c := newClient(t, cloud)
		d := desired()
		d.Account = ""
		snap := observe(t, c.Reader, d, ObserveOptions{})
		if got, err := c.Account(context.Background()); snap.Account != account || got != account || err != nil {
			t.Errorf("snapshot says %q, client %q (%v)", snap.Account, got, err)
		}
	}
}

func TestAlarmsAndWhatFeedsThem(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c := newClient(t, cloud)
	snap := observe(t, c.Reader, desired(), ObserveOptions{Alarms: true})
	v := snap.View(east)
	if len(v.Alarms) != 5 || len(v.Composites) != 1 || len(v.Filters) != 1 {
		t.Fatalf("us-east-1: %d alarms, %d composites, %d filters, partial %v (%s)",
			len(v.Alarms), len(v.Composites), len(v.Filters), v.Partial, v.Detail)
	}
	a := v.Alarms["secrets-count"]
	if a.Threshold == nil || *a.Threshold != 20 || len(a.Dimensions) != 4 || a.Dimensions[0].Name != "Class" || !a.ActionsEnabled {
		t.Errorf("secrets-count: %+v", a)
	}
	w := snap.View(west)
	if there, known := w.LogGroups["cloudtrail"]; !known || !there || len(w.Filters) != 0 {
		t.Errorf("us-west-2: log groups %v, filters %v", w.LogGroups, w.Filters)
	}
}

func TestAlarmPrefixes(t *testing.T) {
	rules := func(patterns ...string) []topology.AlarmRule { return []topology.AlarmRule{{Match: patterns}} }
	tests := []struct {
		rules []topology.AlarmRule
		want  []string
	}{
		{rules("secrets-*"), []string{"secrets-"}},
		{rules("secrets-*", "secrets-db-*", "app?-x", "exact"), []string{"app", "exact", "secrets-"}},
		{rules("secrets-*", "*"), []string{""}},
	}
	for _, tt := range tests {
		if got := alarmPrefixes(tt.rules); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.rules, got, tt.want)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{1000} {
		b.Run(fmt.Sprintf("%dx3", n), func(b *testing.B) {
			cloud := newSim(b, sim.GenerateFleet(n), sim.Options{})
			c := newClient(b, cloud, func(o *Options) {
				o.Quota = map[string]float64{BucketList: 0, BucketFunction: 0, BucketFunctionPolicy: 0}
			})
			b.ReportAllocs()
			for b.Loop() {
				snap := observe(b, c.Reader, desired(), ObserveOptions{})
				if len(snap.View(west).Secrets) != n {
					b.Fatal("incomplete")
				}
			}
		})
	}
}
