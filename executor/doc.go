// Package executor runs a Plan: under a lease, through a journal, one step
// protocol for every action.
//
//	intent → re-observe → (lease) → act → verify → outcome
//
// The intent is durable before the call that it announces, the outcome after
// it. Whoever finds an intent without an outcome knows nothing, and looks.
//
// # What it guarantees
//
// Tests cite these numbers.
//
//   - G1 Nothing lost. No step destroys the only copy of a secret version: an
//     overwrite compares the versions of both copies right before the call,
//     and refuses if the target holds one that neither the source has nor the
//     plan gave up. A replica is removed only if a fresh look in its region
//     proves that it still is the caller's replica.
//   - G2 One writer. A step marked Owed whose region does not answer, or in a
//     move refuses, becomes a Debt, which Placement reports until a later run
//     pays it. So does one that the run did not come to (its need failed, the
//     program died) although the secret was moved.
//   - G3 Resumable. From plan.json and journal.jsonl alone, any process on
//     any machine that reads the store continues a run that stopped anywhere,
//     and makes no mutating call that re-observation shows to be unnecessary.
//   - G4 Independent of the lost region. Every region has its own slots, so
//     that one which hangs holds up its own steps only. What is owed there
//     counts in no wave, tier or failure limit of the others.
//   - G5 Look before acting. Every mutation is preceded by a fresh read of
//     what it touches and followed by a verified postcondition. Unknown is
//     never taken for absent, nor a lost answer for a refusal.
//   - G6 No secret values. No type here, and so no journal, has a field for
//     one; Cloud.CopyVersion is the only call through which one passes.
//   - G7 One controller. The lease is checked before every mutation, and
//     through Guard before every attempt of one. AWS takes no fencing token:
//     a process stopped between that check and the network can still send
//     the one request it was about to send; it sends no other.
//   - G8 Rehearsed is real. Nothing here knows whether Cloud is AWS.
//
// # Order
//
// Needs come first, then tiers (a lower one is finished before a higher one
// begins), then waves within a group. Steps on the same copy of a secret
// never overlap; re-keys by removal run one at a time overall.
//
// A step whose need failed or was left is left. A need that was deferred
// (its region is dark) holds up steps of that region and steps that destroy
// something (remove-replica, overwrite-replica, rekey-replica); all others go
// on, for a failover must not wait for the region it leaves.
package executor
