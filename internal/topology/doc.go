// Package topology holds the nouns that every other package speaks of:
// secrets, replicas, regions, keys, rotation and alarms, as desired by the
// configuration (Desired) and as observed in AWS (Snapshot).
//
// It is plain data. It imports the standard library only, does no I/O, and
// no type in it has a field for a secret value.
package topology
