package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Load adds a fleet's resources to what is there, by the same operations that
// a client would call, all replicas arrived. Calls, quotas, faults and region
// states play no part. It returns the first refusal, with what was loaded
// before it left in place.
func (c *Cloud) Load(f *Fleet) error {
	if p := f.problem(); p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.nowLocked()
	c.settleLocked(now)

	lag, listLag, regions := c.opts.Lag, c.opts.ListLag, c.regions
	c.opts.Lag, c.opts.ListLag, c.regions = 0, 0, map[string]*regionControl{} // healthy while it loads
	defer func() {
		c.opts.Lag, c.opts.ListLag, c.regions = lag, listLag, regions
		c.listAll()
	}()

	l := &fleetLoader{cloud: c, fleet: f, now: now, late: f.hasLameKeys()}
	for _, load := range []func() error{
		l.keys, l.topics, l.functions, l.logs, l.secrets, l.alarms, l.composites, l.keyStates, l.replicas,
	} {
		if err := load(); err != nil {
			return err
		}
	}
	return nil
}

// A fleetLoader plays the client that built the fleet.
type fleetLoader struct {
	cloud *Cloud
	fleet *Fleet
	now   time.Time
	// late replicates when the keys are in their states, so that replication
	// fails as it would have.
	late bool
}

// input is an operation's input by member name.
type input = map[string]any

// call runs one operation as the fleet's owner, past the wire.
func (l *fleetLoader) call(region, service, op string, in input, path map[string]string) (any, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	handler, ok := l.cloud.ops[service][op]
	if !ok {
		return nil, fmt.Errorf("%s: no such operation in %s", op, service)
	}
	r := l.request(region, service, op)
	r.body, r.path = body, path
	out, err := handler.handle(r)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", op, region, err)
	}
	l.cloud.settleLocked(l.now)
	return out, nil
}

func (l *fleetLoader) request(region, service, op string) *request {
	return &request{
		cloud: l.cloud, account: l.cloud.opts.Account, region: region, service: service, op: op, now: l.now,
	}
}

func (l *fleetLoader) arn(region, service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", partitionOf(region), service, region, l.cloud.opts.Account, resource)
}

func (l *fleetLoader) topics() error {
	for _, t := range l.fleet.Topics {
		for _, region := range l.fleet.or(t.Regions) {
			if _, err := l.call(region, "sns", "CreateTopic", input{"Name": t.Name}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fleetLoader) functions() error {
	for _, fn := range l.fleet.Functions {
		for _, region := range l.fleet.or(fn.Regions) {
			if err := l.function(fn.Name, region, slices.Contains(fn.Permitted, region)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fleetLoader) function(name, region string, permitted bool) error {
	_, err := l.call(region, "lambda", "CreateFunction", input{
		"FunctionName": name, "Runtime": "python3.12", "Handler": "lambda_function.lambda_handler",
		"Role": fmt.Sprintf("arn:%s:iam::%s:role/%s", partitionOf(region), l.cloud.opts.Account, name),
		"Code": input{"ZipFile": []byte("built-in rotator")},
		// AWS's rotation templates read this one, and it is regional.
		"Environment": input{"Variables": input{
			"SECRETS_MANAGER_ENDPOINT": "https://secretsmanager." + region + ".amazonaws.com",
		}},
	}, nil)
	if err != nil || !permitted {
		return err
	}
	_, err = l.call(region, "lambda", "AddPermission", input{
		"StatementId": "SecretsManagerInvoke", "Action": "lambda:InvokeFunction",
		"Principal": "secretsmanager.amazonaws.com", "SourceAccount": l.cloud.opts.Account,
	}, map[string]string{"FunctionName": name})
	return err
}

func (l *fleetLoader) logs() error {
	for _, g := range l.fleet.LogGroups {
		for _, region := range l.fleet.or(g.Regions) {
			if _, err := l.call(region, "logs", "CreateLogGroup", input{"logGroupName": g.Name}, nil); err != nil {
				return err
			}
		}
	}
	for _, m := range l.fleet.MetricFilters {
		for _, region := range l.fleet.or(m.Regions) {
			_, err := l.call(region, "logs", "PutMetricFilter", input{
				"logGroupName": m.LogGroup, "filterName": m.Name, "filterPattern": m.Pattern,
				"metricTransformations": []input{{
					"metricName": m.Metric, "metricNamespace": m.Namespace, "metricValue": cmp.Or(m.Value, "1"),
				}},
			}, nil)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fleetLoader) alarms() error {
	for _, a := range l.fleet.Alarms {
		dimensions := []input{}
		for _, name := range slices.Sorted(maps.Keys(a.Dimensions)) {
			dimensions = append(dimensions, input{"Name": name, "Value": a.Dimensions[name]})
		}
		for _, region := range l.fleet.homes(a.Regions) {
			_, err := l.call(region, "monitoring", "PutMetricAlarm", input{
				"AlarmName": a.Name, "AlarmDescription": a.Description, "ActionsEnabled": !a.Disabled,
				"Namespace": a.Namespace, "MetricName": a.Metric, "Dimensions": dimensions,
				"Statistic": cmp.Or(a.Statistic, "Sum"), "Period": cmp.Or(a.Period, 300),
				"EvaluationPeriods": cmp.Or(a.Evaluations, 1), "Threshold": a.Threshold,
				"ComparisonOperator": cmp.Or(a.Comparison, "GreaterThanOrEqualToThreshold"),
				"TreatMissingData":   cmp.Or(a.MissingData, "missing"),
				"AlarmActions":       l.actions(region, a.Topics),
			}, nil)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fleetLoader) composites() error {
	for _, a := range l.fleet.Composites {
		for _, region := range l.fleet.homes(a.Regions) {
			_, err := l.call(region, "monitoring", "PutCompositeAlarm", input{
				"AlarmName": a.Name, "AlarmDescription": a.Description, "ActionsEnabled": !a.Disabled,
				"AlarmRule": a.Rule, "AlarmActions": l.actions(region, a.Topics),
			}, nil)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fleetLoader) actions(region string, topics []string) []string {
	out := []string{}
	for _, name := range topics {
		out = append(out, l.arn(region, "sns", name))
	}
	return out
}

// keys creates every key with its alias. They are enabled until keyStates.
func (l *fleetLoader) keys() error {
	for _, k := range l.fleet.Keys {
		out, err := l.call(k.Region, "kms", "CreateKey", input{"Description": k.Alias}, nil)
		if err != nil {
			return err
		}
		id, err := createdKeyID(out)
		if err != nil {
			return err
		}
		if _, err := l.call(k.Region, "kms", "CreateAlias", input{"AliasName": k.Alias, "TargetKeyId": id}, nil); err != nil {
			return err
		}
	}
	return nil
}

// createdKeyID reads CreateKey's answer as a client would.
func createdKeyID(out any) (string, error) {
	data, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("CreateKey: %w", err)
	}
	var created struct{ KeyMetadata struct{ KeyId string } }
	if err := json.Unmarshal(data, &created); err != nil {
		return "", fmt.Errorf("CreateKey: %w", err)
	}
	return created.KeyMetadata.KeyId, nil
}

// keyStates puts the keys into their states, when every secret has its
// values: a secret cannot be made under a key that is disabled.
func (l *fleetLoader) keyStates() error {
	for _, k := range l.fleet.Keys {
		if key, ok := l.cloud.store(l.cloud.opts.Account, k.Region).resolveKey(k.Alias); ok && k.State != "" {
			key.state = k.State
		}
	}
	return nil
}
