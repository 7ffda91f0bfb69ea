package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A validator finds values that can't be. It adds to its walk's errors.
type validator struct {
	walk *walk
	doc  *document
}

func (v *validator) run() {
	v.account()
	v.regions()
	v.keys("keys", v.doc.Keys)
	v.groups()
	v.alarms()
	v.failover()
	v.state()
	v.notify()
	v.quota()
	v.quirks()
}

// fail reports a value at a path such as group[0].replicas[1].
func (v *validator) fail(path, hint, format string, args ...any) {
	at := v.walk.near(path)
	v.walk.errs = append(v.walk.errs, v.walk.errorAt(at, path, fmt.Sprintf(format, args...), hint))
}

// missing reports a key that has to be there, unless its table has an
// unknown key, which is then most likely the one.
func (v *validator) missing(path, hint, message string) {
	_, written := v.walk.places[path] // and empty
	if table := path[:strings.LastIndex(path, ".")]; written || !v.walk.unknown[table] {
		v.fail(path, hint, "%s", message)
	}
}

var (
	accountID = regexp.MustCompile(`^\d{12}$`)
	roleARN   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

func (v *validator) account() {
	if len(v.doc.Account) > 1 {
		v.fail("account[1]", "put each account into a file of its own and run once per --config",
			"one account per config for now, this is the second")
	}
	for i, a := range v.doc.Account {
		path := fmt.Sprintf("account[%d].", i)
		if a.ID != "" && !accountID.MatchString(a.ID) {
			v.fail(path+"id", `write it in quotes, like "123456789012"`, "%q is not an account id of twelve digits", a.ID)
		}
		if a.RoleARN != "" && !roleARN.MatchString(a.RoleARN) {
			v.fail(path+"role_arn", `write it like "arn:aws:iam::123456789012:role/understudy"`, "%q is not the ARN of a role", a.RoleARN)
		}
		if a.ExternalID != "" && a.RoleARN == "" {
			v.fail(path+"external_id", "set role_arn too, or leave external_id out", "an external id is only sent when a role is assumed")
		}
	}
}

func (v *validator) regions() {
	r := v.doc.Regions
	for i, code := range r.Unlisted {
		if !topology.Region(code).Valid() {
			v.fail(fmt.Sprintf("regions.unlisted[%d]", i), "write it like us-east-1", "%q is not a region code", code)
		}
	}
	if r.Primary == "" {
		v.missing("regions.primary", `set [regions] primary = "us-east-1" or the like`, "the primary region is missing")
	} else {
		v.region("regions.primary", r.Primary)
	}
	if len(r.Standby) == 0 {
		v.missing("regions.standby", `name at least one, like standby = ["us-west-2"]`, "no standby region")
	}
	for i, code := range r.Standby {
		v.standby(fmt.Sprintf("regions.standby[%d]", i), code, r.Standby[:i])
	}
}

func (v *validator) standby(path, code string, before []string) {
	primary := v.doc.Regions.Primary
	switch {
	case !v.region(path, code):
	case code == primary:
		v.fail(path, "name another region, or take it out", "%q is the primary region already", code)
	case slices.Contains(before, code):
		v.fail(path, "take one of them out", "%q is named twice", code)
	case primary != "" && topology.Region(primary).Valid() && topology.Region(code).Partition() != topology.Region(primary).Partition():
		v.fail(path, "secrets replicate within one partition only: write one config for each",
			"%q is in partition %s, the primary %s in %s", code,
			topology.Region(code).Partition(), primary, topology.Region(primary).Partition())
	}
}

// region reports a code that no AWS region has, or that looks like a known
// one mistyped.
func (v *validator) region(path, code string) bool {
	if !topology.Region(code).Valid() {
		hint := "write it like us-east-1"
		if near := nearest(code, knownRegions()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		v.fail(path, hint, "%q is not a region code", code)
		return false
	}
	if near := meantRegion(code); near != "" && !slices.Contains(v.doc.Regions.Unlisted, code) {
		v.fail(path, fmt.Sprintf("did you mean %q? if AWS has opened %s since, add it to [regions] unlisted", near, code),
			"%q is not a region that understudy knows", code)
		return false
	}
	return true
}

// ours reports a region that is none of this config's.
func (v *validator) ours(path, code string) bool {
	all := append([]string{v.doc.Regions.Primary}, v.doc.Regions.Standby...)
	if slices.Contains(all, code) {
		return true
	}
	hint := fmt.Sprintf("use one of %s, or add it to regions.standby", strings.Join(all, ", "))
	if near := nearest(code, all); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	v.fail(path, hint, "%q is neither the primary nor a standby region", code)
	return false
}

func (v *validator) keys(path string, keys map[string]string) {
	for _, region := range slices.Sorted(maps.Keys(keys)) {
		at := join2(path, region)
		if v.ours(at, region) {
			v.key(at, region, keys[region])
		}
	}
}

var (
	keyID    = regexp.MustCompile(`^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	keyAlias = regexp.MustCompile(`^alias/[A-Za-z0-9/_-]+$`)
	keyARN   = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+$`)
)

// key checks a KMS key reference. AWS: DescribeKey's KeyId takes a key id, a
// key ARN, an alias name or an alias ARN; the key must be in the replica's
// region.
func (v *validator) key(path, region, ref string) {
	switch {
	case keyID.MatchString(ref), keyAlias.MatchString(ref):
	case !keyARN.MatchString(ref):
		v.fail(path, `write it like "alias/secrets-key", or use a key id or ARN`, "%q is not a KMS key id, ARN or alias", ref)
	case topology.RegionOf(ref) != topology.Region(region):
		v.fail(path, fmt.Sprintf("name a key of %s; a multi-region key has an ARN in each region", region),
			"this key is in %s, not in %s", topology.RegionOf(ref), region)
	}
}

// webURL reports a URL that is not absolute http or https. It never prints
// the URL: its path or query may hold a token.
func (v *validator) webURL(path, raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		v.fail(path, "write it like https://hooks.example.com/understudy", "not an http or https URL")
	}
}

// oneOf reports a value outside a fixed set.
func (v *validator) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := "use one of " + strings.Join(allowed, ", ")
	if near := nearest(value, allowed); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	v.fail(path, hint, "unknown value %q", value)
}
