// Package runbooks composes planner, executor and drift into the commands an
// operator types: each runbook is one readable function.
package runbooks
