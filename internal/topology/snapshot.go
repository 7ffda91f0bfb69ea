package topology

import "time"

// A Snapshot is what was observed in all regions at one time. A region that
// did not answer is in it as a value: its view says so, and its maps are nil.
type Snapshot struct {
	Account string                 `json:"account"`
	Taken   time.Time              `json:"taken"`
	Regions map[Region]*RegionView `json:"regions"`
}

// A RegionView is one region as it was observed.
type RegionView struct {
	Region Region    `json:"region"`
	Taken  time.Time `json:"taken,omitzero"` // when this region was observed
	// Dark is why the region could not be observed ("" if it was). Everything
	// else is then unknown, which never means absent.
	Dark Cause `json:"dark,omitempty"`
	// Detail is the last error's text where Dark or Partial is set.
	Detail string `json:"detail,omitempty"`
	// Partial names services of this region that did not answer although
	// Secrets Manager did: "kms", "lambda", "cloudwatch", "logs". What they
	// would have told is unknown.
	Partial []string `json:"partial,omitempty"`

	Secrets    map[Name]*Secret           `json:"secrets,omitempty"`
	Keys       map[string]Key             `json:"keys,omitempty"`      // by every reference met: alias, id, ARN
	Functions  map[string]*Function       `json:"functions,omitempty"` // by ARN, those the config or a rotation names
	Alarms     map[string]*Alarm          `json:"alarms,omitempty"`
	Composites map[string]*CompositeAlarm `json:"composites,omitempty"`
	Filters    map[string]*MetricFilter   `json:"filters,omitempty"` // by MetricFilter.ID
	LogGroups  map[string]bool            `json:"log_groups,omitempty"`
}

// A Cause says why something could not be observed.
type Cause string

// The causes.
const (
	CauseUnreachable Cause = "unreachable" // refused, reset, no such host
	CauseTimeout     Cause = "timeout"     // accepted and never answered
	CauseUnavailable Cause = "unavailable" // answered 5xx
	CauseThrottled   Cause = "throttled"
	CauseDenied      Cause = "access-denied"
	CauseSkipped     Cause = "skipped" // not asked, by the operator's word (--primary-lost)
	CauseError       Cause = "error"
)

// View returns a region's view; a region that was never asked is dark.
func (s *Snapshot) View(r Region) *RegionView {
	if s != nil {
		if v := s.Regions[r]; v != nil {
			return v
		}
	}
	return &RegionView{Region: r, Dark: CauseSkipped}
}

// Secret returns one region's copy; nil with known true means that the
// region answered and has none.
func (s *Snapshot) Secret(r Region, n Name) (secret *Secret, known bool) {
	v := s.View(r)
	if v.Dark != "" {
		return nil, false
	}
	return v.Secrets[n], true
}

// Role is the role of a secret in a region, unknown where the region is dark.
func (s *Snapshot) Role(r Region, n Name) Role {
	secret, known := s.Secret(r, n)
	if !known {
		return RoleUnknown
	}
	return secret.Role()
}

// Lacks reports whether a service of the region did not answer.
func (v *RegionView) Lacks(service string) bool {
	if v.Dark != "" {
		return true
	}
	for _, p := range v.Partial {
		if p == service {
			return true
		}
	}
	return false
}
