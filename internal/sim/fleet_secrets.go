package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (l *fleetLoader) secrets() error {
	for i := range l.fleet.Secrets {
		if err := l.secret(&l.fleet.Secrets[i]); err != nil {
			return fmt.Errorf("secret %q: %w", l.fleet.Secrets[i].Name, err)
		}
	}
	return nil
}

func (l *fleetLoader) secret(s *FleetSecret) error {
	home := l.fleet.home(s.Region)
	in := input{"Name": s.Name, "SecretString": s.value(1), "ClientRequestToken": l.token()}
	if s.Description != "" {
		in["Description"] = s.Description
	}
	if s.Key != "" {
		in["KmsKeyId"] = s.Key
	}
	if len(s.Tags) > 0 {
		in["Tags"] = tagInput(s.Tags)
	}
	if replicas := s.replicaInput(); len(replicas) > 0 && !l.late {
		in["AddReplicaRegions"] = replicas
	}
	if _, err := l.call(home, "secretsmanager", "CreateSecret", in, nil); err != nil {
		return err
	}
	for n := 2; n <= s.Versions; n++ {
		in := input{"SecretId": s.Name, "SecretString": s.value(n), "ClientRequestToken": l.token()}
		if _, err := l.call(home, "secretsmanager", "PutSecretValue", in, nil); err != nil {
			return err
		}
	}
	if s.Policy != "" {
		in := input{"SecretId": s.Name, "ResourcePolicy": s.Policy}
		if _, err := l.call(home, "secretsmanager", "PutResourcePolicy", in, nil); err != nil {
			return err
		}
	}
	if err := l.rotation(home, s); err != nil {
		return err
	}
	l.manage(home, s)
	return nil
}

// token is a ClientRequestToken, from the cloud's seed.
func (l *fleetLoader) token() string { return newVersionID(l.cloud.rng) }

// manage makes a secret another service's, which no API call can: AWS
// services create theirs from within.
func (l *fleetLoader) manage(home string, s *FleetSecret) {
	if s.Managed == "" {
		return
	}
	secret := l.cloud.store(l.cloud.opts.Account, home).secrets.byName[s.Name]
	secret.owner = s.Managed
	secret.tags = withTags(secret.tags, []tag{{Key: "aws:secretsmanager:owningService", Value: s.Managed}})
}

// replicas replicates what waited for the keys' states.
func (l *fleetLoader) replicas() error {
	if !l.late {
		return nil
	}
	for i := range l.fleet.Secrets {
		s := &l.fleet.Secrets[i]
		if regions := s.replicaInput(); len(regions) > 0 {
			in := input{"SecretId": s.Name, "AddReplicaRegions": regions}
			if _, err := l.call(l.fleet.home(s.Region), "secretsmanager", "ReplicateSecretToRegions", in, nil); err != nil {
				return fmt.Errorf("secret %q: %w", s.Name, err)
			}
		}
	}
	return nil
}

// hasLameKeys says whether a key is in another state than Enabled.
func (f *Fleet) hasLameKeys() bool {
	return slices.ContainsFunc(f.Keys, func(k FleetKey) bool { return k.State != "" && k.State != "Enabled" })
}

func (l *fleetLoader) rotation(home string, s *FleetSecret) error {
	if s.Rotation == nil {
		return nil
	}
	rules := input{}
	if s.Rotation.Days > 0 {
		rules["AutomaticallyAfterDays"] = s.Rotation.Days
	} else {
		rules["ScheduleExpression"] = s.Rotation.Schedule
	}
	if s.Rotation.Duration != "" {
		rules["Duration"] = s.Rotation.Duration
	}
	lambda := s.Rotation.Lambda
	if !strings.HasPrefix(lambda, "arn:") {
		lambda = l.arn(home, "lambda", "function:"+lambda)
	}
	_, err := l.call(home, "secretsmanager", "RotateSecret", input{
		"SecretId": s.Name, "ClientRequestToken": l.token(), "RotationLambdaARN": lambda, "RotationRules": rules, "RotateImmediately": false,
	}, nil)
	return err
}

// value is the secret's n-th value; the last is the one that the fleet gives.
func (s *FleetSecret) value(n int) string {
	if s.Value != "" && n >= s.Versions {
		return s.Value
	}
	return fmt.Sprintf(`{"username":"app","password":"%s-%d"}`, s.Name, n)
}

func (s *FleetSecret) replicaInput() []input {
	var out []input
	for _, r := range s.Replicas {
		if r.Missing {
			continue
		}
		in := input{"Region": r.Region}
		if r.Key != "" {
			in["KmsKeyId"] = r.Key
		}
		out = append(out, in)
	}
	return out
}

func tagInput(tags map[string]string) []input {
	out := []input{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, input{"Key": k, "Value": tags[k]})
	}
	return out
}
