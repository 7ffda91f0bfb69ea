// Package cloud is the AWS adapter: one set of SDK clients per account and
// region, list-first observation of all regions at once, and the calls that
// the executor makes.
//
// What every call goes through, outermost first:
//
//	read-only guard   a Reader's stack refuses every operation that it does not know to be a read
//	SDK retry loop    repeats what is known not to have been applied (errors.go decides); the executor looks after the rest
//	breaker           per region and service: a region that went dark fails fast
//	limiter           per region and quota bucket, adapting to throttles
//	attempt           given a deadline
//	credentials, signing
//	send              a mutating call asks executor.Guard whether the lease is still held; counted
//	HTTP
//
// Everything from the breaker down runs once per attempt. A region never
// waits for another: clients, credentials (STS included), limiters and
// breakers are its own.
//
// Errors are *topology.OpError around the sentinels of package topology. No
// request or response body is ever logged, and no method but CopyVersion sees
// a secret value.
package cloud
