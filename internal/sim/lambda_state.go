package sim

import "encoding/json"

// A FunctionState is one function as GET /_sim/state shows it.
type FunctionState struct {
	ARN         string              `json:"arn"`
	State       string              `json:"state"`
	Runtime     string              `json:"runtime,omitempty"`
	CodeSHA256  string              `json:"code_sha256"`
	Versions    int                 `json:"versions,omitempty"`
	Concurrency *int                `json:"reserved_concurrency,omitempty"`
	Failing     bool                `json:"failing,omitempty"`
	Permissions map[string][]string `json:"permissions,omitempty"` // statement ids by qualifier, "" for none
	Policies    map[string]string   `json:"policies,omitempty"`    // as GetPolicy tells them, by qualifier
	Settings    json.RawMessage     `json:"settings,omitempty"`    // what else configures it, by AWS's names
	Tags        map[string]string   `json:"tags,omitempty"`
}

// functionState is every function of a region, by name.
func (s *regionStore) functionState() map[string]FunctionState {
	out := make(map[string]FunctionState, len(s.lambda.functions))
	for name, f := range s.lambda.functions {
		st := FunctionState{
			ARN: f.FunctionArn, State: f.State, Runtime: f.Runtime, CodeSHA256: f.CodeSha256,
			Versions: len(f.versions), Concurrency: f.concurrency, Failing: f.failing, Tags: copyTags(f.tags),
			Settings: settings(f.functionConfig, "FunctionName", "FunctionArn", "Runtime", "State", "CodeSha256",
				"Version", "RevisionId", "LastModified", "LastUpdateStatus"),
		}
		for qualifier, p := range f.policies {
			if st.Permissions == nil {
				st.Permissions, st.Policies = map[string][]string{}, map[string]string{}
			}
			text, _ := json.Marshal(p) // it was JSON when it came
			st.Policies[qualifier] = string(text)
			for _, s := range p.Statement {
				st.Permissions[qualifier] = append(st.Permissions[qualifier], s.Sid)
			}
		}
		out[name] = st
	}
	return out
}
