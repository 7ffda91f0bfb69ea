package sim

import (
	"encoding/json"
	"slices"
)

// settings is a resource's configuration as JSON, by AWS's names: without the
// members named, which the state shows elsewhere, and without what is not set.
func settings(v any, shown ...string) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // no configuration holds what JSON can't
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	for name, value := range members {
		if unset := string(value) == "null" || string(value) == "[]" || string(value) == `""`; unset || slices.Contains(shown, name) {
			delete(members, name)
		}
	}
	if len(members) == 0 {
		return nil
	}
	text, _ = json.Marshal(members)
	return text
}
