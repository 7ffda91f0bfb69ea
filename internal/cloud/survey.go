package cloud

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
)

// listPage is the most that ListSecrets answers in one call.
const listPage = 100

// survey is the first phase: the list of secrets, the keys that it and the
// configuration name, and the alarms. The list's first page is the probe: it
// decides whether the region is there.
func (ob *observation) survey(ctx context.Context, l *look) {
	first, err := ob.patiently(ctx, l, func() (*secretsmanager.ListSecretsOutput, error) { return ob.firstPage(ctx, l.region) })
	if err != nil {
		f := failureOf(err)
		l.dark(f.cause, f.text)
		return
	}
	// From here on the region has answered; what still falls silent costs one
	// attempt's probe time, and is not tried again.
	ctx = asProbe(ctx)
	var side errgroup.Group
	if ob.o.Alarms {
		side.Go(func() error { ob.surveyAlarms(ctx, l); return nil })
	}
	ob.list(ctx, l, first)
	ob.surveyKeys(ctx, l)
	_ = side.Wait() // its failures are in the view
}

// firstPage costs at most ProbeTimeout, credentials, pacing and retries
// included.
func (ob *observation) firstPage(ctx context.Context, region topology.Region) (*secretsmanager.ListSecretsOutput, error) {
	ctx, cancel := context.WithTimeoutCause(asProbe(ctx), ob.core.opts.ProbeTimeout, errProbeOver)
	defer cancel()
	return ob.page(ctx, region, nil)
}

// patiently asks for a page again while a region that is worth waiting for
// throttles it: it does answer. Silence is shown no patience.
func (ob *observation) patiently(ctx context.Context, l *look, ask func() (*secretsmanager.ListSecretsOutput, error)) (*secretsmanager.ListSecretsOutput, error) {
	clock := ob.core.clock
	for {
		began := clock.Now()
		page, err := ask()
		if err == nil || !l.patient || failureOf(err).cause != topology.CauseThrottled {
			return page, err
		}
		if l.until.IsZero() { // from the first page that was throttled
			l.until = began.Add(ob.core.opts.Patience)
		}
		pause := backoffDelay(throttleAttempts, ob.core.opts.Jitter())
		if clock.Now().Add(pause + ob.core.opts.ProbeTimeout).After(l.until) {
			return nil, err
		}
		if clock.Sleep(ctx, pause) != nil {
			return nil, err
		}
	}
}

func (ob *observation) page(ctx context.Context, region topology.Region, token *string) (*secretsmanager.ListSecretsOutput, error) {
	sdk, err := ob.sdk.in(ctx, region)
	if err != nil {
		return nil, err
	}
	return sdk.secrets.ListSecrets(ctx, &secretsmanager.ListSecretsInput{
		MaxResults: aws.Int32(listPage), NextToken: token, IncludePlannedDeletion: aws.Bool(true),
	})
}

// list takes in the pages. A list that breaks off leaves the region dark: the
// rest of it would read as absence.
func (ob *observation) list(ctx context.Context, l *look, page *secretsmanager.ListSecretsOutput) {
	for {
		if err := ob.take(l, page); err != nil {
			l.dark(topology.CauseError, err.Error())
			return
		}
		token := page.NextToken
		if aws.ToString(token) == "" {
			return
		}
		next, err := ob.patiently(ctx, l, func() (*secretsmanager.ListSecretsOutput, error) { return ob.page(ctx, l.region, token) })
		if err != nil {
			f := failureOf(err)
			l.dark(f.cause, "list of secrets broke off: "+f.text)
			return
		}
		if aws.ToString(next.NextToken) == *token {
			l.dark(topology.CauseError, "list of secrets does not end: a page named itself as the next")
			return
		}
		page = next
	}
}

// take takes in one page. Secrets of another account mean that the
// credentials are not those of the configuration: nothing that such a region
// says may be compared with what is desired.
func (ob *observation) take(l *look, page *secretsmanager.ListSecretsOutput) error {
	want := ob.configuredAccount()
	for i := range page.SecretList {
		s := listedSecret(l.region, &page.SecretList[i])
		if id := accountOf(s.ARN); want != "" && id != "" && id != want {
			return fmt.Errorf("the credentials are for account %s, the configuration says %s: fix [account] id, or the profile or role", id, want)
		}
		l.fill(func(v *topology.RegionView) { v.Secrets[s.Name] = s })
	}
	return nil
}

// accountOf is an ARN's account, "" if it has none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[4]
}

// surveyKeys resolves every key reference that the configuration or a secret
// of ours names in the region.
func (ob *observation) surveyKeys(ctx context.Context, l *look) {
	refs := map[string]bool{}
	for i := range ob.d.Groups {
		if g := &ob.d.Groups[i]; ob.holds(g, l.region) {
			refs[ob.d.Key(g, l.region)] = true
		}
	}
	l.fill(func(v *topology.RegionView) {
		for _, s := range v.Secrets {
			if ob.group(s) != nil {
				refs[s.KmsKeyID] = true
			}
		}
	})
	ob.resolveKeys(ctx, l, refs)
}

// resolveKeys asks for those references that are still unknown. The ARN of
// another region's key is left unknown: KMS would call it missing, but a
// region that reports it (moto does, of replicas) does not say what key is
// used here.
func (ob *observation) resolveKeys(ctx context.Context, l *look, refs map[string]bool) {
	var work errgroup.Group
	work.SetLimit(fewCalls)
	for ref := range refs {
		ref := cmp.Or(ref, topology.DefaultKey)
		if r := topology.RegionOf(ref); r != "" && r != l.region || l.knowsKey(ref) {
			continue
		}
		work.Go(func() error {
			err := l.ask("kms", func() error {
				key, err := ob.Key(ctx, l.region, ref)
				if err == nil {
					l.fill(func(v *topology.RegionView) { v.Keys[ref] = key })
				}
				return err
			})
			if err != nil {
				l.lacks("kms", err)
			}
			return nil
		})
	}
	_ = work.Wait() // failures are in the view
}

// fewCalls and manyCalls bound what is under way at once, per region.
const (
	fewCalls  = 8
	manyCalls = 32
)

func (l *look) knowsKey(ref string) bool {
	known := false
	l.fill(func(v *topology.RegionView) { _, known = v.Keys[ref] })
	return known
}

// surveyAlarms lists the alarms that a rule of the configuration fits.
func (ob *observation) surveyAlarms(ctx context.Context, l *look) {
	found := newAlarmSet(l.region)
	for _, prefix := range alarmPrefixes(ob.d.Alarms) {
		in := &cloudwatch.DescribeAlarmsInput{AlarmTypes: bothTypes(), AlarmNamePrefix: text(prefix)}
		if err := ob.describeAlarms(ctx, l.region, in, found.add); err != nil {
			l.lacks("cloudwatch", err)
			return
		}
	}
	l.fill(func(v *topology.RegionView) {
		for name, a := range found.metric {
			if ob.d.RuleOf(name) != nil {
				v.Alarms[name] = a
			}
		}
		for name, a := range found.composite {
			if ob.d.RuleOf(name) != nil {
				v.Composites[name] = a
			}
		}
	})
}

// alarmPrefixes are the literal beginnings of the rules' patterns, none of
// which begins with another: at 9 calls a second it matters not to page
// through alarms that no rule can fit. "" asks for all.
func alarmPrefixes(rules []topology.AlarmRule) []string {
	var all []string
	for _, rule := range rules {
		for _, pattern := range rule.Match {
			literal := pattern
			if i := strings.IndexAny(pattern, "*?"); i >= 0 {
				literal = pattern[:i]
			}
			all = append(all, literal)
		}
	}
	var out []string
	for _, prefix := range sorted(all) { // a prefix sorts before what it begins
		if len(out) == 0 || !strings.HasPrefix(prefix, out[len(out)-1]) {
			out = append(out, prefix)
		}
	}
	return out
}
