package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/sim"
)

const simDescription = `Serves a multi-region AWS on one URL: Secrets Manager, KMS, Lambda, CloudWatch
alarms, CloudWatch Logs metric filters, SNS topics and STS. Point any AWS
client at it; region and service come from the request's signature, and any
credentials do. The first line on stdout is "listening on http://HOST:PORT".

Make it fail, beside the AWS protocol:
  curl -X PUT URL/_sim/regions/us-east-1 -d '{"state": "hang"}'
       states: up refuse hang unavailable throttle partitioned
  curl -X POST URL/_sim/faults -d '{"match": {"operation": "PutSecretValue"},
       "fault": "lost-answer", "count": 1}'      error lost-answer delay throttle
  curl -X POST URL/_sim/clock -d '{"advance": "720h"}'   rotations come due
  curl URL/_sim/calls        what was called, by region, service and operation
  curl URL/_sim/state        everything but secret values
  curl -X POST URL/_sim/reset -d '{"fleet": "example"}'

The fleet file and the fault plan are TOML; go doc of internal/sim has both.
Where AWS leaves its answer undocumented a quirk decides, the first value being
the default: --quirk NAME=VALUE with
  `

// simCommand serves the simulator over TCP.
func simCommand() *cli.Command {
	return &cli.Command{
		Name:        "sim",
		Usage:       "serve a simulated multi-region AWS to test against",
		Description: simDescription + strings.Join(sim.QuirkNames(), "\n  "),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:4599", Usage: "`HOST:PORT` to listen on; port 0 picks a free one"},
			&cli.StringFlag{Name: "fleet", Value: "example", Usage: "what the account holds: example, empty, generate:N, or a TOML `FILE`"},
			&cli.StringFlag{Name: "quotas", Value: "none", Usage: "request quotas: `aws` or none"},
			&cli.StringFlag{Name: "latency", Value: "none", Usage: "round-trip times between regions: `aws` or none"},
			&cli.StringFlag{Name: "caller-region", Value: "us-east-1", Usage: "the `REGION` that the caller sits in, for --latency aws"},
			&cli.DurationFlag{Name: "lag", Value: time.Second, Usage: "how long a change takes to replicate"},
			&cli.DurationFlag{Name: "rotation-step", Usage: "how long each of a rotation's four steps takes; 0 rotates within the call"},
			&cli.DurationFlag{Name: "list-lag", Usage: "how far ListSecrets lies behind (AWS: up to 5m)"},
			&cli.Int64Flag{Name: "seed", Value: 1, Usage: "what ids, suffixes and passwords derive from"},
			&cli.StringSliceFlag{Name: "quirk", Usage: "`NAME=VALUE` for what AWS leaves undocumented; repeatable"},
			&cli.StringFlag{Name: "faults", Usage: "TOML `FILE` of region states and faults to come"},
		},
		Action: func(c *cli.Context) error {
			cloud, err := newSim(c)
			if err != nil {
				return usagef("see understudy sim --help", "sim: %s", err)
			}
			ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serveSim(ctx, c, cloud)
		},
	}
}

// newSim builds the cloud that the flags ask for. Every error is the user's.
func newSim(c *cli.Context) (*sim.Cloud, error) {
	if c.Args().Present() {
		return nil, fmt.Errorf("unexpected argument %q: sim takes flags only", c.Args().First())
	}
	for _, name := range []string{"quotas", "latency"} {
		if v := c.String(name); !slices.Contains([]string{"aws", "none"}, v) {
			return nil, fmt.Errorf("--%s %q: use aws or none", name, v)
		}
	}
	for _, name := range []string{"lag", "list-lag", "rotation-step"} {
		if c.Duration(name) < 0 {
			return nil, fmt.Errorf("--%s %s: a time starts at 0s", name, c.Duration(name))
		}
	}
	fleet, err := simFleet(c.String("fleet"))
	if err != nil {
		return nil, err
	}
	var quirks sim.Quirks
	for _, text := range c.StringSlice("quirk") {
		if err := sim.ParseQuirk(&quirks, text); err != nil {
			return nil, fmt.Errorf("--quirk: %w", err)
		}
	}
	cloud := sim.New(sim.Options{
		Seed: c.Int64("seed"), Lag: c.Duration("lag"), ListLag: c.Duration("list-lag"),
		RotationStep: c.Duration("rotation-step"),
		Quotas:       c.String("quotas"), Latency: c.String("latency"), CallerRegion: c.String("caller-region"),
		Quirks: quirks,
	})
	if err := cloud.Load(fleet); err != nil {
		return nil, fmt.Errorf("--fleet %s: %w", c.String("fleet"), err)
	}
	return cloud, simFaults(cloud, c.String("faults"))
}

// simFleet is a fleet by name, or else from a file.
func simFleet(name string) (*sim.Fleet, error) {
	if name == "example" || name == "empty" || strings.HasPrefix(name, "generate:") {
		fleet, err := sim.NamedFleet(name)
		if err != nil {
			return nil, fmt.Errorf("--fleet: %w", err)
		}
		return fleet, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--fleet: %w: use example, empty, generate:N or a TOML file", err)
	}
	return sim.ParseFleet(name, data)
}

func simFaults(cloud *sim.Cloud, file string) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--faults: %w", err)
	}
	plan, err := sim.ParseFaults(file, data)
	if err != nil {
		return err
	}
	return cloud.ApplyFaults(plan)
}

// serveSim serves until ctx ends. Calls that hang are cut then.
func serveSim(ctx context.Context, c *cli.Context, cloud *sim.Cloud) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.String("listen"))
	if err != nil {
		return usagef("choose another address with --listen HOST:PORT, or port 0 for a free one", "sim: %s", err)
	}
	server := &http.Server{
		Handler:           cloud,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(c.App.Writer, "listening on %s\n", url)
	fmt.Fprint(c.App.ErrWriter, simHint(url))

	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sim: %w", err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("sim: %w", err)
	}
	return nil
}

func simHint(url string) string {
	return fmt.Sprintf(`
try, in another terminal:
  export AWS_ENDPOINT_URL=%[1]s AWS_ACCESS_KEY_ID=sim AWS_SECRET_ACCESS_KEY=sim AWS_REGION=us-east-1
  aws secretsmanager list-secrets --max-items 3
  understudy --endpoint-url %[1]s --config config.example.toml plan
  curl -X PUT %[1]s/_sim/regions/us-east-1 -d '{"state": "hang"}'
`, url)
}
