package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/report"
	"github.com/understudy-dr/understudy/planner"
)

// asFlag chooses between a plan to read and one to run by hand.
func asFlag() cli.Flag {
	return &cli.StringFlag{Name: "as", Value: "text", Usage: "`FORM` of the plan: text, or aws-cli, a bash script of aws commands that does the same by hand"}
}

// checkAs refuses a form that there is not, and two forms at once.
func checkAs(c *cli.Context) error {
	switch as := c.String("as"); {
	case as != "text" && as != "aws-cli":
		return usagef(suggest(as, []string{"text", "aws-cli"}, "use text or aws-cli"), "--as %q", as)
	case as == "aws-cli" && c.String("output") == "json":
		return usagef("leave one of them out", "--as aws-cli is a script, --output json is not")
	}
	return nil
}

// byHand: the plan is wanted as a script, and nothing else on stdout.
func (s *session) byHand() bool { return s.cli.String("as") == "aws-cli" }

// printPlan writes a plan in the form that was asked for.
func (s *session) printPlan(plan *planner.Plan) error {
	return s.printPlanBeside(plan, nil)
}

// printPlanBeside prints a plan that comes with an error: as JSON, the only
// document there is, it has both sides of every secret with two writers.
func (s *session) printPlanBeside(plan *planner.Plan, err error) error {
	if s.byHand() {
		return report.AWSCLI(s.world.stdout, plan)
	}
	var document any = plan
	if split := s.splitOf(err); len(split) > 0 {
		document = &struct {
			planner.Plan
			SplitBrain []planner.Diagnosis `json:"split_brain"`
		}{*plan, split}
	}
	return s.print(document, func(w io.Writer) error { return report.Plan(w, plan, s.style) })
}
