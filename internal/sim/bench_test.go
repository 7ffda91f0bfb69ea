package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
)

// raw sends one JSON 1.1 call without an SDK, whose own work would be most
// of what is measured.
func raw(b *testing.B, c *sim.Cloud, op, body string) {
	b.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://secretsmanager.us-east-1.amazonaws.com/", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "secretsmanager."+op)
	req.Header.Set("X-Amz-Date", "20260301T120000Z")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDSIM/20260301/us-east-1/secretsmanager/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
	resp, err := c.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		b.Fatalf("%s: %d %s", op, resp.StatusCode, text)
	}
}

func BenchmarkDescribeSecret(b *testing.B) {
	c := frozen(b, sim.Options{}, sim.GenerateFleet(10_000))
	i := 0
	for b.Loop() {
		raw(b, c, "DescribeSecret", fmt.Sprintf(`{"SecretId":"prod/svc-%06d/secret"}`, i%10_000))
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func BenchmarkDescribeSecretThroughSDK(b *testing.B) {
	c := frozen(b, sim.Options{}, sim.GenerateFleet(10_000))
	client := secrets(c, "us-east-1")
	in := &secretsmanager.DescribeSecretInput{SecretId: aws.String("prod/svc-000000/secret")}
	for b.Loop() {
		if _, err := client.DescribeSecret(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func BenchmarkListSecretsFullPage(b *testing.B) {
	c := frozen(b, sim.Options{}, sim.GenerateFleet(10_000))
	for b.Loop() {
		raw(b, c, "ListSecrets", `{"MaxResults":100}`)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
}

// BenchmarkGenerateFleet loads the largest fleet that AWS allows in a region,
// in three regions: 500,000 secrets. Run it with -benchtime=1x.
func BenchmarkGenerateFleet(b *testing.B) {
	for b.Loop() {
		c := frozen(b, sim.Options{}, sim.GenerateFleet(500_000))
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<30), "GiB")
		b.ReportMetric(float64(m.Sys)/(1<<30), "GiB-sys")
		runtime.KeepAlive(c)
		b.StartTimer()
	}
}
