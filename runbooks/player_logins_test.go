package runbooks_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/understudy-dr/understudy/internal/sim"
	"github.com/understudy-dr/understudy/internal/topology"
)

// logins try, after everything that changes in the simulator, what consumers
// are served of every secret on the database behind it: in the acting
// primary, and in every other region that answers, from the copy there. Two
// copies they do not read: an old primary that the secret has left, unless
// it has become a replica, and one for which only the replication of the
// password is under way, which AWS takes its time for.
//
// A script names the failures that it brings about,
//
//	logins fail: prod/db/* in us-west-2, as failover says: old-primary-rotates
//	logins work: prod/db/* in us-west-2
//
// from the first of these lines to the second, or to its end. A failure that
// is not named, one that is and does not happen, and one that the named
// command's report does not tell by that code, fail the test.
type logins struct {
	mu      sync.Mutex
	acting  map[string]string          // primary of each secret that has moved
	left    map[string]map[string]bool // regions that a secret has moved out of
	failing map[string]string          // "secret in region": since when and why
	moving  string                     // where to an emergency failover is at work
	rows    []*loginRow
	told    map[string]bool // "command code secret"
	wrong   []string
	tried   int
	regions []topology.Region // of the configuration
}

// A loginRow is a failure that the script expects.
type loginRow struct {
	line            string
	names, regions  []string
	command, code   string
	over            bool
	happened, known map[string]bool // by "name region", and secrets by name
}

func (p *player) watchLogins() {
	p.logins = &logins{acting: map[string]string{}, left: map[string]map[string]bool{}, failing: map[string]string{}, told: map[string]bool{}}
	p.settleLogins()
}

// look is called under the simulator's lock.
func (l *logins) look(at time.Time, served []sim.Served) {
	l.mu.Lock()
	defer l.mu.Unlock()
	there, now := map[string]bool{}, map[string]bool{}
	for _, s := range served {
		there[s.Secret+" in "+s.Region] = true
		if s.Region == l.moving && s.Primary == "" {
			l.moves(s.Secret, s.Region)
		}
		if s.Primary != "" {
			delete(l.left[s.Secret], s.Region)
		}
		if !slices.Contains(l.regions, topology.Region(s.Region)) || !s.Readable || s.Catching || l.left[s.Secret][s.Region] {
			continue
		}
		if l.tried++; !s.Works {
			now[s.Secret+" in "+s.Region] = true
			l.fails(at, s.Secret, s.Region, s.Error)
		}
	}
	for name, region := range l.acting {
		if key := name + " in " + region; !there[key] {
			now[key] = true
			l.fails(at, name, region, "there is no such secret")
		}
	}
	for key := range l.failing {
		if !now[key] {
			delete(l.failing, key)
		}
	}
}

func (l *logins) moves(name, to string) {
	from, moved := l.acting[name]
	if !moved {
		from = string(home)
	}
	if from == to {
		return
	}
	l.acting[name] = to
	if l.left[name] == nil {
		l.left[name] = map[string]bool{}
	}
	l.left[name][from] = true
	delete(l.left[name], to)
}

func (l *logins) fails(at time.Time, name, region, why string) {
	key := name + " in " + region
	first := l.failing[key] == ""
	if first {
		l.failing[key] = strings.TrimSpace(at.Format(time.RFC3339) + " " + why)
	}
	expected := false
	for _, row := range l.rows {
		expected = row.happens(name, region) || expected
	}
	if !expected && first {
		l.wrong = append(l.wrong, fmt.Sprintf("%s does not log in, from %s", key, l.failing[key]))
	}
}

// happens reports whether the row names this failure.
func (r *loginRow) happens(name, region string) bool {
	if r.over || !slices.Contains(r.regions, region) {
		return false
	}
	for _, pattern := range r.names {
		if ok, _ := path.Match(pattern, name); ok {
			r.happened[pattern+" "+region], r.known[name] = true, true
			return true
		}
	}
	return false
}

// begin and end stand around a runbook's command.
func (p *player) beginLogins(words []string) {
	p.settleLogins()
	p.logins.mu.Lock()
	defer p.logins.mu.Unlock()
	if words[0] == "failover" { // an emergency: the old primary is not to be read any more
		p.logins.moving = words[2]
	}
}

func (p *player) endLogins() {
	p.settleLogins()
	p.logins.mu.Lock()
	defer p.logins.mu.Unlock()
	p.logins.moving = ""
}

// settleLogins takes from the journal who is primary now.
func (p *player) settleLogins() {
	placement := p.placement()
	p.logins.mu.Lock()
	for name, move := range placement.Acting {
		p.logins.moves(string(name), string(move.To))
	}
	p.logins.regions = p.env.Desired.Regions()
	p.logins.mu.Unlock()
	p.sim.Watch(p.logins.look) // which looks at once
}

// tell notes that a command's report names a secret under a code.
func (l *logins) tell(command, code string, names ...topology.Name) {
	for _, n := range names {
		l.told[command+" "+code+" "+string(n)] = true
	}
}

// declare reads a line "logins fail: …" or "logins work: …".
func (p *player) declare(line string) {
	p.t.Helper()
	p.sim.State() // what is due by now happened before
	p.logins.mu.Lock()
	defer p.logins.mu.Unlock()
	what, rest, _ := strings.Cut(strings.TrimPrefix(line, "logins "), ": ")
	rest, says, _ := strings.Cut(rest, ", as ")
	names, regions, ok := strings.Cut(rest, " in ")
	row := &loginRow{
		line: line, names: strings.Fields(names), regions: strings.Fields(regions),
		happened: map[string]bool{}, known: map[string]bool{},
	}
	if !ok || what != "fail" && what != "work" {
		p.t.Fatalf("%s: write it as logins fail: NAME… in REGION…, as COMMAND says: CODE", line)
	}
	if what == "fail" {
		row.command, row.code, ok = strings.Cut(says, " says: ")
		if !ok {
			p.t.Fatalf("%s: which command says so?", line)
		}
		p.logins.rows = append(p.logins.rows, row)
		return
	}
	for key, since := range p.logins.failing {
		if name, region, _ := strings.Cut(key, " in "); row.happens(name, region) {
			p.t.Errorf("%s: %s does not, from %s", line, key, since)
		}
	}
	for _, old := range p.logins.rows {
		old.over = old.over || slices.Equal(old.names, row.names) && slices.Equal(old.regions, row.regions)
	}
}

// judgeLogins is the verdict at the end of a script.
func (p *player) judgeLogins() {
	p.sim.State() // what is due by now
	p.sim.Watch(nil)
	l := p.logins
	for _, line := range l.wrong[:min(len(l.wrong), 12)] {
		p.t.Errorf("undeclared: %s", line)
	}
	if len(l.wrong) > 12 {
		p.t.Errorf("and %d more", len(l.wrong)-12)
	}
	if l.tried == 0 {
		p.t.Error("nobody ever tried to log in")
	}
	for _, row := range l.rows {
		for _, name := range row.names {
			for _, region := range row.regions {
				if !row.happened[name+" "+region] {
					p.t.Errorf("%q: %s in %s always logged in", row.line, name, region)
				}
			}
		}
		for name := range row.known {
			if !l.told[row.command+" "+row.code+" "+name] {
				p.t.Errorf("%q: %s did not name %s under %s", row.line, row.command, name, row.code)
			}
		}
	}
}
