package planner

import "github.com/understudy-dr/understudy/internal/topology"

// A Forecast is how fresh the target's copy of one secret is.
type Forecast struct {
	Secret topology.Name `json:"secret"`
	// VersionsBehind counts what the target lacks of the old primary; -1 is
	// unknown.
	VersionsBehind int `json:"versions_behind"`
	// SecondsBehind is how much later the old primary was changed last; 0
	// where nothing is missing, -1 is unknown.
	SecondsBehind float64 `json:"seconds_behind"`
	// Basis is what it was compared with: "observed" (the old primary
	// answered), "snapshot" (the recovery snapshot's word), or "unknown".
	Basis string `json:"basis"`
	// UnknownSeconds is the snapshot's age: what was written in the old
	// primary since then, nobody can know. 0 where it answered.
	UnknownSeconds float64 `json:"unknown_seconds"`
}

// forecast compares the target's copy with the old primary's, else with what
// the recovery snapshot knows of it.
func (m *moving) forecast() {
	f := Forecast{Secret: m.s.Secret, VersionsBehind: -1, SecondsBehind: -1, Basis: "unknown"}
	old := m.s.Copy(m.from).Secret
	if old != nil {
		f.Basis = "observed"
		f.VersionsBehind, _ = behindObserved(old, m.target.Secret)
	} else if n, _, known := m.behindRecovery(m.s, m.target, m.from); known {
		f.Basis, f.VersionsBehind, old = "snapshot", n, m.recovered()
		if taken := m.in.Recovery.View(m.from).Taken; !taken.IsZero() && m.in.Now.After(taken) {
			f.UnknownSeconds = cents(m.in.Now.Sub(taken).Seconds())
		}
	}
	switch {
	case f.VersionsBehind == 0:
		f.SecondsBehind = 0
	case f.VersionsBehind > 0 && !old.Changed.IsZero() && !m.target.Secret.Changed.IsZero():
		f.SecondsBehind = max(0, cents(old.Changed.Sub(m.target.Secret.Changed).Seconds()))
	}
	m.build.plan.Staleness = append(m.build.plan.Staleness, f)
}
