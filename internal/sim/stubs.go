package sim

// Placeholders that let the package compile while its rooms are furnished:
// the owner of each replaces it in the file named beside it and deletes it here.

// alarms.go (helper B)
type alarmStore struct{}

func newAlarmStore() *alarmStore   { return &alarmStore{} }
func alarmOperations() []operation { return nil }
