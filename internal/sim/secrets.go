package sim

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// A stamp is a time as Secrets Manager tells it: milliseconds since 1970,
// 0 for never. In JSON it is a number of seconds, as JSON 1.1 wants it.
type stamp int64

func stampOf(t time.Time) stamp { return stamp(t.UnixMilli()) }

func (s stamp) time() time.Time { return time.UnixMilli(int64(s)).UTC() }

// MarshalJSON writes seconds with up to three decimals.
func (s stamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(s)/1000, 'f', -1, 64), nil
}

// A secret is what one region holds under one name: a standalone secret, a
// primary or a replica. Its slices and what they point to are never changed
// in place but replaced, so that a shallow copy is a snapshot of it; that is
// what replication ships and what a lagging ListSecrets shows.
type secret struct {
	name   string
	suffix string // the six characters that end the ARN, the same in all regions
	seq    int64  // order of arrival in its region

	description string
	kmsKeyID    string // as the caller wrote it; "" is the AWS-managed key
	owner       string // OwningService of a managed secret
	kind        string // Type of a managed external secret
	policy      string
	tags        []tag
	versions    []version // oldest first
	createToken string    // ClientRequestToken of CreateSecret

	created, changed, accessed stamp
	deleteAt                   stamp // DeletedDate: end of the recovery window

	primary  string // PrimaryRegion; "" if never replicated, or promoted
	replicas []*replica
	rev      int64 // counts changes that replicate; on a replica, the one it has
	rotation *rotation
	database *database
}

// A version is one value of a secret, or the empty place that RotateSecret
// makes for a new one.
type version struct {
	id       string
	stages   []string
	value    *value // nil: nothing was put yet
	created  stamp
	accessed stamp
	keyARN   string // the key it is encrypted under; "" is the AWS-managed one
}

// A value is a secret value. It never leaves the simulator but through
// GetSecretValue and BatchGetSecretValue.
type value struct {
	data   string
	binary bool
}

type tag struct {
	Key   string
	Value string
}

// A secretStore holds one account's secrets in one region.
type secretStore struct {
	secretIndex
	// listed is what ListSecrets shows when it lags (Options.ListLag).
	listed *secretIndex
	// released are names that can't be used again yet, and until when.
	released map[string]stamp
	// parked are messages to other regions that found the way cut, in order.
	parked []message
	// overdue are secrets whose rotation came due while the region was down.
	overdue map[string]bool
	// failures are rotation steps told to fail, by secret and step.
	failures map[rotationFailure]int
}

func newSecretStore() *secretStore {
	return &secretStore{
		secretIndex: newSecretIndex(), released: map[string]stamp{},
		overdue: map[string]bool{}, failures: map[rotationFailure]int{},
	}
}

// arn is the secret's ARN in a region.
func (s *secret) arn(at *regionStore) string {
	return "arn:" + partitionOf(at.name) + ":secretsmanager:" + at.name + ":" + at.account.id + ":secret:" + s.name + "-" + s.suffix
}

// isReplica says whether s, in the given region, is another region's replica.
func (s *secret) isReplica(region string) bool { return s.primary != "" && s.primary != region }

// newSuffix draws the six random characters that Secrets Manager appends to
// a new secret's ARN.
func newSuffix(rng *rand.Rand) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b [6]byte
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return string(b[:])
}

// newVersionID draws a UUID, for versions that Secrets Manager itself makes.
func newVersionID(rng *rand.Rand) string {
	const hex = "0123456789abcdef"
	b := []byte("00000000-0000-4000-8000-000000000000")
	for i := range b {
		switch {
		case b[i] == '-' || i == 14:
		case i == 19:
			b[i] = hex[8+rng.IntN(4)]
		default:
			b[i] = hex[rng.IntN(16)]
		}
	}
	return string(b)
}

// find looks a SecretId up among a region's secrets: a name, an ARN, or an
// ARN without the six characters at its end. An ARN of another region finds
// nothing. As in AWS, an ARN whose last seven characters look like a suffix
// is taken for a complete one, so a partial ARN of a name that ends so
// finds nothing either.
func (at *regionStore) find(id string) *secret {
	if !strings.HasPrefix(id, "arn:") {
		return at.secrets.byName[id]
	}
	parts := strings.SplitN(id, ":", 7)
	if len(parts) < 7 || parts[2] != "secretsmanager" || parts[3] != at.name || parts[4] != at.account.id || parts[5] != "secret" {
		return nil
	}
	name, suffix, ok := cutSuffix(parts[6])
	s := at.secrets.byName[name]
	if s == nil || ok && s.suffix != suffix {
		return nil
	}
	return s
}

// cutSuffix parts "name-Ab12Cd"; ok is false if it does not end that way.
func cutSuffix(resource string) (name, suffix string, ok bool) {
	cut := len(resource) - 7
	if cut < 1 || resource[cut] != '-' {
		return resource, "", false
	}
	for _, r := range resource[cut+1:] {
		if alphanumeric := '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'; !alphanumeric {
			return resource, "", false
		}
	}
	return resource[:cut], resource[cut+1:], true
}

// touch records that s changed now: LastChangedDate, what ListSecrets shows,
// and, if s is a primary, what its replicas get. Call it after the change.
func (c *Cloud) touch(at *regionStore, s *secret, now time.Time) {
	s.changed = stampOf(now)
	s.rev++
	c.relist(at, s.name, now)
	c.shipAll(at, s, now)
}

// relist makes ListSecrets show what name has become, after Options.ListLag.
func (c *Cloud) relist(at *regionStore, name string, now time.Time) {
	if c.opts.ListLag <= 0 {
		at.secrets.forgetDates()
		return
	}
	var seen *secret
	if s := at.secrets.byName[name]; s != nil {
		copied := *s
		seen = &copied
	}
	c.at(now.Add(c.opts.ListLag), func(*Cloud, time.Time) {
		if seen == nil {
			at.secrets.visible(true).remove(name)
			return
		}
		at.secrets.visible(true).put(seen)
	})
}

// listAll makes a lagging ListSecrets show everything there is, as if it had
// been there for long.
func (c *Cloud) listAll() {
	if c.opts.ListLag <= 0 {
		return
	}
	for _, account := range c.accounts {
		for _, at := range account.regions {
			for _, p := range at.secrets.byAge {
				if p.s != nil {
					copied := *p.s
					at.secrets.visible(true).put(&copied)
				}
			}
		}
	}
}

// visible is the index that ListSecrets reads.
func (st *secretStore) visible(lagging bool) *secretIndex {
	if !lagging {
		return &st.secretIndex
	}
	if st.listed == nil {
		index := newSecretIndex()
		st.listed = &index
	}
	return st.listed
}
