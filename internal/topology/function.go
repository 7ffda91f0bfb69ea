package topology

// A Function is a rotation Lambda as GetFunctionConfiguration and GetPolicy
// of its region report it.
type Function struct {
	ARN     string `json:"arn"`
	Missing bool   `json:"missing,omitempty"`
	State   string `json:"state,omitempty"` // types.State: Active, Pending, Inactive, Failed
	// Invokable: the policy lets secretsmanager.amazonaws.com invoke it for
	// every secret of this account (grant-invoke's statement, or an equal one).
	Invokable bool `json:"invokable,omitempty"`
	// Endpoint is the environment's SECRETS_MANAGER_ENDPOINT, which AWS's
	// rotation templates dial: it must name this region.
	Endpoint string `json:"endpoint,omitempty"`
	// Policy is the resource policy document, "" if there is none.
	Policy string `json:"policy,omitempty"`
}
