package cloud

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

func TestVersionsAreToldByDateWithTheUnlabelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
		c, ctx := newClient(t, cloud), t.Context()
		const redis, written = "prod/cache/redis", 120
		sdk, err := c.sdk.in(ctx, east)
		if err != nil {
			t.Fatal(err)
		}
		for i := range written {
			time.Sleep(time.Minute)
			_, err := sdk.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
				SecretId: aws.String(redis), SecretString: aws.String("v"), ClientRequestToken: aws.String(fmt.Sprintf("version-%024d", i)),
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		list, err := c.ReadOnly().Versions(ctx, east, redis)
		if err != nil || len(list) != written+1 {
			t.Fatalf("%d versions, %v; want %d in two pages", len(list), err, written+1)
		}
		for i, v := range list[1:] {
			if want := fmt.Sprintf("version-%024d", i); v.ID != want || !v.Created.After(list[i].Created) {
				t.Fatalf("version %d is %s of %s, want %s after the one before", i, v.ID, v.Created, want)
			}
		}
		if last := list[written]; len(last.Stages) != 1 || last.Stages[0] != topology.StageCurrent || len(list[1].Stages) != 0 {
			t.Errorf("the last has %v, an old one %v", last.Stages, list[1].Stages)
		}
		if n := operations(cloud, "GetSecretValue"); n != 0 {
			t.Errorf("%d values were read", n)
		}
		if _, err := c.Versions(ctx, east, "none"); !errors.Is(err, topology.ErrNotFound) {
			t.Errorf("of no secret: %v", err)
		}
	})
}

func TestKeyPolicyIsReadByARN(t *testing.T) {
	cloud := newSim(t, sim.ExampleFleet(), sim.Options{})
	c, ctx := newClient(t, cloud), t.Context()
	key, err := c.Key(ctx, west, "alias/secrets-key-west")
	if err != nil || key.Managed {
		t.Fatalf("%+v, %v", key, err)
	}
	policy, err := c.ReadOnly().KeyPolicy(ctx, west, key.ARN)
	if err != nil || policy == "" {
		t.Errorf("policy %q, %v", policy, err)
	}
	if own, err := c.Key(ctx, west, ""); err != nil || !own.Managed {
		t.Errorf("the key of AWS: %+v, %v", own, err)
	}
	addFault(t, cloud, sim.Fault{Match: sim.FaultMatch{Operation: "GetKeyPolicy"}, Fault: sim.FaultError, Code: "AccessDeniedException"})
	if _, err := c.KeyPolicy(ctx, west, key.ARN); !errors.Is(err, topology.ErrDenied) {
		t.Errorf("denied: %v", err)
	}
}
