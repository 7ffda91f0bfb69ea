package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/understudy-dr/understudy/executor"
	"github.com/understudy-dr/understudy/internal/topology"
	"github.com/understudy-dr/understudy/runbooks"
)

// Status writes the secrets × regions matrix and what stands open.
func Status(w io.Writer, st *runbooks.Status, s Style) error {
	p := newPrinter(w)
	for _, d := range st.Dark {
		p.line(s.paint(bad, fmt.Sprintf("%s does not answer: %s", d.Region, clean(string(d.Cause)))) + detail(d.Detail))
	}
	for i := range st.Unfinished {
		r := &st.Unfinished[i]
		how := "is under way"
		if r.Died || r.State == executor.Halted {
			how = fmt.Sprintf("is not finished: %s left", many(r.Total-r.Steps.Applied-r.Steps.AlreadyDone-r.Steps.Deferred, "step", "steps"))
		}
		p.line(s.paint(bad, fmt.Sprintf("%s %s %s", clean(r.Command), clean(r.ID), how)))
	}
	for _, d := range st.Damaged {
		p.line(s.paint(bad, fmt.Sprintf("run %s is known in part only", clean(d.Run))) + detail(d.Message))
	}
	matrix(p, st, s)
	owed(p, st.Owed, s)
	doctor(p, st.SplitBrain, s)
	p.line("")
	for _, line := range statusSums(st, s) {
		p.line(line)
	}
	return p.done()
}

func matrix(p *printer, st *runbooks.Status, s Style) {
	g := grid{style: s}
	header := []cell{{many(len(st.Secrets), "secret", "secrets"), faint}}
	for _, r := range st.Regions {
		look := strong
		if slices.ContainsFunc(st.Dark, func(d runbooks.Dark) bool { return d.Region == r }) {
			look = bad
		}
		header = append(header, cell{string(r), look})
	}
	g.add(header...)
	shown, rest := s.fold(len(st.Secrets))
	for i := range st.Secrets[:shown] {
		secret := &st.Secrets[i]
		row := []cell{text(string(secret.Name))}
		for _, r := range st.Regions {
			c, known := secret.Regions[r]
			row = append(row, matrixCell(c, known))
		}
		g.add(row...)
	}
	g.write(p)
	if rest != "" {
		p.line(s.paint(faint, rest))
	}
}

// matrixCell is one copy in a word or two. `-` is a copy that is not there;
// whether it ought to be is drift's business.
func matrixCell(c runbooks.CopyStatus, known bool) cell {
	switch {
	case !known || c.Role == topology.RoleUnknown:
		return cell{"?", bad}
	case c.Role == topology.RoleAbsent:
		return cell{"-", faint}
	case c.Role == topology.RolePrimary:
		return cell{withStatus("PRIMARY", c.Status), strong}
	case c.Role == topology.RoleStandalone:
		return cell{withStatus("standalone", c.Status), special}
	case c.Status == runbooks.Overwritten:
		return cell{"OVERWRITTEN", bad}
	case c.Status == topology.Failed:
		return cell{"failed", bad}
	case c.VersionsBehind > 0:
		return cell{fmt.Sprintf("%d behind", c.VersionsBehind), notice}
	case c.Status == topology.InSync:
		return cell{"in sync", good}
	case c.Status == topology.InProgress:
		return cell{"in progress", notice}
	}
	return cell{clean(cmp.Or(c.Status, "replica")), notice}
}

func withStatus(word, status string) string {
	if status == "" || status == topology.InSync {
		return word
	}
	return word + " " + clean(status)
}

func statusSums(st *runbooks.Status, s Style) []string {
	primary := "Primary is " + string(st.Primary) + "."
	if st.Home != "" && st.Home != st.Primary {
		primary = s.paint(notice, fmt.Sprintf("Primary is %s, home is %s.", st.Primary, st.Home))
	}
	protected := s.paint(good, "Every secret has a copy in sync in a second region.")
	switch blind := len(st.Secrets) - st.Guarded(); {
	case st.UnprotectedSince != nil:
		protected = s.paint(bad, "UNPROTECTED since "+s.when(*st.UnprotectedSince)+".")
	case blind > 0:
		protected = s.paint(bad, fmt.Sprintf("Of %s no copy in sync was seen in a second region.", many(blind, "secret", "secrets")))
	}
	lines := []string{primary, protected}
	if st.SnapshotTaken != nil {
		lines = append(lines, "Recovery snapshot of "+s.when(*st.SnapshotTaken)+".")
	} else {
		lines = append(lines, s.paint(notice, "No recovery snapshot: `understudy drift` takes one."))
	}
	if st.LastRehearsal != nil {
		return append(lines, "Last rehearsal "+s.when(*st.LastRehearsal)+".")
	}
	return append(lines, s.paint(notice, "Never rehearsed: `understudy rehearse`."))
}
