// Package report renders the models of planner, executor, drift and runbooks:
// as dense, aligned text for people and as one JSON document for programs.
// Nothing here decides anything, and no model has a field for a secret value.
//
// Text that came from AWS is cleaned of control characters, so that an alarm's
// name can't repaint somebody's terminal.
package report
