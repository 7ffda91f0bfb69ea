package runbooks

import (
	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
)

// counting is env for one command: from here on every call is told, once, by
// the report of the run that it was made for. The looks before a run begins
// are part of what the operator asked for, and so is the verification after it.
func (env Env) counting() Env {
	if env.CallCounts == nil {
		return env
	}
	all, told := env.CallCounts, env.CallCounts()
	env.CallCounts = func() map[topology.Region]executor.Calls {
		now, fresh := all(), map[topology.Region]executor.Calls{}
		for r, c := range now {
			was := told[r]
			fresh[r] = executor.Calls{Total: c.Total - was.Total, Mutating: c.Mutating - was.Mutating, Throttled: c.Throttled - was.Throttled}
		}
		told = now
		return fresh
	}
	return env
}

// tellCalls adds to a report the calls made since its run ended.
func (env Env) tellCalls(report *executor.Report) {
	if env.CallCounts == nil || report == nil {
		return
	}
	for r, c := range env.CallCounts() {
		if c != (executor.Calls{}) {
			was := report.Calls[r]
			report.Calls[r] = executor.Calls{Total: was.Total + c.Total, Mutating: was.Mutating + c.Mutating, Throttled: was.Throttled + c.Throttled}
		}
	}
}
