package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/sim"
)

const account = "123456789012"

func TestParseFleetErrorsSayWhere(t *testing.T) {
	const head = "regions = [\"us-east-1\", \"us-west-2\"]\n"
	for _, row := range []struct{ text, want string }{
		{"regions = [\"us-east-1\"]\nregion = 1\n", `f.toml:2:1: unknown key "region"`},
		{"regions = \"us-east-1\"\n", "f.toml:1:11: "},
		{"regions = [\n", "f.toml:"},
		{"regions = [\"mars\"]\n", `f.toml:1:1: regions: "mars" is not a region name`},
		{"", "f.toml:1:1: regions: missing"},
		{head + "[[secret]]\nname = \"a\"\n[[secret]]\nname = \"a\"\n", `f.toml:5:1: secret[1].name: "a" is there twice`},
		{head + "[[secret]]\nname = \"a\"\nkey = \"alias/k\"\n", `f.toml:4:1: secret[0].key: "alias/k" is not a key of us-east-1`},
		{head + "[[secret]]\nname = \"a\"\n[[secret.replica]]\nregion = \"us-east-1\"\n", `f.toml:5:1: secret[0].replica[0].region: "us-east-1" is the secret's own region`},
		{head + "[[secret]]\nname = \"a\"\n[[secret]]\nname = \"b\"\n[[secret.replica]]\nregion = \"us-west-2\"\n[[secret.replica]]\nregion = \"us-west-2\"\n", `f.toml:9:1: secret[1].replica[1].region: "us-west-2" is there twice`},
		{head + "[[secret]]\nname = \"a\"\nreplica = [{ region = \"eu-west-1\" }]\n", `f.toml:4:1: secret[0].replica[0].region: "eu-west-1" is not one of regions`},
		{head + "[[secret]]\nname = \"a\"\n[secret.rotation]\nlambda = \"r\"\ndays = 3\n", `f.toml:5:1: secret[0].rotation.lambda: no function "r" permitted in us-east-1`},
		{head + "[[key]]\nalias = \"k\"\nregion = \"us-east-1\"\n", `f.toml:3:1: key[0].alias: "k" is not a customer's alias`},
		{head + "[[alarm]]\nname = \"a\"\nnamespace = \"n\"\nmetric = \"m\"\ntopics = [\"t\"]\n", `f.toml:6:1: alarm[0].topics: "t" is not a topic`},
	} {
		if _, err := sim.ParseFleet("f.toml", []byte(row.text)); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q:\n got %v\nwant %s…", row.text, err, row.want)
		}
	}
}

func TestParseFleetLoads(t *testing.T) {
	fleet, err := sim.ParseFleet("f.toml", []byte(`
regions = ["us-east-1", "us-west-2"]

[[key]]
alias = "alias/k"
region = "us-west-2"
state = "Disabled"

[[function]]
name = "rotate"
permitted = ["us-east-1"]

[[secret]]
name = "a"
value = "v"
versions = 2
tags = { env = "prod" }
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}'
rotation = { lambda = "rotate", days = 7 }
replica = [{ region = "us-west-2" }]

[[secret]]
name = "b"
replica = [{ region = "us-west-2", key = "alias/k" }]
`))
	if err != nil {
		t.Fatal(err)
	}
	c := frozen(t, sim.Options{}, fleet)
	a, _ := c.State().Secret(account, "us-west-2", "a")
	if len(a.Versions) != 2 || a.Primary != "us-east-1" || a.Tags["env"] != "prod" || a.Policy == "" {
		t.Errorf("a in us-west-2: %+v", a)
	}
	home, _ := c.State().Secret(account, "us-east-1", "a")
	if home.Rotation == nil || !home.Rotation.Enabled || home.Rotation.Days != 7 {
		t.Errorf("a's rotation: %+v", home.Rotation)
	}
	b, _ := c.State().Secret(account, "us-east-1", "b")
	if b.Replicas["us-west-2"].Status != "Failed" {
		t.Errorf("b's replica under a disabled key: %+v", b.Replicas)
	}
}

// The example is what config.example.toml describes, but for the four
// exceptions that its documentation names.
func TestExampleFleet(t *testing.T) {
	fleet := sim.ExampleFleet()
	state := frozen(t, sim.Options{}, fleet).State().Accounts[account]
	wantKeys := map[string]string{"us-east-1": "alias/secrets-key", "us-west-2": "alias/secrets-key-west", "eu-west-1": "alias/secrets-key-eu"}
	var odd []string
	rotating := 0
	for name, s := range state["us-east-1"].Secrets {
		for _, region := range fleet.Regions[1:] {
			switch r, ok := s.Replicas[region]; {
			case !ok:
				odd = append(odd, name+" not in "+region)
			case r.Status != "InSync":
				odd = append(odd, fmt.Sprintf("%s in %s is %s: %s", name, region, r.Status, r.Message))
			case r.Key != wantKeys[region]:
				odd = append(odd, name+" under another key in "+region)
			}
		}
		if s.Rotation != nil && s.Rotation.Enabled {
			rotating++
		}
	}
	want := map[string]bool{
		"prod/payments/stripe not in eu-west-1":                        true,
		"prod/search/opensearch under another key in us-west-2":        true,
		"dev/sandbox not in us-west-2":                                 true,
		"dev/sandbox not in eu-west-1":                                 true,
		"rds!db-3f2a91c4-7f0c-4c52-9a55-0d6c7b1e8f20 not in us-west-2": true,
		"rds!db-3f2a91c4-7f0c-4c52-9a55-0d6c7b1e8f20 not in eu-west-1": true,
	}
	got := map[string]bool{}
	for _, o := range odd {
		got[o] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rotating != 7 || len(state["us-east-1"].Secrets) != 25 {
		t.Errorf("%d secrets, %d rotating", len(state["us-east-1"].Secrets), rotating)
	}
	if owner := state["us-east-1"].Secrets["rds!db-3f2a91c4-7f0c-4c52-9a55-0d6c7b1e8f20"].Owner; owner != "rds" {
		t.Errorf("owner of the managed secret: %q", owner)
	}
}

// script is a client's session that touches many kinds of state.
func script(t *testing.T, seed int64) []byte {
	t.Helper()
	c := frozen(t, sim.Options{Seed: seed}, sim.ExampleFleet())
	for i := range 10 {
		if _, err := secrets(c, "us-east-1").CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
			Name: aws.String(fmt.Sprint("made/", i)), SecretString: aws.String("v"),
			ClientRequestToken: aws.String(fmt.Sprintf("%032d", i)),
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := secrets(c, "us-west-2").StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{
		SecretId: aws.String("prod/db/orders"),
	}); err != nil {
		t.Fatal(err)
	}
	c.Advance(31 * 24 * 3600e9) // rotations ran
	out, err := json.Marshal(c.State())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameSeedSameRequestsSameState(t *testing.T) {
	one, two := script(t, 7), script(t, 7)
	if !bytes.Equal(one, two) {
		t.Errorf("states differ: %s", cmp.Diff(string(one), string(two)))
	}
	if bytes.Equal(one, script(t, 8)) {
		t.Error("another seed gave the same state")
	}
}
