package topology

// DefaultKey is the alias of the AWS-managed key that Secrets Manager uses
// where no other key is named.
const DefaultKey = "alias/aws/secretsmanager"

// A Key is what DescribeKey says of one key id, ARN or alias in one region.
type Key struct {
	ARN   string `json:"arn"`
	State string `json:"state"` // types.KeyState: Enabled, Disabled, PendingDeletion, …
	// Missing: KMS answered NotFoundException.
	Missing bool `json:"missing,omitempty"`
	// Managed: AWS made it and keeps its policy (KeyManager AWS).
	Managed bool `json:"managed,omitempty"`

	// Policy is the key policy document, where it was asked for and told
	// (PolicyKnown). PolicyUnread is why it was not told; "" where nobody
	// asked.
	Policy       string `json:"policy,omitempty"`
	PolicyKnown  bool   `json:"policy_known,omitempty"`
	PolicyUnread Cause  `json:"policy_unread,omitempty"`
}

// Usable reports whether Secrets Manager can encrypt under the key now.
func (k Key) Usable() bool { return !k.Missing && k.State == "Enabled" }

// SameKey compares two key references of one region: key id, ARN and alias
// of one key are equal, and "" is the AWS-managed key. known is false where
// the view cannot decide (a reference that was never resolved): then nothing
// may be changed on its account.
func (v *RegionView) SameKey(a, b string) (same, known bool) {
	a, b = orDefault(a), orDefault(b)
	if a == b {
		return true, true
	}
	ka, okA := v.Keys[a]
	kb, okB := v.Keys[b]
	if !okA || !okB {
		return false, false
	}
	if ka.Missing || kb.Missing {
		return false, true
	}
	return ka.ARN == kb.ARN, true
}

// Key returns what is known of a key reference in this region.
func (v *RegionView) Key(ref string) (Key, bool) {
	k, ok := v.Keys[orDefault(ref)]
	return k, ok
}

func orDefault(ref string) string {
	if ref == "" {
		return DefaultKey
	}
	return ref
}
