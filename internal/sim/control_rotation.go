package sim

import (
	"errors"
	"fmt"
	"strings"
)

// putFunction makes a Lambda function healthy or not: /_sim/functions/REGION/NAME.
func putFunction(c *Cloud, rest string, body []byte) (any, error) {
	region, name, ok := strings.Cut(rest, "/")
	if !ok || name == "" {
		return nil, errors.New("path: write it as /_sim/functions/REGION/NAME")
	}
	var in struct {
		Healthy *bool `json:"healthy"`
	}
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	if in.Healthy == nil {
		return nil, errors.New("healthy: missing: say true or false")
	}
	if err := c.SetFunctionHealth(region, name, *in.Healthy); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return map[string]bool{"healthy": *in.Healthy}, nil
}

// postRotationFailure makes a step of rotations fail.
func postRotationFailure(c *Cloud, _ string, body []byte) (any, error) {
	var in struct {
		Region string `json:"region"`
		Secret string `json:"secret"`
		Step   string `json:"step"`
		Count  int    `json:"count"`
	}
	if err := decodeStrict(body, &in); err != nil {
		return nil, err
	}
	if !regionName.MatchString(in.Region) {
		return nil, fmt.Errorf("region: %q is not a region name: write it like us-east-1", in.Region)
	}
	if err := c.FailRotation(in.Region, in.Secret, in.Step, in.Count); err != nil {
		return nil, fmt.Errorf("step: %w", err)
	}
	return in, nil
}

// A Login is whether the AWSCURRENT value that a region serves still logs in
// to the database that the secret is the password of.
type Login struct {
	Works bool   `json:"works"`
	Error string `json:"error,omitempty"` // why there is no value to log in with
}

// Logins tries every secret of the default account, by region and name. Where
// two regions have rotated one secret apart, one of them shows false.
func (c *Cloud) Logins() map[string]map[string]Login {
	out := map[string]map[string]Login{}
	for region, names := range c.secretNames() {
		out[region] = map[string]Login{}
		for _, name := range names {
			works, err := c.LoginWorks(c.opts.Account, region, name)
			login := Login{Works: works}
			if err != nil {
				login.Error = err.Error()
			}
			out[region][name] = login
		}
	}
	return out
}

// secretNames are the default account's, by region.
func (c *Cloud) secretNames() map[string][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string][]string{}
	if a := c.accounts[c.opts.Account]; a != nil {
		for region, at := range a.regions {
			for name := range at.secrets.byName {
				out[region] = append(out[region], name)
			}
		}
	}
	return out
}

func getLogins(c *Cloud, _ string, _ []byte) (any, error) { return c.Logins(), nil }
