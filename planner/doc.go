// Package planner turns what is desired and what was observed into a Plan.
//
// It is pure: no clock, no context, no I/O, no AWS SDK. The same input gives
// the same bytes, in whatever order the input was filled; a dark region is
// unknown, never absent, and nothing destructive is planned on unknown.
//
// Where every copy of a secret stands relative to its acting primary is
// decided once, in acting.go (Resolver, Standing, CopyState), for everybody.
// On it stand Converge (plan and apply), Failover, Candidates (which region),
// Switchover, Failback, Rescue, Owed (fences to pay), and Doctor (two writers).
// A plan says what it would do (Steps), what it leaves alone (Skipped,
// Unmatched, Unobserved), what it cannot do and why (Blockers; Fatal ones
// refuse the whole), and what else is worth knowing (Notes). Compare tells a
// person why a saved plan no longer holds.
//
// What would be lost by overwriting is never overwritten: a step that
// replaces a copy exists only where the new primary holds every version of
// it, or once did, or a person gave it up, and carries the list in
// Expect.Versions for the executor to check. A version that the primary knows
// only as begun may be there without its value, and does not count (Finished).
package planner
