package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A message is a change on its way from one region to another. While the
// two are cut off from each other it waits at its origin.
type message struct {
	account  string
	from, to string
	deliver  func(c *Cloud, now time.Time)
}

// send delivers m after the lag between its regions.
func (c *Cloud) send(m message, now time.Time) {
	c.at(now.Add(c.replicationLag(m.from, m.to)), func(c *Cloud, now time.Time) {
		if !c.replicates(m.from, m.to) {
			home := c.store(m.account, m.from).secrets
			home.parked = append(home.parked, m)
			return
		}
		m.deliver(c, now)
	})
}

// resumeReplication sends what waited for a region to be reachable again, in
// the order it was sent first, and runs the rotations that came due there.
func (c *Cloud) resumeReplication(region string) {
	now := c.nowLocked()
	for _, id := range slices.Sorted(maps.Keys(c.accounts)) {
		stores := c.accounts[id].regions
		for _, from := range slices.Sorted(maps.Keys(stores)) {
			c.sendParked(stores[from], region, now)
		}
		if at := stores[region]; at != nil {
			c.runOverdue(at)
		}
	}
}

func (c *Cloud) sendParked(at *regionStore, region string, now time.Time) {
	parked := at.secrets.parked
	at.secrets.parked = nil
	for _, m := range parked {
		if m.from != region && m.to != region || !c.replicates(m.from, m.to) {
			at.secrets.parked = append(at.secrets.parked, m)
			continue
		}
		c.send(m, now)
	}
}

// shipAll sends what s is now to its replicas.
func (c *Cloud) shipAll(at *regionStore, s *secret, now time.Time) {
	for _, p := range s.replicas {
		c.ship(at, s, p, now)
	}
}

// ship sends what s is now to one region.
func (c *Cloud) ship(at *regionStore, s *secret, p *replica, now time.Time) {
	sent := *s
	c.send(message{at.account.id, at.name, p.region, func(c *Cloud, now time.Time) {
		if live := at.secrets.byName[s.name]; live == s && s.replica(p.region) != p {
			return // the entry was removed meanwhile
		}
		why := c.land(at, &sent, p, now)
		switch {
		case why != "":
			p.status, p.message = statusFailed, why
		default:
			p.status, p.message, p.landed = statusInSync, "Replication succeeded", true
		}
	}}, now)
}

// The texts of a Failed entry. Those about keys are assumed: AWS documents
// the causes, not the words. AWS: "Troubleshoot replication".

func failedNameExists(name, region string) string {
	return fmt.Sprintf("Replication failed: Secret name %s already exists in region %s.", name, region)
}

func (c *Cloud) failedKey(region string) string {
	if c.quirks().FailedKeyText == "short" {
		return "Replication failed: Access to KMS is not allowed."
	}
	return fmt.Sprintf("Replication failed: Access to KMS is not allowed in region %s. Check that the KMS key exists, is enabled, and that you have permission to use it.", region)
}

// land stores what a primary sent in the replica's region, or says why that
// failed: then nothing there changes, so that a replica keeps the versions it
// had, and where there was none there is none.
func (c *Cloud) land(from *regionStore, sent *secret, p *replica, now time.Time) (why string) {
	to := c.store(from.account.id, p.region)
	there := to.secrets.byName[sent.name]
	if there != nil && !there.belongsTo(from.name, sent) {
		if why := c.inTheWay(there, to.name, p.force && !p.landed); why != "" {
			return why
		}
	}
	keyARN, err := c.encryptionKey(to, p.kmsKeyID)
	if err != nil {
		return c.failedKey(to.name)
	}
	for _, v := range sent.versions {
		if v.value != nil && len(v.stages) > 0 && c.decryptable(from, v.keyARN) != nil {
			return c.failedKey(from.name)
		}
	}
	if there != nil && there.belongsTo(from.name, sent) {
		if sent.rev < there.rev {
			return ""
		}
	} else {
		if there != nil {
			c.destroy(to, there, now)
		}
		there = &secret{name: sent.name, suffix: sent.suffix, created: stampOf(now)}
		to.secrets.add(there)
	}
	there.copyFrom(sent, from.name, p.kmsKeyID, keyARN)
	if c.quirks().ReplicaOwner == "hide" {
		there.owner = ""
		there.tags = slices.DeleteFunc(slices.Clone(there.tags), func(t tag) bool { return t.Key == owningServiceTag })
	}
	there.changed = stampOf(now)
	c.relist(to, there.name, now)
	return ""
}

// belongsTo says whether s is a replica of what a primary sent.
func (s *secret) belongsTo(region string, sent *secret) bool {
	return s.primary == region && s.suffix == sent.suffix
}

// inTheWay says why a secret of that name can't be overwritten, "" if it can.
func (c *Cloud) inTheWay(there *secret, region string, force bool) string {
	switch {
	case !force || there.deleteAt != 0 && c.quirks().ForceDeleted == "fail":
		return failedNameExists(there.name, region)
	case there.isReplica(region):
		return fmt.Sprintf("Replication failed: Can't overwrite secret %s that is currently replicated from %s.", there.name, there.primary)
	case len(there.replicas) > 0:
		return fmt.Sprintf("Replication failed: Can't overwrite secret %s that is currently replicated to other region(s).", there.name)
	}
	return ""
}

// copyFrom makes s the replica that a primary sent: everything but the key
// and the dates of access.
func (s *secret) copyFrom(sent *secret, primary, keyID, keyARN string) {
	s.description, s.owner, s.kind, s.policy, s.tags = sent.description, sent.owner, sent.kind, sent.policy, sent.tags
	s.rev, s.rotation, s.database = sent.rev, sent.rotation.settled(), sent.database
	s.primary, s.kmsKeyID = primary, keyID
	accessed := map[string]stamp{}
	for _, v := range s.versions {
		if v.accessed != 0 {
			accessed[v.id] = v.accessed
		}
	}
	s.versions = make([]version, 0, len(sent.versions))
	for _, v := range sent.versions {
		if len(v.stages) == 0 {
			continue // a deprecated version is not replicated
		}
		v.keyARN, v.accessed = keyARN, accessed[v.id]
		s.versions = append(s.versions, v)
	}
}

// sendRemoval destroys a region's replica, if it is one still. What happens
// to a secret that was promoted there meanwhile is the quirk remove-promoted.
func (c *Cloud) sendRemoval(at *regionStore, s *secret, p *replica, now time.Time) {
	name, suffix, landed := s.name, s.suffix, p.landed
	c.send(message{at.account.id, at.name, p.region, func(c *Cloud, now time.Time) {
		to := c.store(at.account.id, p.region)
		there := to.secrets.byName[name]
		if there == nil || there.suffix != suffix {
			return
		}
		promoted := there.primary == "" && landed && c.quirks().RemovePromoted == "delete"
		if there.primary == at.name || promoted {
			c.destroy(to, there, now)
		}
	}}, now)
}

// replicaAt is the secret in an entry's region if it is this primary's replica.
func (c *Cloud) replicaAt(at *regionStore, s *secret, p *replica) *secret {
	there := c.store(at.account.id, p.region).secrets.byName[s.name]
	if there != nil && there.belongsTo(at.name, s) {
		return there
	}
	return nil
}
