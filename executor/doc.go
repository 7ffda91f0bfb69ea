// Package executor runs a Plan.
package executor
