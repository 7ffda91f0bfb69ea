package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

type alarmNamesInput struct {
	AlarmNames []string `check:"required,len=..100"`
}

func enableAlarmActions(r *request) (any, error) { return switchActions(r, true) }

func disableAlarmActions(r *request) (any, error) { return switchActions(r, false) }

// switchActions turns actions on or off; names of no alarm are passed over.
// An alarm that is in ALARM already takes no action when they are turned on:
// only a change of state does.
func switchActions(r *request, enabled bool) (any, error) {
	var in alarmNamesInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	word := map[bool]string{true: "enabled", false: "disabled"}[enabled]
	for _, name := range in.AlarmNames {
		if a := r.here().alarms.alarms[name]; a != nil && a.ActionsEnabled != enabled {
			a.ActionsEnabled = enabled
			r.here().record(a, r.now, "ConfigurationUpdate", fmt.Sprintf("Alarm actions %s for alarm %q", word, name), "{}")
		}
	}
	return nil, nil
}

// deleteAlarms deletes all or, if one cannot be, none. AWS: API reference,
// DeleteAlarms; no alarm that a composite depends on, one composite a call.
func deleteAlarms(r *request) (any, error) {
	var in alarmNamesInput
	if err := r.read(&in); err != nil {
		return nil, err
	}
	store, composites := r.here().alarms, 0
	for _, name := range in.AlarmNames {
		a := store.alarms[name]
		if a == nil {
			return nil, errorf("ResourceNotFound", 404, "")
		}
		if a.compositeSettings != nil {
			composites++
		}
		for _, other := range store.composites {
			if other != a && slices.Contains(other.rule.children(), name) &&
				!slices.Contains(in.AlarmNames, other.AlarmName) {
				return nil, r.invalid("Cannot delete %s as there are composite alarm(s) depending on it.", name)
			}
		}
	}
	if composites > 1 {
		return nil, r.invalid("Only one composite alarm can be deleted per request.")
	}
	for _, name := range in.AlarmNames {
		delete(store.alarms, name)
		delete(store.composites, name)
	}
	return nil, nil
}

func setAlarmState(r *request) (any, error) {
	var in struct {
		AlarmName       *string `check:"required,len=1..255"`
		StateValue      *string `check:"required,enum=OK|ALARM|INSUFFICIENT_DATA"`
		StateReason     *string `check:"required,len=0..1023"`
		StateReasonData *string `check:"len=0..4000"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	a := r.here().alarms.alarms[*in.AlarmName]
	switch {
	case a == nil:
		return nil, errorf("ResourceNotFound", 404, "")
	case in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)):
		return nil, errorf("InvalidFormat", 400, "StateReasonData is not valid JSON")
	}
	r.here().enter(a, *in.StateValue, *in.StateReason, in.StateReasonData, r.now)
	return nil, nil
}

type alarmTagInput struct {
	ResourceARN *string `check:"required,len=1..1024"`
	Tags        []tagKV
	TagKeys     []string
}

func readAlarmTags(r *request) (*alarmTagInput, *alarm, error) {
	var in alarmTagInput
	if err := r.read(&in); err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(*in.ResourceARN, "arn:") {
		return nil, nil, errorf("InvalidParameterValue", 400, "Invalid ARN: %s", clip(*in.ResourceARN, 1024))
	}
	name, ok := strings.CutPrefix(*in.ResourceARN, r.here().alarmARN(""))
	a := r.here().alarms.alarms[name]
	if !ok || a == nil {
		return nil, nil, errorf("ResourceNotFoundException", 404, "")
	}
	return &in, a, nil
}

func listAlarmTags(r *request) (any, error) {
	_, a, err := readAlarmTags(r)
	if err != nil {
		return nil, err
	}
	return struct{ Tags []tagPair }{tagPairs(a.tags)}, nil
}

func tagAlarm(r *request) (any, error) {
	in, a, err := readAlarmTags(r)
	if err != nil {
		return nil, err
	}
	if name, bad := reservedTag(tagMap(in.Tags)); bad {
		return nil, errorf("InvalidParameterValue", 400, "Tag key %s begins with the reserved prefix aws:", name)
	}
	tags, ok := joinTags(a.tags, tagMap(in.Tags))
	if !ok {
		return nil, errorf("InvalidParameterValue", 400, "The number of tags exceeds the limit of %d", resourceTagLimit)
	}
	a.tags = tags
	return struct{}{}, nil
}

func untagAlarm(r *request) (any, error) {
	in, a, err := readAlarmTags(r)
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(a.tags, name)
	}
	return struct{}{}, nil
}
