package executor

import (
	"context"
	"fmt"

	"github.com/understudy-dr/understudy/internal/journal"
	"github.com/understudy-dr/understudy/internal/topology"
)

// Corrupt is the state of a run that the store holds in part only: what `runs
// list` shows of it is as far as it could be read.
const Corrupt State = "corrupt"

// A Damage is a run of which the store no longer holds what was written. What
// its journal says up to there still counts.
type Damage struct {
	Run     string
	Command string // "" where that is lost, too
	To      topology.Region
	Err     error // names file and line
}

// Moves reports whether the run may have made a region the primary of some
// secret, or owe a fence, that nobody knows of now.
func (d *Damage) Moves() bool {
	switch d.Command {
	case "apply", "fence", "rescue":
		return false
	}
	return true
}

// String is a warning for people.
func (d *Damage) String() string {
	if d.Moves() {
		what := d.Run
		if d.Command != "" {
			what = fmt.Sprintf("%s (%s to %s)", d.Run, d.Command, d.To)
		}
		return fmt.Sprintf("%v. Run %s may have moved secrets or owe fences that are not known now. Going on by what is readable and by what the regions show; "+
			"every step looks before it acts. Check: understudy runs verify %s", d.Err, what, d.Run)
	}
	return fmt.Sprintf("%v. Run %s (%s) moved no primary. Going on by what is readable. Check: understudy runs verify %s",
		d.Err, d.Run, d.Command, d.Run)
}

// known is the damage as data.
func (d *Damage) known() topology.DamagedRun {
	return topology.DamagedRun{Run: d.Run, Command: d.Command, To: d.To, Moves: d.Moves(), Message: d.Err.Error()}
}

// damaged says what is known of a run whose journal could not be read to its
// end; now is the last session that could.
func damaged(ctx context.Context, s journal.Store, id string, now session, err error) Damage {
	d := Damage{Run: id, Command: now.Command, To: now.To, Err: err}
	if doc, _, perr := readPlan(ctx, s, id); perr == nil && d.Command == "" {
		d.Command, d.To = doc.Plan.Command, doc.Plan.To
	}
	return d
}
