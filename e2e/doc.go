// Package e2e tests the whole binary: real processes, real HTTP, and programs
// that nobody here wrote (the aws CLI, boto3, terraform, moto) as witnesses.
// It has no code of its own beside its tests.
package e2e
