package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

// policy finds a resource policy that goes with the secret wherever it moves,
// and names what belongs to the region where it is now.
func (c *check) policy(s *planner.Standing, g *topology.Group) {
	before, _ := c.in.Recovery.Secret(s.Primary, s.Secret)
	what := planner.TiedTo(s.Primary, s.PrimarySecret(), before)
	if len(what) == 0 || len(g.Replicas) == 0 {
		return
	}
	c.add(Finding{
		Code: CodePolicyTied, Severity: Info, Kind: Health, Secret: s.Secret, Region: s.Primary,
		Message: fmt.Sprintf("its resource policy names %s: who reads it in another region may be denied, now and after a failover", strings.Join(what, ", ")),
		Fix:     fmt.Sprintf("aws secretsmanager put-resource-policy --region %s with the other regions' as well", s.Primary),
	})
}

// policyGone finds a secret whose resource policy did not come along when it
// was moved: whom it let in, or kept out, nobody does any more.
func (c *check) policyGone(s *planner.Standing) {
	if s.Move == nil || s.Move.To != s.Primary || !c.in.PolicyLost(s.Move.From, s.PrimarySecret()) {
		return
	}
	c.add(Finding{
		Code: CodePolicyGone, Severity: Warning, Kind: Health, Secret: s.Secret, Region: s.Primary,
		Message: fmt.Sprintf("it had a resource policy in %s, and has none since it moved", s.Move.From),
		Fix:     fmt.Sprintf("aws secretsmanager get-resource-policy --region %s --secret-id %s tells it; put it in %s without what fences %[1]s", s.Move.From, s.Secret, s.Primary),
	})
}

// keyPolicies finds keys whose policies keep readers of their own region out,
// which nobody notices before a failover.
func (c *check) keyPolicies(r topology.Region) {
	others := slices.DeleteFunc(c.in.Desired.Regions(), func(other topology.Region) bool { return other == r })
	for _, tie := range c.in.KeyTies(r, others) {
		b := tie.Blocker()
		f := Finding{Code: b.Code, Severity: Info, Kind: Health, Region: r, Subject: tie.Ref, Message: b.Message, Fix: b.Fix}
		if b.Code == CodeKeyPolicyForeign {
			f.Severity = Warning
		}
		c.add(f)
	}
}
