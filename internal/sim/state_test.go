package sim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/understudy-dr/understudy/internal/sim"
)

// A wire sends raw calls to a simulator behind a socket.
type wire struct {
	*testing.T
	url string
}

func (w wire) send(method, path string, headers map[string]string, body string) string {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "" // a region that refuses
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

func (w wire) sm(region, op, body string) {
	w.send("POST", "/", with(jsonHeaders("secretsmanager", "secretsmanager."+op), "Authorization", signed(region, "secretsmanager")), body)
}

// session is a seeded sequence of calls to every service, valid and not, with
// regions that fail and time that passes.
func session(w wire, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	regions := []string{east, west, eu}
	w.send("PUT", fnPath+"rotate/nothing", formHeaders("lambda"), "")
	for i := range 300 {
		region, other := regions[rng.IntN(3)], regions[rng.IntN(3)]
		name, token := fmt.Sprintf("s%d", rng.IntN(6)), fmt.Sprintf("%08d-1111-4111-8111-%012d", i, seed)
		switch rng.IntN(14) {
		case 0:
			w.sm(region, "CreateSecret", fmt.Sprintf(`{"Name":%q,"ClientRequestToken":%q,"SecretString":"v","AddReplicaRegions":[{"Region":%q}]}`, name, token, other))
		case 1:
			w.sm(region, "PutSecretValue", fmt.Sprintf(`{"SecretId":%q,"ClientRequestToken":%q,"SecretString":"v%d"}`, name, token, i))
		case 2:
			w.sm(region, "ReplicateSecretToRegions", fmt.Sprintf(`{"SecretId":%q,"AddReplicaRegions":[{"Region":%q}],"ForceOverwriteReplicaSecret":true}`, name, other))
		case 3:
			w.sm(region, "StopReplicationToReplica", fmt.Sprintf(`{"SecretId":%q}`, name))
		case 4:
			w.sm(region, "RemoveRegionsFromReplication", fmt.Sprintf(`{"SecretId":%q,"RemoveReplicaRegions":[%q]}`, name, other))
		case 5:
			w.sm(region, "RotateSecret", fmt.Sprintf(`{"SecretId":%q,"ClientRequestToken":%q,"RotationLambdaARN":"rotate-db","RotationRules":{"AutomaticallyAfterDays":1}}`, name, token))
		case 6:
			w.sm(region, "DeleteSecret", fmt.Sprintf(`{"SecretId":%q}`, name))
		case 7:
			w.sm(region, "RestoreSecret", fmt.Sprintf(`{"SecretId":%q}`, name))
		case 8:
			w.send("POST", "/", with(jsonHeaders("kms", "TrentService.CreateKey"), "Authorization", signed(region, "kms")), "{}")
		case 9:
			w.send("POST", "/", with(formHeaders("monitoring"), "Authorization", signed(region, "monitoring")),
				fmt.Sprintf("Action=PutMetricAlarm&AlarmName=a%d&Namespace=n&MetricName=m&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=%d&ComparisonOperator=GreaterThanThreshold", i%5, i))
		case 10:
			w.send("POST", "/", with(formHeaders("sns"), "Authorization", signed(region, "sns")), fmt.Sprintf("Action=CreateTopic&Name=t%d", i%5))
		case 11:
			state := []string{"up", "partitioned", "unavailable", "up"}[rng.IntN(4)]
			w.send("PUT", "/_sim/regions/"+region, nil, fmt.Sprintf(`{"state":%q,"lag":"%dms"}`, state, rng.IntN(5000)))
		case 12:
			w.send("POST", "/_sim/clock", nil, fmt.Sprintf(`{"advance":"%dm"}`, rng.IntN(2000)))
		case 13:
			w.send("POST", "/", with(jsonHeaders("logs", "Logs_20140328.CreateLogGroup"), "Authorization", signed(region, "logs")), fmt.Sprintf(`{"logGroupName":"g%d"}`, i%4))
		}
	}
}

// TestSameRequestsSameState: the same seed and the same requests in the same
// order give the same /_sim/state, byte for byte, over HTTP, whatever others
// read meanwhile; another seed gives another.
func TestSameRequestsSameState(t *testing.T) {
	state := func(seed int64, calls uint64, readers bool) string {
		cloud := frozen(t, sim.Options{Seed: seed, Lag: time.Second, ListLag: time.Minute, RotationStep: time.Second}, sim.ExampleFleet())
		server := httptest.NewServer(cloud)
		defer server.Close()
		w := wire{t, server.URL}
		var others sync.WaitGroup
		stop := make(chan struct{})
		if readers {
			for range 2 {
				others.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							w.sm(west, "ListSecrets", "{}")
							w.sm(east, "GetSecretValue", `{"SecretId":"prod/db/orders"}`)
							w.sm(eu, "BatchGetSecretValue", `{"SecretIdList":["s1","s2"]}`)
						}
					}
				})
			}
		}
		session(w, calls)
		close(stop)
		others.Wait()
		return w.send("GET", "/_sim/state", nil, "")
	}
	for calls := range uint64(3) {
		first := state(7, calls, false)
		if len(first) < 10_000 {
			t.Fatalf("a state of %d bytes tells nothing", len(first))
		}
		if again := state(7, calls, true); again != first {
			t.Errorf("calls %d: the state differs at %s", calls, around(first, again))
		}
		if other := state(8, calls, false); other == first {
			t.Errorf("calls %d: another seed gives the same state", calls)
		}
	}
}

func around(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-80)
			return fmt.Sprintf("byte %d:\n%s\n%s", i, a[from:min(len(a), i+80)], b[from:min(len(b), i+80)])
		}
	}
	return fmt.Sprintf("its end: %d and %d bytes", len(a), len(b))
}

// TestStateShowsEverySetting: whatever configures an alarm, key, function,
// topic or filter is in the state, so that two states differ where two
// configurations do.
func TestStateShowsEverySetting(t *testing.T) {
	cloud := frozen(t, sim.Options{}, sim.ExampleFleet())
	look := func() string {
		text, err := json.Marshal(cloud.State())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	changed := func(what string, change func() error) {
		t.Helper()
		before := look()
		if err := change(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if look() == before {
			t.Errorf("%s: the state shows no difference", what)
		}
	}

	alarm := &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("a"), Namespace: aws.String("n"), MetricName: aws.String("m"), Statistic: cwtypes.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(2), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold,
	}
	put := func() error { _, err := alarms(cloud, east).PutMetricAlarm(t.Context(), alarm); return err }
	changed("alarm", put)
	for name, set := range map[string]func(){
		"threshold":    func() { alarm.Threshold = aws.Float64(2) },
		"dimensions":   func() { alarm.Dimensions = []cwtypes.Dimension{{Name: aws.String("d"), Value: aws.String("v")}} },
		"period":       func() { alarm.Period = aws.Int32(300) },
		"evaluation":   func() { alarm.EvaluationPeriods = aws.Int32(3) },
		"datapoints":   func() { alarm.DatapointsToAlarm = aws.Int32(1) },
		"missing data": func() { alarm.TreatMissingData = aws.String("breaching") },
		"comparison":   func() { alarm.ComparisonOperator = cwtypes.ComparisonOperatorLessThanThreshold },
		"statistic":    func() { alarm.Statistic = cwtypes.StatisticMaximum },
		"unit":         func() { alarm.Unit = cwtypes.StandardUnitCount },
		"description":  func() { alarm.AlarmDescription = aws.String("x") },
		"namespace":    func() { alarm.Namespace = aws.String("o") },
		"actions":      func() { alarm.OKActions = []string{"arn:aws:sns:us-east-1:123456789012:t"} },
		"enabled":      func() { alarm.ActionsEnabled = aws.Bool(false) },
	} {
		set()
		changed("alarm's "+name, put)
	}

	composite := &cloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("c"), AlarmRule: aws.String("ALARM(a)")}
	putComposite := func() error { _, err := alarms(cloud, east).PutCompositeAlarm(t.Context(), composite); return err }
	changed("composite", putComposite)
	composite.ActionsSuppressor, composite.ActionsSuppressorWaitPeriod, composite.ActionsSuppressorExtensionPeriod = aws.String("a"), aws.Int32(1), aws.Int32(1)
	changed("composite's suppressor", putComposite)
	composite.ActionsSuppressorWaitPeriod = aws.Int32(2)
	changed("composite's wait", putComposite)

	changed("function's environment", func() error {
		_, err := functions(cloud, east).UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("rotate-db"), Timeout: aws.Int32(77)})
		return err
	})
	changed("function's policy", func() error {
		_, err := functions(cloud, west).AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: aws.String("rotate-db"), StatementId: aws.String("other"),
			Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String("123456789012")})
		return err
	})
	created, err := keys(cloud, east).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	changed("key's rotation", func() error {
		_, err := keys(cloud, east).EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: created.KeyMetadata.KeyId})
		return err
	})
	topics, logs := sns.NewFromConfig(config(cloud, east)), cloudwatchlogs.NewFromConfig(config(cloud, east))
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("t")})
	if err != nil {
		t.Fatal(err)
	}
	changed("topic's name to show", func() error {
		_, err := topics.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: topic.TopicArn, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("x")})
		return err
	})
	changed("topic's subscription", func() error {
		_, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:123456789012:q")})
		return err
	})
	filter := &cloudwatchlogs.PutMetricFilterInput{LogGroupName: aws.String("cloudtrail"), FilterName: aws.String("f"), FilterPattern: aws.String(""),
		MetricTransformations: []logtypes.MetricTransformation{{MetricName: aws.String("m"), MetricNamespace: aws.String("n"), MetricValue: aws.String("1")}}}
	putFilter := func() error { _, err := logs.PutMetricFilter(t.Context(), filter); return err }
	changed("filter", putFilter)
	filter.MetricTransformations[0].DefaultValue = aws.Float64(0)
	changed("filter's default", putFilter)
}
