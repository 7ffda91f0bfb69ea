package notify

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/understudy-dr/understudy/internal/topology"
)

// A ProbeResult is what one application answered.
type ProbeResult struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"` // answered 2xx
	Status  int     `json:"status,omitempty"`
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Probe asks every application once, all at the same time, and once more where
// it answered 5xx or not at all. Each is bounded by its own timeout. h is nil
// for a fresh client; now is the clock that the answers are timed by.
func Probe(ctx context.Context, probes []topology.Probe, h *http.Client, now func() time.Time) []ProbeResult {
	client := newClient(h)
	client.RetryMax = 1
	client.RetryWaitMin, client.RetryWaitMax = 200*time.Millisecond, time.Second
	results := make([]ProbeResult, len(probes))
	var group sync.WaitGroup
	for i, p := range probes {
		group.Go(func() {
			began := now()
			results[i] = probe(ctx, client, p)
			results[i].Seconds = now().Sub(began).Seconds()
		})
	}
	group.Wait()
	return results
}

func probe(ctx context.Context, client *retryablehttp.Client, p topology.Probe) ProbeResult {
	name := p.Name
	if name == "" || name == p.URL {
		name = hostOnly(p.URL)
	}
	result := ProbeResult{Name: name}
	ctx, cancel := context.WithTimeout(ctx, def(p.Timeout, 5*time.Second))
	defer cancel()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		result.Error = withoutURL(err).Error()
		return result
	}
	req.Header.Set("User-Agent", "understudy")
	resp, err := client.Do(req)
	if resp != nil {
		defer drain(resp)
		result.Status = resp.StatusCode
	}
	switch {
	case err != nil:
		result.Error = withoutURL(err).Error()
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		result.Error = fmt.Sprintf("answered %s", resp.Status)
	default:
		result.OK = true
	}
	return result
}
