package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-dr/understudy/internal/topology"
)

const (
	tiedHome = topology.Region("us-east-1")
	tiedWest = topology.Region("us-west-2")
)

// Statements of key policies as AWS's own documents have them, and as people
// copy them from one region to another.
func TestKeyPolicyTies(t *testing.T) {
	allow := func(conditions string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*","Condition":{` + conditions + `}}`
	}
	deny := func(conditions string) string {
		return strings.Replace(allow(conditions), "Allow", "Deny", 1)
	}
	const root = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}`
	for _, c := range []struct {
		name       string
		statements []string
		names      []string
		endpoints  []string
	}{
		{name: "the default", statements: []string{root}},
		{name: "through Secrets Manager of home", statements: []string{root, allow(`"StringEquals":{"kms:CallerAccount":"123456789012","kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}`)},
			names: []string{"secretsmanager.us-east-1.amazonaws.com"}},
		{name: "through Secrets Manager of here", statements: []string{allow(`"StringEquals":{"kms:ViaService":"secretsmanager.us-west-2.amazonaws.com"}`)}},
		{name: "through that of both", statements: []string{allow(`"StringEquals":{"kms:ViaService":["secretsmanager.us-east-1.amazonaws.com","secretsmanager.us-west-2.amazonaws.com"]}`)}},
		{name: "through that of any", statements: []string{allow(`"StringLike":{"kms:ViaService":"secretsmanager.*.amazonaws.com"}`)}},
		{name: "a statement for each", statements: []string{
			allow(`"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}`),
			allow(`"StringEquals":{"kms:ViaService":"secretsmanager.us-west-2.amazonaws.com"}`),
		}},
		{name: "another service of home", statements: []string{allow(`"StringEquals":{"kms:ViaService":"ec2.us-east-1.amazonaws.com"}`)}},
		{name: "a deny to all but home", statements: []string{root, deny(`"StringNotEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}`)},
			names: []string{"secretsmanager.us-east-1.amazonaws.com"}},
		{name: "a deny to home", statements: []string{root, deny(`"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}`)}},
		{name: "an allow to all but home", statements: []string{allow(`"StringNotEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}`)}},
		{name: "secrets of home", statements: []string{allow(`"StringLike":{"kms:EncryptionContext:SecretARN":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/*"}`)},
			names: []string{"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/*"}},
		{name: "secrets of both", statements: []string{allow(`"StringLike":{"kms:EncryptionContext:SecretARN":["arn:aws:secretsmanager:us-east-1:123456789012:secret:*","arn:aws:secretsmanager:us-west-2:123456789012:secret:*"]}`)}},
		{name: "requests in home", statements: []string{root, deny(`"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}`)}, names: []string{"us-east-1"}},
		{name: "another key", statements: []string{`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:kms:us-east-1:123456789012:key/1"}`},
			names: []string{"arn:aws:kms:us-east-1:123456789012:key/1"}},
		{name: "an endpoint", statements: []string{root, deny(`"StringNotEquals":{"aws:sourceVpce":["vpce-1","vpce-2"]}`)}, endpoints: []string{"vpce-1", "vpce-2"}},
		{name: "a network that is kept out", statements: []string{root, deny(`"StringEquals":{"aws:SourceVpc":"vpc-1"}`)}},
		{name: "a number for a value", statements: []string{allow(`"NumericLessThan":{"aws:MultiFactorAuthAge":300},"Bool":{"kms:GrantIsForAWSResource":true}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tie := KeyTie{Region: tiedWest}
			tie.judge(`{"Version":"2012-10-17","Statement":[`+strings.Join(c.statements, ",")+`]}`, []topology.Region{tiedHome})
			if !slices.Equal(tie.Names, c.names) || !slices.Equal(tie.Endpoints, c.endpoints) {
				t.Errorf("names %q, endpoints %q; want %q, %q", tie.Names, tie.Endpoints, c.names, c.endpoints)
			}
			if len(c.statements) == 1 { // the same without brackets
				bare := KeyTie{Region: tiedWest}
				bare.judge(`{"Statement":`+c.statements[0]+`}`, []topology.Region{tiedHome})
				if !slices.Equal(bare.Names, c.names) {
					t.Errorf("as one statement: names %q, want %q", bare.Names, c.names)
				}
			}
		})
	}
}

func TestKeyTies(t *testing.T) {
	through := func(r topology.Region) string {
		return `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"` + secretsHost(r) + `"}}}]}`
	}
	from := func(endpoint string) string {
		return `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"` + endpoint + `"}}}]}`
	}
	read := func(policy string) topology.Key {
		return topology.Key{ARN: "arn:1", State: "Enabled", Policy: policy, PolicyKnown: true}
	}
	unread := topology.Key{ARN: "arn:1", State: "Enabled"}
	failed := func(why topology.Cause) topology.Key { k := unread; k.PolicyUnread = why; return k }
	for _, c := range []struct {
		name             string
		now, before      topology.Key // in the standby
		homeNow, homeWas topology.Key
		want             string
	}{
		{name: "nobody asked", now: unread},
		{name: "of home", now: read(through(tiedHome)), want: KeyPolicyForeign},
		{name: "of here", now: read(through(tiedWest))},
		{name: "known from before", now: unread, before: read(through(tiedHome)), want: KeyPolicyForeign},
		{name: "known from before, and denied now", now: failed(topology.CauseDenied), before: read(through(tiedHome)), want: KeyPolicyForeign},
		{name: "another key before", now: unread, before: topology.Key{ARN: "arn:2", Policy: through(tiedHome), PolicyKnown: true}},
		{name: "denied", now: failed(topology.CauseDenied), want: KeyPolicyNotChecked},
		{name: "no answer", now: failed(topology.CauseTimeout), want: KeyPolicyUnknown},
		{name: "an endpoint, home's key unknown", now: read(from("vpce-1")), want: KeyPolicyEndpoint},
		{name: "an endpoint, home's key names none", now: read(from("vpce-1")), homeNow: read(through(tiedHome)), want: KeyPolicyEndpoint},
		{name: "an endpoint, home's key the same", now: read(from("vpce-1")), homeWas: read(from("vpce-1")), want: KeyPolicyForeign},
		{name: "an endpoint, home's key another", now: read(from("vpce-1")), homeNow: read(from("vpce-2"))},
		{name: "AWS's own key", now: topology.Key{ARN: "arn:1", Managed: true, Policy: through(tiedHome), PolicyKnown: true}},
		{name: "no such key", now: topology.Key{Missing: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			view := func(here, there topology.Key) *topology.Snapshot {
				west := map[string]topology.Key{"alias/west": here, "arn:1": here}
				return &topology.Snapshot{Regions: map[topology.Region]*topology.RegionView{
					tiedWest: {Keys: west}, tiedHome: {Keys: map[string]topology.Key{"alias/home": there}},
				}}
			}
			in := Input{Desired: &topology.Desired{Primary: tiedHome, Standby: []topology.Region{tiedWest}}, Observed: view(c.now, c.homeNow), Recovery: view(c.before, c.homeWas)}
			ties, code := in.KeyTies(tiedWest, []topology.Region{tiedHome}), ""
			for _, tie := range in.KeyTies(tiedHome, []topology.Region{tiedWest}) {
				if tie.Ref == "alias/home" && len(tie.Endpoints) > 0 {
					t.Errorf("home's own endpoint is told: %+v", tie)
				}
			}
			if len(ties) > 1 {
				t.Fatalf("one key, told %d times", len(ties))
			}
			if len(ties) == 1 {
				code = ties[0].Blocker().Code
				if ties[0].Ref != "alias/west" {
					t.Errorf("it is named %s, want its alias", ties[0].Ref)
				}
			}
			if code != c.want {
				t.Errorf("found %q, want %q", code, c.want)
			}
		})
	}
}
