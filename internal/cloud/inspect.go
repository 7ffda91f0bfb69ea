package cloud

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"golang.org/x/sync/errgroup"

	"github.com/understudy-dr/understudy/internal/topology"
)

// inspect is the second phase: what the lists left in doubt, the rotation
// functions, and the metric filters behind the alarms.
func (ob *observation) inspect(ctx context.Context, l *look, doubts []topology.Name, feeds map[feed]bool) {
	ctx = asProbe(ctx)
	var work errgroup.Group
	work.Go(func() error { ob.describe(ctx, l, doubts); return nil })
	work.Go(func() error { ob.functions(ctx, l); return nil })
	if ob.o.Alarms && len(feeds) > 0 {
		work.Go(func() error { ob.filters(ctx, l, feeds); return nil })
	}
	_ = work.Wait() // failures are in the view
}

func (ob *observation) describe(ctx context.Context, l *look, doubts []topology.Name) {
	var work errgroup.Group
	work.SetLimit(manyCalls)
	for _, name := range doubts {
		work.Go(func() error {
			_ = l.ask("secretsmanager", func() error { return ob.describeOne(ctx, l, name) }) // its failure is in the view
			return nil
		})
	}
	_ = work.Wait() // failures are in the view
}

// describeOne replaces what the list said of a secret. A region that falls
// silent here is dark; a refusal leaves the list's word, and says so.
func (ob *observation) describeOne(ctx context.Context, l *look, name topology.Name) error {
	s, err := ob.Secret(ctx, l.region, name)
	switch {
	case err == nil:
		l.fill(func(v *topology.RegionView) { v.Secrets[name] = s })
	case errors.Is(err, topology.ErrNotFound):
		l.fill(func(v *topology.RegionView) { delete(v.Secrets, name) })
	case errors.Is(err, topology.ErrUnreachable):
		l.dark(failureOf(err).cause, err.Error())
	default:
		l.lacks("secretsmanager", err)
	}
	return err
}

// functions looks at the rotation functions that the configuration or a
// secret of ours names in the region.
func (ob *observation) functions(ctx context.Context, l *look) {
	arns := map[string]bool{}
	for i := range ob.d.Groups {
		g := &ob.d.Groups[i]
		if arn := g.Rotation.LambdaIn(l.region, ob.account); arn != "" && ob.holds(g, l.region) {
			arns[arn] = true
		}
	}
	l.fill(func(v *topology.RegionView) {
		for _, s := range v.Secrets {
			// A replica may name its primary's function, which says nothing here.
			if arn := s.Rotation.LambdaARN; topology.RegionOf(arn) == l.region && ob.group(s) != nil {
				arns[arn] = true
			}
		}
	})
	var work errgroup.Group
	work.SetLimit(fewCalls)
	for arn := range arns {
		work.Go(func() error {
			err := l.ask("lambda", func() error {
				f, err := ob.function(ctx, l.region, arn, ob.account)
				if err == nil {
					l.fill(func(v *topology.RegionView) { v.Functions[arn] = f })
				}
				return err
			})
			if err != nil {
				l.lacks("lambda", err)
			}
			return nil
		})
	}
	_ = work.Wait() // failures are in the view
}

// A feed is a metric that some alarm reads and a metric filter may write.
type feed struct{ namespace, metric string }

// feeds are the metrics of all regions' alarms that AWS does not write
// itself: the standbys may lack both alarm and filter still.
func (ob *observation) feeds() map[feed]bool {
	out := map[feed]bool{}
	add := func(namespace, metric string) {
		if metric != "" && !strings.HasPrefix(namespace, "AWS/") {
			out[feed{namespace, metric}] = true
		}
	}
	for _, l := range ob.looks {
		for _, a := range l.view.Alarms {
			add(a.Namespace, a.Metric)
			for _, q := range a.Metrics {
				add(q.Namespace, q.Metric)
			}
		}
	}
	return out
}

// fewFeeds is up to where asking metric by metric is cheaper than reading all
// filters of a region, at 5 calls a second.
const fewFeeds = 10

// filters finds the metric filters that write a feed.
func (ob *observation) filters(ctx context.Context, l *look, feeds map[feed]bool) {
	inputs := []*cloudwatchlogs.DescribeMetricFiltersInput{{}}
	if len(feeds) <= fewFeeds {
		inputs = nil
		for f := range feeds {
			inputs = append(inputs, &cloudwatchlogs.DescribeMetricFiltersInput{
				MetricNamespace: aws.String(f.namespace), MetricName: aws.String(f.metric),
			})
		}
	}
	for _, in := range inputs {
		err := ob.describeFilters(ctx, l.region, in, func(f *topology.MetricFilter) {
			if writes(f, feeds) {
				l.fill(func(v *topology.RegionView) {
					v.Filters[f.ID()] = f
					v.LogGroups[f.LogGroup] = true
				})
			}
		})
		if err != nil {
			l.lacks("logs", err)
			return
		}
	}
}

func writes(f *topology.MetricFilter, feeds map[feed]bool) bool {
	return slices.ContainsFunc(f.Transformations, func(t topology.MetricTransformation) bool {
		return feeds[feed{t.Namespace, t.Metric}]
	})
}

// logGroups are those that any region's metric filters read.
func (ob *observation) logGroups() []string {
	groups := map[string]bool{}
	for _, l := range ob.looks {
		for _, f := range l.view.Filters {
			groups[f.LogGroup] = true
		}
	}
	return slices.Sorted(maps.Keys(groups))
}

// complete is the last phase: references that the second brought up.
func (ob *observation) complete(ctx context.Context, l *look, keys map[string]bool, groups []string) {
	ctx = asProbe(ctx)
	ob.resolveKeys(ctx, l, keys)
	if l.view.Lacks("logs") {
		return
	}
	for _, group := range groups {
		if l.view.LogGroups[group] {
			continue
		}
		there, err := ob.hasLogGroup(ctx, l.region, group)
		if err != nil {
			l.lacks("logs", err)
			return
		}
		l.fill(func(v *topology.RegionView) { v.LogGroups[group] = there })
	}
}

// describedKeys are the keys of copies that were described, and those under
// which they say that their replicas elsewhere are, by region.
func (ob *observation) describedKeys() map[topology.Region]map[string]bool {
	refs := map[topology.Region]map[string]bool{}
	for _, l := range ob.looks {
		refs[l.region] = map[string]bool{}
	}
	for _, l := range ob.looks {
		for _, s := range l.view.Secrets {
			if !s.Described || ob.group(s) == nil {
				continue
			}
			refs[l.region][s.KmsKeyID] = true
			for _, e := range s.Replicas {
				if in := refs[e.Region]; in != nil {
					in[e.KmsKeyID] = true
				}
			}
		}
	}
	return refs
}
