package topology

import (
	"cmp"
	"slices"
	"time"
)

// A Placement is what the journal knows of moves: which region a completed
// or running failover made a secret's primary. Observation alone cannot tell
// two standalone secrets of one name apart.
type Placement struct {
	// Acting is the last region in which a secret was promoted by us; a
	// secret that is not in it is at home.
	Acting map[Name]Move `json:"acting,omitempty"`
	// Owed are the fences (and other duties) not yet paid.
	Owed []Debt `json:"owed,omitempty"`
	// Fences are the policy and function fences in force, by our journal.
	Fences []Debt `json:"fences,omitempty"`
	// Taken is what function fences took away, or were about to, and nobody
	// has put back since.
	Taken []Taken `json:"taken,omitempty"`
	// Damaged are runs that are known in part only, oldest first: the store no
	// longer holds what was written of them.
	Damaged []DamagedRun `json:"damaged,omitempty"`
}

// A DamagedRun is known as far as its journal can be read.
type DamagedRun struct {
	Run     string `json:"run"`
	Command string `json:"command,omitempty"` // "" where that is lost, too
	To      Region `json:"to,omitempty"`
	// Moves: it may have made a region the primary of some secret, or owe a
	// fence, that nobody knows of now.
	Moves   bool   `json:"moves"`
	Message string `json:"message"` // what is wrong, with file and line
}

// Fenced reports whether a fence beyond cancelled rotation is in force: on a
// secret (its policy) or on a function (by ARN).
func (p *Placement) Fenced(subject string, r Region) bool {
	for _, f := range p.Fences {
		if f.Region == r && (string(f.Secret) == subject || f.Target == subject) {
			return true
		}
	}
	return false
}

// Taken are statements of one function's policy.
type Taken struct {
	Function    string       `json:"function"` // ARN
	Region      Region       `json:"region"`
	Permissions []Permission `json:"permissions"`
}

// TakenFrom is what a fence took from a function's policy.
func (p *Placement) TakenFrom(function string, r Region) []Permission {
	for _, t := range p.Taken {
		if t.Region == r && t.Function == function {
			return t.Permissions
		}
	}
	return nil
}

// A Move is one promotion by us.
type Move struct {
	From Region    `json:"from"`
	To   Region    `json:"to"`
	Time time.Time `json:"time"`
	// Dated is the same moment by AWS's clock, which dates what AWS holds; zero
	// where that is not known.
	Dated time.Time `json:"dated,omitzero"`
	Run   string    `json:"run"`
	// Versions are the stage→version pairs that were promoted.
	Versions []Version `json:"versions,omitempty"`
	// Held are the ids of all versions that this move or an earlier one
	// promoted: what was the secret's history then, also where rotation has
	// taken the labels off since.
	Held []string `json:"held,omitempty"` // sorted
	// Empty are the ids of versions in From that a look has shown to have no
	// value, and that a fence keeps from getting one.
	Empty []string `json:"empty,omitempty"`
}

// KnownEmpty reports whether there is nothing in a version of the region that
// was left: a rotation made it, and did not get to fill it.
func (m *Move) KnownEmpty(v Version) bool {
	return m != nil && slices.Contains(m.Empty, v.ID) && slices.Equal(v.Stages, []string{StagePending})
}

// When is the time of the move that dates told by AWS compare with: by its own
// clock, if that was told, too.
func (m *Move) When() time.Time { return cmp.Or(m.Dated, m.Time) }

// Promoted reports whether this move or an earlier one promoted a version.
func (m *Move) Promoted(id string) bool {
	if m == nil {
		return false
	}
	_, held := slices.BinarySearch(m.Held, id)
	return held || slices.ContainsFunc(m.Versions, func(v Version) bool { return v.ID == id })
}

// A Debt is a step that could not be done and must be, as soon as its region
// answers: run/v1's owed[].
type Debt struct {
	Action string    `json:"action"`
	Secret Name      `json:"secret,omitempty"`
	Alarm  string    `json:"alarm,omitempty"`
	Target string    `json:"target,omitempty"` // function ARN, where it is neither
	Region Region    `json:"region"`
	Run    string    `json:"run,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Cause is the code with which the region, though it answers, kept it from
	// being paid when that was last tried; "" where it did not answer.
	Cause string `json:"cause,omitempty"`
}

// Primary is the region that a secret's primary should be judged against:
// where we moved it, else home.
func (p *Placement) Primary(n Name, home Region) Region {
	if p != nil {
		if m, ok := p.Acting[n]; ok {
			return m.To
		}
	}
	return home
}

// Quirks are answers to what AWS leaves undocumented. The zero value is the
// cautious default; a canary drill may learn the real one.
type Quirks struct {
	// RekeyInPlace: ReplicateSecretToRegions changes the key of an existing
	// replica. "" is unknown, "yes" or "no" is calibrated.
	RekeyInPlace string `json:"rekey_in_place,omitempty"`
	// PromotedEntry: what the old primary still lists after a promotion made
	// while it was dark: "" unknown, "keep" or "drop".
	PromotedEntry string `json:"promoted_entry,omitempty"`
}
