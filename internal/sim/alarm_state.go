package sim

import "encoding/json"

// An AlarmState is one alarm as GET /_sim/state shows it.
type AlarmState struct {
	Kind           string              `json:"kind"` // MetricAlarm or CompositeAlarm
	State          string              `json:"state"`
	ActionsEnabled bool                `json:"actions_enabled"`
	Actions        map[string][]string `json:"actions,omitempty"` // by state
	Description    string              `json:"description,omitempty"`
	Metric         string              `json:"metric,omitempty"` // namespace/name
	Rule           string              `json:"rule,omitempty"`
	// Settings are what else PutMetricAlarm or PutCompositeAlarm set, by
	// AWS's names: threshold, dimensions, metric math and so on.
	Settings json.RawMessage   `json:"settings,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Fired    []FiredAction     `json:"fired,omitempty"` // the actions it took, in order
}

// alarmState is every alarm of a region, by name.
func (s *regionStore) alarmState() map[string]AlarmState {
	out := make(map[string]AlarmState, len(s.alarms.alarms))
	for name, a := range s.alarms.alarms {
		st := AlarmState{
			Kind: a.kind(), State: a.StateValue, ActionsEnabled: a.ActionsEnabled, Description: deref(a.AlarmDescription),
			Actions: map[string][]string{}, Tags: copyTags(a.tags),
		}
		for _, state := range []string{alarmOK, alarmFiring, alarmInsufficient} {
			if list := a.actions(state); len(list) > 0 {
				st.Actions[state] = append([]string{}, list...)
			}
		}
		switch {
		case a.compositeSettings != nil:
			st.Rule, st.Settings = a.AlarmRule, settings(a.compositeSettings, "AlarmRule")
		case a.MetricName != nil:
			st.Metric, st.Settings = deref(a.Namespace)+"/"+*a.MetricName, settings(a.metricSettings, "Namespace", "MetricName")
		default:
			st.Settings = settings(a.metricSettings)
		}
		out[name] = st
	}
	for _, f := range s.alarms.fired {
		if st, ok := out[f.Alarm]; ok {
			st.Fired = append(st.Fired, f)
			out[f.Alarm] = st
		}
	}
	return out
}
