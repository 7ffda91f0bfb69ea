package sim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/understudy-dr/understudy/internal/sim"
)

// list pages through ListSecrets and answers the names.
func (w *world) list(in secretsmanager.ListSecretsInput) []string {
	w.Helper()
	names := []string{}
	for {
		out, err := w.sm(east).ListSecrets(w.ctx, &in)
		w.must(err)
		for _, s := range out.SecretList {
			names = append(names, *s.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

func (w *world) filtered(key types.FilterNameStringType, values ...string) []string {
	w.Helper()
	return w.list(secretsmanager.ListSecretsInput{Filters: []types.Filter{{Key: key, Values: values}}})
}

// four secrets, created an hour apart.
func four(w *world) {
	for i, name := range []string{"prod/b", "dev/a", "prod/a", "Prod/c"} {
		in := &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String("x"), Description: aws.String("The " + name)}
		in.Tags = []types.Tag{{Key: aws.String("tier"), Value: aws.String([]string{"gold", "Gold", "silver", "gilt"}[i])}}
		if name == "dev/a" {
			in.AddReplicaRegions = []types.ReplicaRegionType{{Region: aws.String(west)}}
		}
		_, err := w.sm(east).CreateSecret(w.ctx, in)
		w.must(err)
		w.advance(time.Hour)
	}
}

func listFacts() []fact {
	firstPage := func(w *world) *string {
		out, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(2)})
		w.must(err)
		w.equal("entries", len(out.SecretList), 2)
		return out.NextToken
	}
	next := func(token *string, filters ...types.Filter) func(w *world) error {
		return func(w *world) error {
			_, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(2), NextToken: token, Filters: filters})
			return err
		}
	}
	const source = "API: ListSecrets"
	const filters = "API: Filter"
	return []fact{
		{name: "by date of creation", source: source, given: four, then: func(w *world) {
			w.equal("names", w.list(secretsmanager.ListSecretsInput{MaxResults: aws.Int32(3)}), []string{"prod/b", "dev/a", "prod/a", "Prod/c"})
		}},
		{name: "by name, descending, page by page", source: source, given: four, then: func(w *world) {
			w.equal("names", w.list(secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1), SortBy: types.SortByTypeName, SortOrder: types.SortOrderTypeDesc}),
				[]string{"prod/b", "prod/a", "dev/a", "Prod/c"})
		}},
		{name: "by last change", source: source, given: four, then: func(w *world) {
			_, err := w.sm(east).UpdateSecret(w.ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("dev/a"), Description: aws.String("new")})
			w.must(err)
			w.equal("names", w.list(secretsmanager.ListSecretsInput{MaxResults: aws.Int32(3), SortBy: types.SortByTypeLastChangedDate}),
				[]string{"prod/b", "prod/a", "Prod/c", "dev/a"})
		}},
		{name: "name: prefix, case-sensitive", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("name", "prod/"), []string{"prod/b", "prod/a"})
		}},
		{name: "any of several values", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("name", "dev", "Prod"), []string{"dev/a", "Prod/c"})
		}},
		{name: "negated", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("name", "!prod/"), []string{"dev/a", "Prod/c"})
		}},
		{name: "description: not case-sensitive", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("description", "the PROD"), []string{"prod/b", "prod/a", "Prod/c"})
		}},
		{name: "tag-value: prefix, case-sensitive", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("tag-value", "g"), []string{"prod/b", "Prod/c"})
		}},
		{name: "tag-key", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("tag-key", "nope"), []string{})
		}},
		{name: "primary-region", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("primary-region", "us-east"), []string{"dev/a"})
		}},
		{name: "all: every word, anywhere", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.filtered("all", "PROD gilt"), []string{"Prod/c"})
		}},
		{name: "several filters", source: filters, given: four, then: func(w *world) {
			w.equal("names", w.list(secretsmanager.ListSecretsInput{Filters: []types.Filter{
				{Key: "name", Values: []string{"prod"}}, {Key: "tag-value", Values: []string{"silver"}},
			}}), []string{"prod/a"})
		}},
		{
			name: "a filter that there is not", source: "API model: FilterNameStringType",
			when: func(w *world) error { return w.call("ListSecrets", `{"Filters":[{"Key":"color","Values":["x"]}]}`) },
			code: "ValidationException",
		},
		{name: "101 results", source: "API model: MaxResultsType", code: "ValidationException", when: func(w *world) error {
			_, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(101)})
			return err
		}},
		{
			name: "a token nobody gave", source: "API: ListSecrets, InvalidNextTokenException", given: four,
			when: next(aws.String("bm9uc2Vuc2U")), code: "InvalidNextTokenException",
		},
		{
			name: "a token of other parameters", source: "API: ListSecrets, InvalidNextTokenException", given: four,
			when: func(w *world) error {
				return next(firstPage(w), types.Filter{Key: "name", Values: []string{"p"}})(w)
			}, code: "InvalidNextTokenException",
		},
		{
			name: "a token that expired", source: "assumed: a day, as CloudWatch Logs documents", given: four,
			when: func(w *world) error {
				token := firstPage(w)
				w.advance(25 * time.Hour)
				return next(token)(w)
			}, code: "InvalidNextTokenException",
		},
		{name: "a page survives the deletion of its last secret", source: source, given: four, then: func(w *world) {
			for _, by := range []types.SortByType{"", "name", "last-changed-date"} {
				in := secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1), SortBy: by}
				out, err := w.sm(east).ListSecrets(w.ctx, &in)
				w.must(err)
				gone := *out.SecretList[0].Name
				_, err = w.sm(east).DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: &gone, ForceDeleteWithoutRecovery: aws.Bool(gone != "dev/a")})
				if gone == "dev/a" { // it has a replica
					continue
				}
				w.must(err)
				all := w.list(secretsmanager.ListSecretsInput{SortBy: by})
				in.NextToken = out.NextToken
				w.equal("rest by "+string(by), w.list(in), all)
			}
		}},
		{name: "planned deletion is hidden", source: source, given: four, then: func(w *world) {
			_, err := w.sm(east).DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String("prod/b")})
			w.must(err)
			w.equal("names", w.list(secretsmanager.ListSecretsInput{}), []string{"dev/a", "prod/a", "Prod/c"})
			w.equal("all", len(w.list(secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})), 4)
		}},
		{name: "PrimaryRegion only with replication on", source: "aws-nuke#1127", given: four, then: func(w *world) {
			out, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{})
			w.must(err)
			var regions []string
			for _, s := range out.SecretList {
				regions = append(regions, aws.ToString(s.PrimaryRegion))
				w.equal("versions", len(s.SecretVersionsToStages), 1)
			}
			w.equal("PrimaryRegion", regions, []string{"", east, "", ""})
		}},
	}
}

// AWS: ListSecrets "might not reflect changes from the last five minutes".
func TestListSecretsLags(t *testing.T) {
	w := newWorld(t, sim.Options{ListLag: 5 * time.Minute})
	w.create("s", "one")
	w.equal("at once", w.list(secretsmanager.ListSecretsInput{}), []string{})
	w.advance(5 * time.Minute)
	w.equal("later", w.list(secretsmanager.ListSecretsInput{}), []string{"s"})

	w.must(w.put(east, token2, "two"))
	current := func() string {
		out, err := w.sm(east).ListSecrets(w.ctx, &secretsmanager.ListSecretsInput{})
		w.must(err)
		for id, stages := range out.SecretList[0].SecretVersionsToStages {
			if slices.Contains(stages, "AWSCURRENT") {
				return id
			}
		}
		return ""
	}
	w.equal("listed at once", current(), token1)
	w.equal("described at once", w.stages(east)["AWSCURRENT"], token2)
	w.advance(5 * time.Minute)
	w.equal("listed later", current(), token2)

	w.must(w.delete(east, true))
	w.equal("after deletion", w.list(secretsmanager.ListSecretsInput{}), []string{"s"})
	w.advance(5 * time.Minute)
	w.equal("later still", w.list(secretsmanager.ListSecretsInput{}), []string{})
}

func TestListSecretsPagesAreWholeWhileOthersComeAndGo(t *testing.T) {
	w := newWorld(t, sim.Options{})
	name := func(i int) string { return "s/" + strings.Repeat("x", i+1) }
	for i := range 300 {
		w.createIn(east, name(i), "x")
	}
	in := secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)}
	out, err := w.sm(east).ListSecrets(w.ctx, &in)
	w.must(err)
	for i := range 200 { // enough to compact the index beneath the token
		if i != 150 {
			_, err := w.sm(east).DeleteSecret(w.ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(name(i)), ForceDeleteWithoutRecovery: aws.Bool(true)})
			w.must(err)
		}
	}
	in.NextToken = out.NextToken
	rest := w.list(in)
	w.equal("rest", []any{len(rest), rest[0], rest[1]}, []any{101, name(150), name(200)})
}

func TestAFleetIsListedAtOnceHoweverFarListSecretsLags(t *testing.T) {
	cloud := frozen(t, sim.Options{ListLag: 5 * time.Minute}, sim.ExampleFleet())
	w := &world{t, cloud, t.Context()}
	if names := w.list(secretsmanager.ListSecretsInput{}); len(names) == 0 {
		t.Error("nothing listed")
	}
}
