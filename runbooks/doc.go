// Package runbooks composes planner, executor and drift into the commands an
// operator types. Each runbook is one readable function; the names of its
// parts tell the story.
//
// # Guarantees
//
// Tests cite them by number.
//
//	G1 Nothing lost. No step destroys the only copy of a secret version. A
//	   version that exists in one region only is found, listed, and rescued
//	   or explicitly given up before anything overwrites or removes it.
//	G2 One writer. At most one region per secret is left writable and
//	   rotating by us. While the old primary cannot be reached its fence is
//	   owed: journaled, shown everywhere, paid when the region answers.
//	G3 Resumable. Kill it anywhere, on any machine, at any call, answer lost
//	   or not: Resume reaches the state that an uninterrupted run reaches.
//	G4 Independent of the lost region. Failover needs no call to the old
//	   primary and none to a global control plane. A region that hangs costs
//	   a bounded probe, never a step.
//	G5 Look before acting. Every mutation is preceded by a fresh read of what
//	   it touches and followed by a verified postcondition. Unknown is never
//	   treated as absent.
//	G6 No secret values. None is held, logged, journaled, printed or sent;
//	   but Rescue, and a Failback to a region that cannot be overwritten,
//	   copy versions in memory from one region's API to another's, and where
//	   [failover] read_check asks for it each moved secret is read once and
//	   its value dropped.
//	G7 One controller. A run that lost its lease makes no further mutation.
//	G8 Rehearsed is real. Rehearse calls Apply, Drift, Failover, Resume and
//	   Fence, the same functions that the commands call. Only what Env holds
//	   differs, and no runbook can tell: this package imports no simulator
//	   and no AWS client.
//
// # What an error means
//
//	*Refused      a guard's: nothing was changed
//	*SplitBrain   two writers were found; the message says what was done
//	*Incomplete   something needed could not be observed
//	ErrStopped    of package executor: stopped midway, Resume continues
//
// Plans and reports are returned beside an error wherever there are any.
package runbooks
