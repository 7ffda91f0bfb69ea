// Package planner turns what is desired and what was observed into a Plan.
//
// It is pure: no clock, no context, no I/O, no AWS SDK. The same input gives
// the same bytes, in whatever order the input was filled; a dark region is
// unknown, never absent, and nothing destructive is planned on unknown.
package planner
