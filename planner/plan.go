package planner

import "github.com/understudy-dr/understudy/internal/topology"

// A Plan is an ordered list of steps with the reasons for them, as data
// (schema understudy/plan/v1). The same input gives the same bytes, in
// whatever order the input's maps and lists were filled.
type Plan struct {
	Schema      string          `json:"schema"` // understudy/plan/v1
	ID          string          `json:"id"`     // hash of the steps
	Command     string          `json:"command"`
	Account     string          `json:"account,omitempty"`
	From        topology.Region `json:"from,omitempty"` // failover, failback, switchover
	To          topology.Region `json:"to,omitempty"`
	Fingerprint string          `json:"fingerprint"` // of the observation the plan was made from
	Steps       []Step          `json:"steps"`
	Summary     map[Action]int  `json:"summary"`

	// MonthlyCostChange is in US dollars: $0.40 for each replica added.
	MonthlyCostChange float64 `json:"monthly_cost_change_usd"`
	// FloorSeconds is the least time that AWS's quotas allow.
	FloorSeconds float64   `json:"floor_seconds"`
	Skipped      []Skip    `json:"skipped"`
	Unmatched    []string  `json:"unmatched"`
	Blockers     []Blocker `json:"blockers,omitempty"`
	// Unobserved are regions whose desired state could not be judged.
	Unobserved []topology.Region `json:"unobserved,omitempty"`
	// Unanswered are services that kept silent in regions that answered
	// otherwise: what they hold is unknown, and nothing is planned on it.
	Unanswered []Silence `json:"unanswered,omitempty"`
	// ARNs are old → new of every secret that moves.
	ARNs []ARNChange `json:"arns,omitempty"`
	// Candidates are the regions that a failover could go to, best first, and
	// why not to the others.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Staleness is how fresh the target's copy is of each secret that moves.
	Staleness []Forecast `json:"staleness,omitempty"`
	// LoginRisks are the secrets with which applications may fail to log in
	// after the move, by cause, the gravest first.
	LoginRisks Risks `json:"login_risks,omitempty"`
	// Notes are worth knowing and refuse nothing: an accepted loss, something
	// unknown, a reason why the plan is empty. Fatal is never set.
	Notes []Blocker `json:"notes,omitempty"`
	// Basis has a short hash of what each subject's steps were decided on
	// (subject: see Step.Subject), so that Compare can say what moved.
	Basis map[string]string `json:"basis,omitempty"`
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Gated returns the steps that need a flag which is not allowed.
func (p *Plan) Gated(allowed map[string]bool) []Step {
	var gated []Step
	for i := range p.Steps {
		if need := p.Steps[i].Requires; need != "" && !allowed[need] {
			gated = append(gated, p.Steps[i])
		}
	}
	return gated
}

// Refused returns the blockers that refuse the whole plan.
func (p *Plan) Refused() []Blocker {
	var fatal []Blocker
	for _, b := range p.Blockers {
		if b.Fatal {
			fatal = append(fatal, b)
		}
	}
	return fatal
}

// Flags without which a gated step must not run (Step.Requires).
const (
	AllowRemove     = "allow-remove"
	AllowOverwrite  = "allow-overwrite"
	AllowReplicaGap = "allow-replica-gap"
)

// A Silence names the services of one region that did not answer.
type Silence struct {
	Region   topology.Region `json:"region"`
	Services []string        `json:"services"` // "cloudwatch", "kms", "lambda", "logs", "secretsmanager"
}

// Judged reports whether everything that the plan is about was observed.
func (p *Plan) Judged() bool { return len(p.Unobserved) == 0 && len(p.Unanswered) == 0 }

// A Skip is a secret that the plan leaves alone although it might be thought
// to concern it, with the reason.
type Skip struct {
	Secret topology.Name   `json:"secret"`
	Region topology.Region `json:"region,omitempty"`
	Reason string          `json:"reason"`
}

// A Blocker is why a step that would be needed was not planned (a flag the
// operator did not give, a stale standby, an unusable key). Code is stable.
type Blocker struct {
	Code    string          `json:"code"`
	Secret  topology.Name   `json:"secret,omitempty"`
	Region  topology.Region `json:"region,omitempty"`
	Message string          `json:"message"`
	Fix     string          `json:"fix,omitempty"`
	// Fatal blockers refuse the whole plan; others only that secret.
	Fatal bool `json:"fatal,omitempty"`
}

// An ARNChange is one secret's ARN before and after a move.
type ARNChange struct {
	Secret topology.Name `json:"secret"`
	Old    string        `json:"old"`
	New    string        `json:"new"`
}
