package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	withGroup := func(line string) string { return small + line + "\n" } // line 8
	regions := func(primary, standby string) string {
		return "[regions]\nprimary = \"" + primary + "\"\nstandby = [" + standby + "]\n[[group]]\nname = \"a\"\nmatch = [\"*\"]\n"
	}
	for name, test := range map[string]struct{ text, want string }{
		"an unknown key":               {withGroup(`matches = ["x"]`), `f:8:1: group.matches: unknown key; did you mean "match"?`},
		"an unknown key unlike others": {withGroup(`colour = "x"`), `f:8:1: group.colour: unknown key; use one of name, match, exclude, tags, priority, replicas, keys, rto, rpo, waves, max_failures, rotation`},
		"an unknown table":             {withGroup("[failovr]\nx = 1"), `f:8:2: failovr: unknown key; did you mean "failover"?`},
		"an unknown inline key":        {withGroup(`rotation = { lambada = "x" }`), `f:8:14: group.rotation.lambada: unknown key; did you mean "lambda"?`},
		"a wrong type":                 {withGroup(`replicas = "us-west-2"`), `f:8:12: group.replicas: want a list of strings, found a string`},
		"a wrong element":              {withGroup(`exclude = ["a", 2]`), `f:8:17: group.exclude: want a string, found a whole number`},
		"a number for an id":           {"[account]\nid = 123456789012\n" + small, `f:2:6: account.id: want a string, found a whole number`},
		"a duration in bare seconds":   {withGroup(`rto = 900`), `f:8:7: group.rto: want a duration such as "30s", found a whole number`},
		"a bad duration":               {withGroup(`rto = "15 min"`), `f:8:7: group.rto: "15 min" is not a duration: write it like "30s", "15m" or "24h"`},
		"a table for a list of tables": {"[group]\nname = \"x\"\n", `f:1:2: group: [group] is a list of tables; write [[group]]`},
		"a list of tables for a table": {withGroup("[[regions]]\n"), ``},
		"a syntax error":               {withGroup(`name = "x`), ``},
		"a duplicate key":              {withGroup(`name = "x"`), ``},

		"several accounts":   {"[[account]]\nname = \"a\"\n[[account]]\nname = \"b\"\n" + small, `f:3:3: account: one account per config for now, this is the second; put each account into a file of its own and run once per --config`},
		"a short account id": {"[account]\nid = \"1234\"\n" + small, `f:2:1: account.id: "1234" is not an account id of twelve digits; write it in quotes, like "123456789012"`},
		"a standby equal to the primary": {regions("us-east-1", `"us-west-2", "us-east-1"`),
			`f:3:25: regions.standby: "us-east-1" is the primary region already; name another region, or take it out`},
		"a standby named twice": {regions("us-east-1", `"us-west-2", "us-west-2"`),
			`f:3:25: regions.standby: "us-west-2" is named twice; take one of them out`},
		"a region of a bad shape": {regions("us-east-1", `"us_west_2"`), `f:3:12: regions.standby: "us_west_2" is not a region code; did you mean "us-west-2"?`},
		"a mistyped region": {regions("us-east-1", `"us-wset-2"`),
			`f:3:12: regions.standby: "us-wset-2" is not a region that understudy knows; did you mean "us-west-2"? if AWS has opened us-wset-2 since, add it to [regions] unlisted`},
		"mixed partitions": {regions("us-east-1", `"cn-north-1"`),
			`f:3:12: regions.standby: "cn-north-1" is in partition aws-cn, the primary us-east-1 in aws; secrets replicate within one partition only: write one config for each`},
		"no regions": {"[[group]]\nname = \"a\"\nmatch = [\"*\"]\n", ``},
		"a replica elsewhere": {withGroup(`replicas = ["us-west-2", "ap-south-1"]`),
			`f:8:26: group.replicas: "ap-south-1" is neither the primary nor a standby region; use one of us-east-1, us-west-2, eu-west-1, or add it to regions.standby`},
		"only the primary as replica": {withGroup(`replicas = ["us-east-1"]`),
			`f:8:1: group.replicas: a secret can't be replicated into its primary region us-east-1; add a standby region`},
		"an empty match":      {"[regions]\nprimary = \"us-east-1\"\nstandby = [\"us-west-2\"]\n[[group]]\nname = \"a\"\nmatch = []\n", `f:6:1: group.match: empty match; name what belongs here, like match = ["prod/*"]; "*" is everything`},
		"a missing match":     {withGroup("[[group]]\nname = \"b\""), `f:8:3: group.match: empty match; name what belongs here, like match = ["prod/*"]; "*" is everything`},
		"a group named twice": {withGroup("[[group]]\nname = \"prod\"\nmatch = [\"x\"]"), `f:9:1: group.name: there is a group "prod" already; give it another one`},
		"a bad glob":          {withGroup(`exclude = ["prod/[ab]*"]`), "f:8:12: group.exclude: \"prod/[ab]*\" fits no secret: names have letters, digits and /_+=.@-; `*` is any run of characters, `/` included, and `?` exactly one; there is no [a-z] or {a,b}"},

		"a key of another region": {withGroup(`keys = { us-west-2 = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab" }`),
			`f:8:10: group.keys.us-west-2: this key is in us-east-1, not in us-west-2; name a key of us-west-2; a multi-region key has an ARN in each region`},
		"a key that is none": {withGroup(`keys = { us-west-2 = "secrets-key" }`),
			`f:8:10: group.keys.us-west-2: "secrets-key" is not a KMS key id, ARN or alias; write it like "alias/secrets-key", or use a key id or ARN`},
		"a key for a mistyped region": {withGroup("[keys]\nus-west-1 = \"alias/x\""),
			`f:9:1: keys.us-west-1: "us-west-1" is neither the primary nor a standby region; did you mean "us-west-2"?`},

		"a function of another region": {withGroup("[group.rotation]\nlambda = { us-west-2 = \"arn:aws:lambda:us-east-1:123456789012:function:f\" }"),
			`f:9:12: group.rotation.lambda.us-west-2: this function is in us-east-1, not in us-west-2; name a function of us-west-2: Secrets Manager invokes one of the secret's own region`},
		"a function of one region for all": {withGroup("[group.rotation]\nlambda = \"arn:aws:lambda:us-east-1:123456789012:function:f\""),
			`f:9:1: group.rotation.lambda: this function is in us-east-1, not in us-west-2; put {region} in its place, or name one function for each region: lambda = { us-west-2 = "…" }`},
		"an unknown variable": {withGroup("[group.rotation]\nlambda = \"arn:aws:lambda:{regoin}:{account}:function:f\""),
			`f:9:1: group.rotation.lambda: unknown variable {regoin}; did you mean {region}?`},
		"a function for a region that is not ours": {withGroup("[group.rotation]\nlambda = { us-wset-2 = \"arn:aws:lambda:us-west-2:123456789012:function:f\" }"),
			`f:9:12: group.rotation.lambda.us-wset-2: "us-wset-2" is neither the primary nor a standby region; did you mean "us-west-2"?`},
		"rotation without a function": {withGroup("[group.rotation]\nrotate_immediately = true"),
			`f:8:2: group.rotation.lambda: the rotation function is missing; set lambda = "arn:aws:lambda:{region}:{account}:function:NAME"`},
		"a function name for an ARN": {withGroup("[group.rotation]\nlambda = \"rotate-db\""),
			`f:9:1: group.rotation.lambda: "rotate-db" is not the ARN of a Lambda function; write it like "arn:aws:lambda:{region}:{account}:function:rotate-db"`},
		"a topic of another region": {withGroup("[[alarm]]\nmatch = [\"*\"]\nactions = { us-west-2 = [\"arn:aws:sns:us-east-1:123456789012:t\"] }"),
			`f:10:26: alarm.actions.us-west-2: this action is in us-east-1, not in us-west-2; CloudWatch in us-west-2 takes actions of us-west-2 only: name the topic there`},

		"waves that shrink":      {withGroup(`waves = ["50%", "10%"]`), `f:8:17: group.waves: "10%" is no more than the wave before it; shares count from the start of the group: write them in growing order`},
		"a wave beyond all":      {withGroup(`waves = ["110%"]`), `f:8:10: group.waves: "110%" is more than all; the whole group is "100%"`},
		"a wave of nothing":      {withGroup(`waves = ["0"]`), `f:8:10: group.waves: "0" is not the size of a wave; write a number of secrets like "1", or a share like "10%"`},
		"bad max_failures":       {withGroup(`max_failures = "few"`), `f:8:1: group.max_failures: "few" is neither a number nor a share; write a number of secrets like "3", or a share like "5%"`},
		"an unknown fence":       {withGroup("[failover]\nfence = \"rotaton\""), `f:9:1: failover.fence: unknown value "rotaton"; did you mean "rotation"?`},
		"an unknown event":       {withGroup("[[notify]]\nurl = \"https://e.com\"\nevents = [\"drft\"]"), `f:10:11: notify.events: unknown value "drft"; did you mean "drift"?`},
		"an unknown quota":       {withGroup("[quota]\nsecret-write = 5"), `f:9:1: quota.secret-write: unknown key; did you mean "secret-writes"?`},
		"a quota of nothing":     {withGroup("[quota]\nlogs = 0"), `f:9:1: quota.logs: 0 is not a rate; write calls per second, like 25`},
		"an unknown quirk":       {withGroup("[quirks]\nrekey_in_place = \"maybe\""), `f:9:1: quirks.rekey_in_place: unknown value "maybe"; use one of unknown, yes, no`},
		"a probe that is no URL": {withGroup("[[failover.probes]]\nurl = \"example.com\""), `f:9:1: failover.probes.url: not an http or https URL; write it like https://hooks.example.com/understudy`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if test.want == "" { // the text is the library's, or there are several
				if len(Errors(err)) == 0 || Errors(err)[0].Line == 0 {
					t.Errorf("no place: %v", err)
				}
				return
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllMistakesOfAFileAreReportedInItsOrder(t *testing.T) {
	_, err := Parse("f", []byte(`[regions]
primary = "us-east-1"
standby = ["us-east-1"]
[[group]]
nam = "a"
match = []
`))
	var got []string
	for _, e := range Errors(err) {
		got = append(got, strings.Split(e.Error(), ";")[0])
	}
	want := []string{
		`f:3:12: regions.standby: "us-east-1" is the primary region already`,
		`f:5:1: group.nam: unknown key`,
		`f:6:1: group.match: empty match`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestANewerRegionIsTakenAtItsWord(t *testing.T) {
	text := strings.Replace(small, `"eu-west-1"]`, `"us-east-3"]`, 1)
	if _, err := Parse("f", []byte(text)); err == nil {
		t.Error("us-east-3 looks like a typing mistake and was accepted")
	}
	text = strings.Replace(text, "[[group]]", "unlisted = [\"us-east-3\"]\n[[group]]", 1)
	if _, err := Parse("f", []byte(text)); err != nil {
		t.Error(err)
	}
	text = strings.Replace(small, `"eu-west-1"]`, `"xx-farther-1"]`, 1)
	if _, err := Parse("f", []byte(text)); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(contract))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
		if err != nil && len(Errors(err)) == 0 {
			t.Fatalf("not an *Error: %v", err)
		}
	})
}
