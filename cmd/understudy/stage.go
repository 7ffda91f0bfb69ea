package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// defaultLag is the simulator's replication delay in a rehearsal: enough for
// InProgress to be seen.
const defaultLag = 300 * time.Millisecond

// A simStage is the embedded simulator as the stage of a rehearsal.
type simStage struct {
	cloud  *sim.Cloud
	writes atomic.Int64
}

var _ runbooks.Stage = (*simStage)(nil)

func newSimStage(c *sim.Cloud) *simStage { return &simStage{cloud: c} }

// Name implements runbooks.Stage.
func (*simStage) Name() string { return "simulator" }

// Kill implements runbooks.Stage.
func (s *simStage) Kill(_ context.Context, r topology.Region) error {
	return s.cloud.SetRegion(string(r), sim.RegionState{State: sim.RegionHang})
}

// Revive implements runbooks.Stage.
func (s *simStage) Revive(_ context.Context, r topology.Region) error {
	return s.cloud.SetRegion(string(r), sim.RegionState{State: sim.RegionUp})
}

// Read implements runbooks.Stage. The value is dropped.
func (s *simStage) Read(ctx context.Context, r topology.Region, n topology.Name) error {
	_, err := s.application(r).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(string(n))})
	return err
}

// Write implements runbooks.Stage.
func (s *simStage) Write(ctx context.Context, r topology.Region, n topology.Name) error {
	value := fmt.Sprintf(`{"written_by":"rehearsal","number":%d}`, s.writes.Add(1))
	_, err := s.application(r).PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(string(n)), SecretString: aws.String(value),
	})
	return err
}

// application is an application's own client, which knows nothing of
// understudy's and tries once.
func (s *simStage) application(r topology.Region) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: string(r), HTTPClient: s.cloud, Credentials: madeUp(), Retryer: aws.NopRetryer{},
	})
}

// Calls implements runbooks.Stage.
func (s *simStage) Calls(context.Context) (map[topology.Region]runbooks.CallCount, error) {
	calls := s.cloud.Calls()
	out := make(map[topology.Region]runbooks.CallCount, len(calls))
	for region := range calls {
		sum := calls.Sum(region)
		out[topology.Region(region)] = runbooks.CallCount{Total: sum.Total, Mutating: sum.Mutating}
	}
	return out, nil
}

// ResetCalls implements runbooks.Stage.
func (s *simStage) ResetCalls(context.Context) error {
	s.cloud.ResetCalls()
	return nil
}
