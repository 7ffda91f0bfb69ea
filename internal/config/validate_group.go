package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
)

func (v *validator) groups() {
	if len(v.doc.Groups) == 0 {
		v.fail("group", `add [[group]] with name and match = ["prod/*"]`, "no group, so no secret is looked after")
	}
	seen := map[string]bool{}
	for i := range v.doc.Groups {
		g, path := &v.doc.Groups[i], fmt.Sprintf("group[%d]", i)
		switch {
		case g.Name == "":
			v.missing(path+".name", "reports and --group use it", "the group has no name")
		case seen[g.Name]:
			v.fail(path+".name", "give it another one", "there is a group %q already", g.Name)
		}
		seen[g.Name] = true
		v.group(path, g)
	}
}

func (v *validator) group(path string, g *groupTable) {
	v.matches(path+".match", g.Match)
	for i, glob := range g.Match {
		v.secretGlob(fmt.Sprintf("%s.match[%d]", path, i), glob)
	}
	for i, glob := range g.Exclude {
		v.secretGlob(fmt.Sprintf("%s.exclude[%d]", path, i), glob)
	}
	v.replicas(path, g.Replicas)
	v.keys(path+".keys", g.Keys)
	v.waves(path+".waves", g.Waves)
	v.maxFailures(path+".max_failures", g.MaxFailures)
	if g.Rotation != nil {
		v.rotation(path+".rotation", g.Rotation)
	}
}

// matches reports an empty list: it would fit nothing, which nobody means.
func (v *validator) matches(path string, globs []string) {
	if len(globs) == 0 {
		v.missing(path, `name what belongs here, like match = ["prod/*"]; "*" is everything`, "empty match")
	}
}

// A secret's name has letters, digits and /_+=.@- (AWS: CreateSecret, Name);
// names of managed secrets have a ! too.
var secretGlob = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!*?-]+$`)

func (v *validator) secretGlob(path, glob string) {
	switch {
	case glob == "":
		v.fail(path, `write a name or a glob, like "prod/*"`, "empty match")
	case !secretGlob.MatchString(glob):
		v.fail(path, "`*` is any run of characters, `/` included, and `?` exactly one; there is no [a-z] or {a,b}",
			"%q fits no secret: names have letters, digits and /_+=.@-", glob)
	}
}

func (v *validator) replicas(path string, codes []string) {
	path += ".replicas"
	if _, written := v.walk.places[path]; !written {
		return // filled in from regions.standby, which was checked
	}
	primary := v.doc.Regions.Primary
	if len(codes) == 0 {
		v.fail(path, "leave replicas out for every standby region, or leave the group out", "no replica region")
	}
	if len(codes) > 0 && !slices.ContainsFunc(codes, func(c string) bool { return c != primary }) {
		v.fail(path, "add a standby region", "a secret can't be replicated into its primary region %s", primary)
	}
	for i, code := range codes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v.ours(at, code) && slices.Contains(codes[:i], code) {
			v.fail(at, "take one of them out", "%q is named twice", code)
		}
	}
}

// rotation checks the functions. AWS: RotationLambdaARN; the function must be
// in the secret's own region.
func (v *validator) rotation(path string, r *rotationTable) {
	path += ".lambda"
	switch lambda := r.Lambda.(type) {
	case string:
		v.lambdaTemplate(path, lambda)
	case map[string]any:
		for _, region := range slices.Sorted(maps.Keys(lambda)) {
			at := join2(path, region)
			if arn, _ := lambda[region].(string); v.ours(at, region) {
				v.lambda(at, region, arn)
			}
		}
	default:
		v.missing(path, `set lambda = "arn:aws:lambda:{region}:{account}:function:NAME"`, "the rotation function is missing")
	}
}

var (
	lambdaARN = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?$`)
	variable  = regexp.MustCompile(`\{([^{}]*)\}`)
)

func (v *validator) lambda(path, region, arn string) {
	switch {
	case strings.ContainsAny(arn, "{}"):
		v.fail(path, `write the template itself: lambda = "arn:aws:lambda:{region}:{account}:function:NAME"`,
			"a variable in the ARN of one region")
	case !lambdaARN.MatchString(arn):
		v.fail(path, `write it like "arn:aws:lambda:us-west-2:123456789012:function:rotate-db"`, "%q is not the ARN of a Lambda function", arn)
	case topology.RegionOf(arn) != topology.Region(region):
		v.fail(path, fmt.Sprintf("name a function of %s: Secrets Manager invokes one of the secret's own region", region),
			"this function is in %s, not in %s", topology.RegionOf(arn), region)
	}
}

func (v *validator) lambdaTemplate(path, template string) {
	names := []string{"region", "account", "partition"}
	for _, m := range variable.FindAllStringSubmatch(template, -1) {
		if slices.Contains(names, m[1]) {
			continue
		}
		hint := "use {region}, {account} or {partition}"
		if near := nearest(m[1], names); near != "" {
			hint = fmt.Sprintf("did you mean {%s}?", near)
		}
		v.fail(path, hint, "unknown variable {%s}", m[1])
		return
	}
	policy := topology.RotationPolicy{Template: template}
	for _, r := range append([]string{v.doc.Regions.Primary}, v.doc.Regions.Standby...) {
		arn := policy.LambdaIn(topology.Region(r), "123456789012")
		if !lambdaARN.MatchString(arn) {
			v.fail(path, `write it like "arn:aws:lambda:{region}:{account}:function:rotate-db"`, "%q is not the ARN of a Lambda function", template)
			return
		}
		if topology.RegionOf(arn) != topology.Region(r) {
			v.fail(path, "put {region} in its place, or name one function for each region: lambda = { us-west-2 = \"…\" }",
				"this function is in %s, not in %s", topology.RegionOf(arn), r)
			return
		}
	}
}

func (v *validator) alarms() {
	for i := range v.doc.Alarms {
		a, path := &v.doc.Alarms[i], fmt.Sprintf("alarm[%d]", i)
		v.matches(path+".match", a.Match)
		for j, glob := range a.Match {
			if glob == "" {
				v.fail(fmt.Sprintf("%s.match[%d]", path, j), `write a name or a glob, like "secrets-*"`, "empty match")
			}
		}
		for _, region := range slices.Sorted(maps.Keys(a.Actions)) {
			at := join2(path+".actions", region)
			if !v.ours(at, region) {
				continue
			}
			for j, arn := range a.Actions[region] {
				v.action(fmt.Sprintf("%s[%d]", at, j), region, arn)
			}
		}
	}
}

// action checks one alarm action. AWS: PutMetricAlarm answers ValidationError
// "Invalid region … specified" to an ARN of another region.
func (v *validator) action(path, region, arn string) {
	switch at := topology.RegionOf(arn); {
	case !strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") < 5:
		v.fail(path, `write it like "arn:aws:sns:us-west-2:123456789012:security-alerts"`, "%q is not an ARN", arn)
	case strings.ContainsAny(arn, "{}"):
		v.fail(path, "write the ARN out", "alarm actions take no variables")
	case at != "" && at != topology.Region(region):
		v.fail(path, fmt.Sprintf("CloudWatch in %s takes actions of %s only: name the topic there", region, region),
			"this action is in %s, not in %s", at, region)
	}
}
