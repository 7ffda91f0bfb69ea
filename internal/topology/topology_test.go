package topology_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/understudy-dr/understudy/internal/topology"
)

func TestMatchIsIAMsWildcard(t *testing.T) {
	for _, row := range []struct {
		pattern, s string
		want       bool
	}{
		{"prod/*", "prod/db", true},
		{"prod/*", "prod/db/main", true}, // crosses the slash
		{"prod/*", "production/db", false},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"prod/?", "prod/a", true},
		{"prod/?", "prod/", false},
		{"prod/?", "prod/ab", false},
		{"*/db", "prod/eu/db", true},
		{"*/db", "prod/eu/dbx", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"[a]", "a", false}, // no classes: a bracket is a bracket
		{"[a]", "[a]", true},
		{"prod/*", "Prod/db", false},
		{"a**", "a", true},
	} {
		if got := topology.Match(row.pattern, row.s); got != row.want {
			t.Errorf("Match(%q, %q) = %v, want %v", row.pattern, row.s, got, row.want)
		}
	}
}

func TestMatchFindsEveryExpansionOfAPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[ab/]{0,4}`), 1, 5).Draw(t, "parts")
		fill := rapid.SliceOfN(rapid.StringMatching(`[ab/]{0,4}`), len(parts)-1, len(parts)-1).Draw(t, "fill")
		var s strings.Builder
		for i, p := range parts {
			s.WriteString(p)
			if i < len(fill) {
				s.WriteString(fill[i])
			}
		}
		if pattern := strings.Join(parts, "*"); !topology.Match(pattern, s.String()) {
			t.Fatalf("Match(%q, %q) = false", pattern, s.String())
		}
	})
}

func TestSelectorNeedsEveryPartToHold(t *testing.T) {
	s := topology.Selector{
		Match: []string{"prod/*"}, Exclude: []string{"prod/tmp-*"},
		Tags: map[string]string{"team": "pay*", "tier": "1"},
	}
	tags := []topology.Tag{{Key: "team", Value: "payments"}, {Key: "tier", Value: "1"}}
	for _, row := range []struct {
		name topology.Name
		tags []topology.Tag
		want bool
	}{
		{"prod/db", tags, true},
		{"dev/db", tags, false},
		{"prod/tmp-1", tags, false},
		{"prod/db", tags[:1], false},
		{"prod/db", nil, false},
	} {
		if got := s.Fits(row.name, row.tags); got != row.want {
			t.Errorf("Fits(%q, %v) = %v, want %v", row.name, row.tags, got, row.want)
		}
	}
	if (topology.Selector{}).Fits("prod/db", nil) {
		t.Error("an empty selector must fit nothing")
	}
}

func TestFirstGroupInFileOrderWins(t *testing.T) {
	d := topology.Desired{Groups: []topology.Group{
		{Name: "db", Selector: topology.Selector{Match: []string{"prod/db*"}}},
		{Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}},
	}}
	if g := d.GroupOf("prod/db-1", nil); g == nil || g.Name != "db" {
		t.Errorf("GroupOf(prod/db-1) = %v, want db", g)
	}
	if g := d.GroupOf("prod/api", nil); g == nil || g.Name != "prod" {
		t.Errorf("GroupOf(prod/api) = %v, want prod", g)
	}
	if g := d.GroupOf("dev/api", nil); g != nil {
		t.Errorf("GroupOf(dev/api) = %v, want none", g)
	}
}

func TestRoleFollowsPrimaryRegion(t *testing.T) {
	for _, row := range []struct {
		name   string
		secret *topology.Secret
		want   topology.Role
	}{
		{"no secret", nil, topology.RoleAbsent},
		{"another region's copy", &topology.Secret{Region: "us-west-2", PrimaryRegion: "us-east-1"}, topology.RoleReplica},
		{"its own primary", &topology.Secret{Region: "us-east-1", PrimaryRegion: "us-east-1"}, topology.RolePrimary},
		{"a primary that AWS lists without PrimaryRegion", &topology.Secret{Region: "us-east-1", Replicas: []topology.ReplicaStatus{{Region: "us-west-2"}}}, topology.RolePrimary},
		{"linked to nothing", &topology.Secret{Region: "us-east-1"}, topology.RoleStandalone},
	} {
		if got := row.secret.Role(); got != row.want {
			t.Errorf("%s: role %s, want %s", row.name, got, row.want)
		}
	}
	deleted := &topology.Secret{Region: "us-east-1", Deleted: time.Unix(1, 0)}
	if deleted.Writable() {
		t.Error("a secret scheduled for deletion is not writable")
	}
}

func TestLineageIsTheSuffixNotTheRegion(t *testing.T) {
	east := &topology.Secret{Region: "us-east-1", ARN: "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"}
	west := &topology.Secret{Region: "us-west-2", ARN: "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-AbCdEf"}
	other := &topology.Secret{Region: "us-west-2", ARN: "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-ZZZZZZ"}
	if !topology.SameLineage(east, west) || topology.SameLineage(east, other) || topology.SameLineage(east, nil) {
		t.Error("lineage is the ARN less its region")
	}
	if got := topology.WithRegion("not-an-arn", "us-west-2"); got != "" {
		t.Errorf("WithRegion of no ARN = %q", got)
	}
	if got := topology.RegionOf(west.ARN); got != "us-west-2" {
		t.Errorf("RegionOf = %q", got)
	}
}

func TestKeysOfOneRegionCompareByWhatTheyResolveTo(t *testing.T) {
	v := &topology.RegionView{Keys: map[string]topology.Key{
		"alias/a":           {ARN: "arn:k1", State: "Enabled"},
		"arn:k1":            {ARN: "arn:k1", State: "Enabled"},
		"alias/b":           {ARN: "arn:k2", State: "Enabled"},
		"alias/gone":        {Missing: true},
		topology.DefaultKey: {ARN: "arn:managed", State: "Enabled"},
	}}
	for _, row := range []struct {
		a, b        string
		same, known bool
	}{
		{"", topology.DefaultKey, true, true},
		{"", "", true, true},
		{"alias/a", "arn:k1", true, true},
		{"alias/a", "alias/b", false, true},
		{"", "alias/a", false, true},
		{"alias/a", "alias/gone", false, true},
		{"alias/a", "never-resolved", false, false},
	} {
		same, known := v.SameKey(row.a, row.b)
		if same != row.same || known != row.known {
			t.Errorf("SameKey(%q, %q) = %v, %v; want %v, %v", row.a, row.b, same, known, row.same, row.known)
		}
	}
}

func TestADarkRegionIsUnknownNotAbsent(t *testing.T) {
	s := &topology.Snapshot{Regions: map[topology.Region]*topology.RegionView{
		"us-east-1": {Region: "us-east-1", Dark: topology.CauseTimeout},
		"us-west-2": {Region: "us-west-2"},
	}}
	if got := s.Role("us-east-1", "prod/db"); got != topology.RoleUnknown {
		t.Errorf("role in a dark region = %s", got)
	}
	if got := s.Role("us-west-2", "prod/db"); got != topology.RoleAbsent {
		t.Errorf("role in a region that answered = %s", got)
	}
	if got := s.Role("eu-west-1", "prod/db"); got != topology.RoleUnknown {
		t.Errorf("role in a region never asked = %s", got)
	}
}

func TestLambdaTemplateIsFilledPerRegion(t *testing.T) {
	p := &topology.RotationPolicy{
		Lambda:   map[topology.Region]string{"us-west-2": "arn:x"},
		Template: "arn:{partition}:lambda:{region}:{account}:function:rotate-db",
	}
	if got := p.LambdaIn("us-west-2", "1"); got != "arn:x" {
		t.Errorf("the map wins over the template, got %q", got)
	}
	if got := p.LambdaIn("eu-west-1", "1"); got != "arn:aws:lambda:eu-west-1:1:function:rotate-db" {
		t.Errorf("template = %q", got)
	}
	var none *topology.RotationPolicy
	if got := none.LambdaIn("eu-west-1", "1"); got != "" {
		t.Errorf("no policy = %q", got)
	}
}

func TestAgesAreWrittenAsPeopleTellThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0 s",
		59*time.Second + 999*1e6:      "59 s",
		time.Minute:                   "1 min",
		119*time.Minute + time.Second: "119 min",
		2 * time.Hour:                 "2 h",
		6*time.Hour + 59*time.Second:  "6 h",
		47*time.Hour + 59*time.Minute: "47 h 59 min",
		48 * time.Hour:                "2 days",
		10*24*time.Hour - time.Second: "9 days",
	} {
		if got := topology.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}
