package main

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/journal"
)

const description = `Desired replica regions, KMS keys, rotation functions and alarms are read from a
TOML file and compared with what every region says. plan shows the difference,
apply makes it so, drift checks it, failover moves the secrets out of a lost
region, switchover moves the primary in peace, failback brings it home, rehearse
does a failover on a simulator. Only apply, failover, switchover, failback, fence,
rescue, runs resume and runs abort change anything. Start with: understudy rehearse

` + exitTable

// newApp has every command. One file holds one command.
func newApp(w *world) *cli.App {
	app := &cli.App{
		Name:                 "understudy",
		Usage:                "rehearsed, resumable region failover for AWS Secrets Manager",
		Description:          description,
		Version:              versionOf(),
		HideVersion:          true, // `version` is a command
		HideHelpCommand:      true, // arrange turns `help X` into `X --help`
		Flags:                globalFlags(),
		Writer:               w.stdout,
		ErrWriter:            w.stderr,
		ExitErrHandler:       func(*cli.Context, error) {}, // the library would end the process
		OnUsageError:         onUsageError,
		Before:               checkGlobals,
		Action:               cli.ShowAppHelp,
		EnableBashCompletion: false,
		Commands: []*cli.Command{
			planCommand(w), applyCommand(w), driftCommand(w), statusCommand(w),
			failoverCommand(w), switchoverCommand(w), failbackCommand(w), fenceCommand(w), rescueCommand(w), rehearseCommand(w), runsCommand(w),
			simCommand(), configCommand(w), versionCommand(w),
		},
	}
	prepare(app.Commands)
	return app
}

// prepare makes a command line that the library refuses one of our errors,
// which it would otherwise print to stdout together with its help.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		prepare(c.Subcommands)
	}
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	hint := "see `understudy --help`"
	if c != nil && c.Command != nil && c.Command.Name != "" && c.Command.Name != "understudy" {
		hint = "see `understudy " + c.Command.Name + " --help`"
	}
	return usagef(hint, "%s", err.Error())
}

func env(name string) []string {
	return []string{"UNDERSTUDY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", EnvVars: env("config"), Value: "understudy.toml", Usage: "configuration `FILE`"},
		&cli.StringFlag{Name: "output", EnvVars: env("output"), Value: "text", Usage: "`text` for people or json: one document on stdout"},
		&cli.BoolFlag{Name: "no-color", EnvVars: env("no-color"), Usage: "no colour (also NO_COLOR)"},
		&cli.StringFlag{Name: "log-level", EnvVars: env("log-level"), Value: "warn", Usage: "`LEVEL`: debug, info, warn or error; logs go to stderr"},
		&cli.StringFlag{Name: "endpoint-url", EnvVars: env("endpoint-url"), Usage: "`URL` for every AWS service and region: the simulator (also AWS_ENDPOINT_URL)"},
		&cli.StringFlag{Name: "state-dir", EnvVars: env("state-dir"), Usage: "`DIR` of journal, lease and recovery snapshot (default: [state] dir, else $XDG_STATE_HOME/understudy)"},
		// For tests of a takeover: nobody should have to choose it.
		&cli.DurationFlag{Name: "lease-ttl", EnvVars: env("lease-ttl"), Hidden: true, Value: journal.DefaultTTL, Usage: "how long the lease outlives its holder"},
	}
}

func outputs() []string { return []string{"text", "json"} }

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

func checkGlobals(c *cli.Context) error {
	if ttl := c.Duration("lease-ttl"); ttl < time.Second {
		return usagef("at least a second", "--lease-ttl %v", ttl)
	}
	if err := oneOf("output", c.String("output"), outputs()); err != nil {
		return err
	}
	if err := checkEndpoint(c.String("endpoint-url")); err != nil {
		return err
	}
	return oneOf("log-level", c.String("log-level"), logLevels())
}

// checkEndpoint refuses what no call could be sent to: by itself it would look
// like regions that are all dark.
func checkEndpoint(value string) error {
	u, err := url.Parse(value)
	if value == "" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return nil
	}
	return usagef("write it like http://127.0.0.1:4599", "--endpoint-url %q is no URL", value)
}

func oneOf(flag, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return usagef(suggest(value, allowed, "use one of "+strings.Join(allowed, ", ")), "--%s %q", flag, value)
}

// noArguments refuses words that a command does not take.
func noArguments(c *cli.Context) error {
	if !c.Args().Present() {
		return nil
	}
	return usagef("this command takes flags only, see `"+c.Command.HelpName+" --help`",
		"unexpected argument %q", c.Args().First())
}

// wantsJSON looks for --output json, or drift's --format json, in a command
// line that may be wrong in other ways: its error has to be a document too.
func wantsJSON(args []string, getenv func(string) string) bool {
	format, own := getenv("UNDERSTUDY_OUTPUT"), ""
	for i, arg := range args {
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case !strings.HasPrefix(arg, "-") || value == "":
		case name == "output":
			format = value
		case name == "format":
			own = value
		}
	}
	return cmp.Or(own, format) == "json"
}

func truthy(s string) bool {
	b, err := strconv.ParseBool(s)
	return err == nil && b
}
