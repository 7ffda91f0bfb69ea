// Package snapshot keeps the recovery snapshot: what a failover needs and a
// dark primary can no longer tell. Rotation settings and windows, version
// maps, keys, alarms, metric filters, functions and policies are captured in
// peace time, at every drift check and every apply, and stored beside the
// journal. It never holds a secret value: topology.Snapshot has no field for
// one.
//
// Captures merge region by region. A region that did not answer, or a
// service of it, keeps what an earlier capture knew of it, with its time, so
// that a check made in the middle of a disaster cannot wipe out the very
// knowledge that the failover depends on.
package snapshot
