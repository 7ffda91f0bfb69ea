package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Options shape a Notifier. The zero value is the usual one.
type Options struct {
	HTTPClient *http.Client  // nil is a fresh one
	Bound      time.Duration // of one event to all webhooks; default 20 s
	WaitMin    time.Duration // before the first retry; default 500 ms
	WaitMax    time.Duration // default 5 s
}

// A Webhook is told of events.
type Webhook struct {
	URL    string // may hold a token: never logged or printed
	Events []string
	Format string // "json" or "slack"
}

// A Notifier sends events to webhooks.
type Notifier struct {
	hooks  []Webhook
	client *retryablehttp.Client
	bound  time.Duration
}

// New makes a notifier for the configuration's webhooks.
func New(hooks []Webhook, o Options) *Notifier {
	client := newClient(o.HTTPClient)
	client.RetryMax = 3
	client.RetryWaitMin = def(o.WaitMin, 500*time.Millisecond)
	client.RetryWaitMax = def(o.WaitMax, 5*time.Second)
	return &Notifier{hooks: hooks, client: client, bound: def(o.Bound, 20*time.Second)}
}

// newClient has no logger, which would print whole URLs, and hands the last
// answer through instead of dropping it.
func newClient(h *http.Client) *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if h != nil {
		client.HTTPClient = h
	}
	return client
}

func def(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}

// Send tells every webhook that asked for the event, all at once, and
// returns what went wrong, joined. It takes no longer than the bound.
func (n *Notifier) Send(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, n.bound)
	defer cancel()
	errs := make([]error, len(n.hooks))
	var group sync.WaitGroup
	for i, hook := range n.hooks {
		if slices.Contains(hook.Events, e.Event) {
			group.Go(func() { errs[i] = n.post(ctx, hook, e) })
		}
	}
	group.Wait()
	return errors.Join(errs...)
}

func (n *Notifier) post(ctx context.Context, hook Webhook, e Event) error {
	body, err := payload(hook.Format, e)
	if err != nil {
		return err
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, hook.URL, body)
	if err != nil {
		return fmt.Errorf("notify %s: %w", hostOnly(hook.URL), withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "understudy")
	req.Header.Set("Idempotency-Key", e.key)
	resp, err := n.client.Do(req)
	if resp != nil {
		defer drain(resp)
	}
	switch {
	case err != nil:
		return fmt.Errorf("notify %s: %w", hostOnly(hook.URL), withoutURL(err))
	case resp.StatusCode >= 300:
		return fmt.Errorf("notify %s: answered %s", hostOnly(hook.URL), resp.Status)
	}
	return nil
}

// payload is the event itself, or a line of text for Slack's incoming
// webhooks.
func payload(format string, e Event) ([]byte, error) {
	if format == "slack" {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		err := enc.Encode(map[string]string{"text": "understudy: " + e.Summary})
		return b.Bytes(), err
	}
	return json.Marshal(e)
}

// withoutURL drops the URL that net/http puts into its errors.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// hostOnly cuts a URL to scheme and host, which are safe to print: a webhook's
// path and query are often its credential.
func hostOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}
