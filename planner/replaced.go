package planner

import "github.com/understudy-dr/understudy/internal/topology"

// ReplacedBy is the region that wrote, after the move, the version which the
// promoted and writable secret serves now: somebody replicated over it and
// promoted it again. It is "" where nothing speaks for that.
func (s *Standing) ReplacedBy() topology.Region {
	p := s.PrimarySecret()
	if s.Move == nil || s.Move.To != s.Primary || p == nil || p.Role() == topology.RoleReplica {
		return ""
	}
	current := p.Stage(topology.StageCurrent)
	if s.Move.Promoted(current) {
		return ""
	}
	for i := range s.Copies {
		c := &s.Copies[i]
		if c.Region != s.Primary && c.Secret != nil && c.Secret.Role() != topology.RoleReplica && c.Secret.Stage(topology.StageCurrent) == current {
			return c.Region
		}
	}
	return ""
}
