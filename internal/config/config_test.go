package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/planner"
)

const small = `[regions]
primary = "us-east-1"
standby = ["us-west-2", "eu-west-1"]

[[group]]
name = "prod"
match = ["prod/*"]
`

// contract is the shape that the design promises to accept as it stands.
const contract = `
[account]            # id, role_arn, external_id, profile; or [[account]] for several, each with a name
id = "123456789012"

[regions]
primary = "us-east-1"
standby = ["us-west-2", "eu-west-1"]          # order = preference

[keys]                                        # KMS key per region; absent = alias/aws/secretsmanager
us-east-1 = "alias/secrets-key"
us-west-2 = "alias/secrets-key-west"
eu-west-1 = "alias/secrets-key-eu"

[[group]]                                     # also: priority, tags, exclude, keys, rto, rpo
name = "prod"
match = ["prod/*"]                            # '*' also crosses '/', as in IAM
replicas = ["us-west-2", "eu-west-1"]

[group.rotation]                              # also: "arn:aws:lambda:{region}:{account}:function:rotate-db"
lambda = { us-west-2 = "arn:aws:lambda:us-west-2:123456789012:function:rotate-db" }
rotate_immediately = false

[[alarm]]
match = ["secrets-*"]
actions = { us-west-2 = ["arn:aws:sns:us-west-2:123456789012:security-alerts"] }
`

func TestTheContractsShapeIsAccepted(t *testing.T) {
	c, err := Parse("understudy.toml", []byte(contract))
	if err != nil {
		t.Fatal(err)
	}
	want := &topology.Desired{
		Account: "123456789012", Primary: "us-east-1",
		Standby: []topology.Region{"us-west-2", "eu-west-1"},
		Keys: map[topology.Region]string{
			"us-east-1": "alias/secrets-key", "us-west-2": "alias/secrets-key-west", "eu-west-1": "alias/secrets-key-eu",
		},
		Groups: []topology.Group{{
			Name: "prod", Selector: topology.Selector{Match: []string{"prod/*"}}, Priority: 100,
			Replicas: []topology.Region{"us-west-2", "eu-west-1"},
			Keys:     map[topology.Region]string{},
			Rotation: &topology.RotationPolicy{Lambda: map[topology.Region]string{
				"us-west-2": "arn:aws:lambda:us-west-2:123456789012:function:rotate-db",
			}},
		}},
		Alarms: []topology.AlarmRule{{
			Match: []string{"secrets-*"},
			Actions: map[topology.Region][]string{
				"us-west-2": {"arn:aws:sns:us-west-2:123456789012:security-alerts"},
			},
		}},
		Failover: topology.FailoverPolicy{Waves: []string{"1", "10%", "100%"}, MaxFailures: "5%", Fence: "rotation"},
	}
	if diff := cmp.Diff(want, c.Desired()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOneAccountInAListIsAccepted(t *testing.T) {
	c, err := Parse("f", []byte("[[account]]\nname = \"a\"\nid = \"111111111111\"\n"+small))
	if err != nil || c.Account.Name != "a" {
		t.Fatalf("got %+v, %v", c, err)
	}
}

func TestReplicasDefaultToEveryStandbyAndLeaveThePrimaryOut(t *testing.T) {
	c, err := Parse("f", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := []topology.Region{"us-west-2", "eu-west-1"}
	if diff := cmp.Diff(want, c.Desired().Groups[0].Replicas); diff != "" {
		t.Error(diff)
	}
	moved := strings.Replace(small, `primary = "us-east-1"`, `primary = "eu-west-1"`, 1)
	moved = strings.Replace(moved, `"us-west-2", "eu-west-1"`, `"us-west-2", "us-east-1"`, 1)
	c, err = Parse("f", []byte(moved+`replicas = ["us-east-1", "us-west-2", "eu-west-1"]`))
	if err != nil {
		t.Fatal(err)
	}
	want = []topology.Region{"us-east-1", "us-west-2"}
	if diff := cmp.Diff(want, c.Desired().Groups[0].Replicas); diff != "" {
		t.Error(diff)
	}
}

func TestALambdaTemplateIsFilledInForEachRegion(t *testing.T) {
	c, err := Parse("f", []byte(small+"[group.rotation]\nlambda = \"arn:{partition}:lambda:{region}:{account}:function:rotate-db\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Desired().Groups[0].Rotation.LambdaIn("eu-west-1", "123456789012")
	if want := "arn:aws:lambda:eu-west-1:123456789012:function:rotate-db"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheExampleShowsEveryKeyOfTheSchemaAndParses(t *testing.T) {
	data, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("config.example.toml", data); err != nil {
		t.Errorf("as it stands: %v", err)
	}
	// With the optional keys brought in, it must parse as well: an example
	// that nobody can use is worse than none.
	full := regexp.MustCompile(`(?m)^# (\[\[|[a-z_-]+ = )`).ReplaceAllString(string(data), "$1")
	c, err := Parse("config.example.toml", []byte(full))
	if err != nil {
		t.Fatalf("with every key: %v", err)
	}
	if len(c.Quota) != len(Buckets()) {
		t.Errorf("the example shows %d of %d quota keys", len(c.Quota), len(Buckets()))
	}
	w := newWalk("config.example.toml", []byte(full))
	w.run(reflect.TypeFor[document]())
	for _, key := range schemaKeys("", reflect.TypeFor[document]()) {
		if !shows(w, key) {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func shows(w *walk, key string) bool {
	for path := range w.places {
		if show(path) == key {
			return true
		}
	}
	return false
}

// schemaKeys are the paths of all keys of a table.
func schemaKeys(prefix string, typ reflect.Type) []string {
	var keys []string
	for i, name := range fieldNames(typ) {
		path := join2(prefix, name)
		keys = append(keys, path)
		field := deref(typ.Field(i).Type)
		if isTables(field) {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct {
			keys = append(keys, schemaKeys(path, field)...)
		}
	}
	return keys
}

func TestEffectiveIsAConfigOfTheSameMeaning(t *testing.T) {
	for _, text := range []string{small, contract} {
		c, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		data, err := c.Effective()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("effective", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if diff := cmp.Diff(c.Desired(), again.Desired()); diff != "" {
			t.Errorf("-file +effective\n%s\n%s", diff, data)
		}
	}
}

func TestEffectiveHidesWebhookTokens(t *testing.T) {
	c, err := Parse("f", []byte(small+"[[notify]]\nurl = \"https://hooks.example.com/services/T0KEN?x=T0KEN\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Effective()
	if err != nil || strings.Contains(string(data), "T0KEN") {
		t.Errorf("%v\n%s", err, data)
	}
}

func TestOptionalTables(t *testing.T) {
	c, err := Parse("f", []byte(small+`
[failover]
accept_stale = 2
bake = "30s"
[[failover.probes]]
url = "https://example.com/healthz"
[quota]
secret-writes = 25
[quirks]
rekey_in_place = "yes"
`))
	if err != nil {
		t.Fatal(err)
	}
	f := c.Desired().Failover
	if f.AcceptStale != 2 || f.Bake != 30*time.Second || f.Probes[0].Timeout != 5*time.Second {
		t.Errorf("got %+v", f)
	}
	if c.Quota["secret-writes"] != 25 || c.Quirks.RekeyInPlace != "yes" || c.Quirks.PromotedEntry != "" {
		t.Errorf("got %v, %+v", c.Quota, c.Quirks)
	}
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	const mark = "\xef\xbb\xbf"
	raw, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("x", append([]byte(mark), raw...)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("x", []byte(mark+"bogus = 1\n")); err == nil || !strings.Contains(err.Error(), "x:1:1") {
		t.Errorf("the position of what follows it: %v", err)
	}
}

func TestAMissingFileSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "understudy.toml")
	_, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), "cp config.example.toml "+path) {
		t.Errorf("got %v", err)
	}
	if _, err = Load(t.TempDir()); err == nil || len(Errors(err)) != 1 {
		t.Errorf("a directory: got %v", err)
	}
}

func TestQuotaNamesArePlannersBuckets(t *testing.T) {
	want := []string{
		planner.BucketSecretWrites, planner.BucketRotation, planner.BucketPolicy, planner.BucketPutAlarm,
		planner.BucketAlarmActions, planner.BucketFunction, planner.BucketLogs,
	}
	if diff := cmp.Diff(want, Buckets()[:len(want)]); diff != "" {
		t.Error(diff)
	}
}
