package sim

import "time"

// stopReplicationToReplica promotes: the replica of this region becomes a
// standalone secret. It needs nothing of the primary's region.
// AWS: StopReplicationToReplica.
func (r *request) stopReplicationToReplica(in *secretIDInput) (any, error) {
	at, s, err := r.seen(in.SecretId)
	if err != nil {
		return nil, err
	}
	if !s.isReplica(at.name) {
		if r.cloud.quirks().StopStandalone == "invalid-request" {
			return nil, invalidRequest("Secret %s is not a replica.", s.arn(at))
		}
		return nil, invalidParameter("Secret %s is not a replica.", s.arn(at))
	}
	home := s.primary
	s.primary = ""
	s.rotation = s.rotation.promoted()
	if r.cloud.quirks().PromotedPolicy == "drop" {
		s.policy = ""
	}
	r.cloud.touch(at, s, r.now)
	r.cloud.sendUnlink(at, s, home, r.now)
	return struct{ ARN string }{s.arn(at)}, nil
}

// sendUnlink tells the old primary that its replica is gone. If the two
// can't talk now, whether it ever learns of it is the quirk stale-entry.
func (c *Cloud) sendUnlink(at *regionStore, s *secret, home string, now time.Time) {
	if !c.replicates(at.name, home) && c.quirks().StaleEntry == "keep" {
		return
	}
	name, suffix, region := s.name, s.suffix, at.name
	c.send(message{at.account.id, region, home, func(c *Cloud, now time.Time) {
		primary := c.store(at.account.id, home).secrets.byName[name]
		if primary == nil || primary.suffix != suffix {
			return
		}
		there := at.secrets.byName[name]
		if p := primary.replica(region); p != nil && (there == nil || there.primary != home) {
			primary.dropReplica(p)
			c.clearPrimary(primary)
			c.relist(c.store(at.account.id, home), name, now)
		}
	}}, now)
}
