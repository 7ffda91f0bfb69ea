package drift

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// keys judges every KMS key that a group's secrets should be under: one that
// cannot be used now makes replication fail, and reads after a failover too.
func (c *check) keys() {
	for _, r := range c.in.Desired.Regions() {
		v := c.in.Observed.View(r)
		if v.Lacks("kms") {
			continue
		}
		for _, ref := range c.keysIn(r) {
			if k, known := v.Key(ref); known && !k.Usable() {
				c.add(keyFinding(r, ref, k))
			}
		}
		c.keyPolicies(r)
	}
}

// keysIn are the key references that the configuration names in a region,
// sorted.
func (c *check) keysIn(r topology.Region) []string {
	refs := map[string]bool{}
	for i := range c.in.Desired.Groups {
		refs[c.in.Desired.Key(&c.in.Desired.Groups[i], r)] = true
	}
	return slices.Sorted(maps.Keys(refs))
}

func keyFinding(r topology.Region, ref string, k topology.Key) Finding {
	f := Finding{Code: CodeKeyUnusable, Severity: Critical, Kind: Health, Region: r, Subject: ref}
	switch {
	case k.Missing:
		f.Message = fmt.Sprintf("key %s does not exist in %s", ref, r)
		f.Fix = fmt.Sprintf("create it in %s, or correct [keys] in the configuration", r)
	case k.State == "PendingDeletion":
		f.Message = fmt.Sprintf("key %s in %s is pending deletion: everything under it will be unreadable", ref, r)
		f.Fix = fmt.Sprintf("aws kms cancel-key-deletion --region %s --key-id %s", r, k.ARN)
	default:
		f.Message = fmt.Sprintf("key %s in %s is %s: Secrets Manager can neither encrypt nor decrypt under it", ref, r, k.State)
		f.Fix = fmt.Sprintf("aws kms enable-key --region %s --key-id %s", r, k.ARN)
	}
	return f
}

// function judges a rotation function where a group's rotation may have to
// run: at the acting primary and wherever a failover may go.
func (c *check) function(r topology.Region, arn string) {
	v := c.in.Observed.View(r)
	fn := v.Functions[arn]
	if v.Lacks("lambda") || fn == nil {
		return // unknown: the region's own finding says so
	}
	f := Finding{Severity: Warning, Kind: Health, Region: r, Subject: arn}
	switch {
	case fn.Missing:
		f.Code = CodeFunctionMissing
		f.Message = "the rotation function is not there: rotation cannot be attached in " + string(r)
		f.Fix = "deploy " + arn + ", or correct [group.rotation] in the configuration"
	case fn.State != "" && fn.State != "Active" && fn.State != "Inactive": // Inactive wakes up when invoked
		f.Code = CodeFunctionMissing
		f.Message = "the rotation function is " + fn.State + " in " + string(r)
		f.Fix = fmt.Sprintf("aws lambda get-function-configuration --region %s --function-name %s", r, arn)
	case !fn.Invokable && c.in.Placement.Fenced(arn, r):
		return // our own fence: it is lifted when rotation comes home
	case !fn.Invokable:
		f.Code = CodeFunctionDenied
		f.Message = "Secrets Manager may not invoke the rotation function in " + string(r)
		f.Fix = fmt.Sprintf("aws lambda add-permission --region %s --function-name %s --statement-id %s --action lambda:InvokeFunction "+
			"--principal secretsmanager.amazonaws.com --source-account %s", r, arn, planner.GrantStatement, c.in.Observed.Account)
	default:
		c.endpoint(r, fn)
		return
	}
	c.add(f)
}

// endpoint catches a function copied from another region whose
// SECRETS_MANAGER_ENDPOINT still names that region: AWS's rotation templates
// would read and write the secret over there.
func (c *check) endpoint(r topology.Region, fn *topology.Function) {
	for _, other := range c.in.Desired.Regions() {
		if other != r && strings.Contains(fn.Endpoint, "."+string(other)+".") {
			c.add(Finding{
				Code: CodeFunctionEndpoint, Severity: Warning, Kind: Health, Region: r, Subject: fn.ARN,
				Message: fmt.Sprintf("the rotation function in %s dials %s (SECRETS_MANAGER_ENDPOINT=%s)", r, other, fn.Endpoint),
				Fix:     fmt.Sprintf("set SECRETS_MANAGER_ENDPOINT of %s to https://secretsmanager.%s.amazonaws.com", fn.ARN, r),
			})
		}
	}
}
