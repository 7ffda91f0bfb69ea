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

// secret makes one secret. It skips the JSON between a client and its
// operations: a large fleet is mostly that.
func (l *fleetLoader) secret(s *FleetSecret) error {
	home := l.fleet.home(s.Region)
	token, value := l.token(), s.value(1)
	in := &createSecretInput{Name: &s.Name, SecretString: &value, ClientRequestToken: &token, Tags: s.tagList()}
	if s.Description != "" {
		in.Description = &s.Description
	}
	if s.Key != "" {
		in.KmsKeyId = &s.Key
	}
	if !l.late {
		in.AddReplicaRegions = s.replicaRegions()
	}
	m := &members{}
	if in.check(m); m.err() != nil {
		return m.err()
	}
	if _, err := l.request(home, "secretsmanager", "CreateSecret").createSecret(in); err != nil {
		return fmt.Errorf("CreateSecret in %s: %w", home, err)
	}
	l.cloud.settleLocked(l.now)
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

// owningServiceTag is on every managed secret. AWS: "Secrets managed by other
// AWS services".
const owningServiceTag = "aws:secretsmanager:owningService"

// manage makes a secret another service's, which no API call can: AWS
// services create theirs from within.
func (l *fleetLoader) manage(home string, s *FleetSecret) {
	if s.Managed == "" {
		return
	}
	at := l.cloud.store(l.cloud.opts.Account, home)
	secret := at.secrets.byName[s.Name]
	secret.owner = s.Managed
	secret.tags = withTags(secret.tags, []tag{{Key: owningServiceTag, Value: s.Managed}})
	l.cloud.shipAll(at, secret, l.now)
}

// replicas replicates what waited for the keys' states.
func (l *fleetLoader) replicas() error {
	if !l.late {
		return nil
	}
	for i := range l.fleet.Secrets {
		s := &l.fleet.Secrets[i]
		if regions := s.replicaRegions(); len(regions) > 0 {
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

func (s *FleetSecret) replicaRegions() []replicaRegion {
	var out []replicaRegion
	for i := range s.Replicas {
		r := &s.Replicas[i]
		switch {
		case r.Missing:
		case r.Key == "":
			out = append(out, replicaRegion{Region: &r.Region})
		default:
			out = append(out, replicaRegion{Region: &r.Region, KmsKeyId: &r.Key})
		}
	}
	return out
}

func (s *FleetSecret) tagList() []tag {
	var out []tag
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		out = append(out, tag{Key: k, Value: s.Tags[k]})
	}
	return out
}
