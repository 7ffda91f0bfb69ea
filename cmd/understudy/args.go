package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// arrange puts a command line into the only order that urfave/cli v2 reads
// right: global flags, command, its flags, subcommand, its flags, arguments.
// By itself the library silently ignores a flag that stands behind an
// argument, so that `runs resume ID --yes` or, worse, `--dry-run` behind a
// word would not count. Every flag is honoured wherever it stands, or refused
// with a *usageError; nothing is ignored.
func arrange(app *cli.App, args []string) ([]string, error) {
	l := &line{levels: []*level{{name: app.Name, flags: app.Flags, commands: app.Commands}}}
	for len(args) > 0 {
		rest, err := l.take(args)
		if err != nil {
			return nil, err
		}
		args = rest
	}
	return l.join(), nil
}

// A level is the program or a (sub)command, with the flags that were given
// to it.
type level struct {
	name     string
	flags    []cli.Flag
	commands []*cli.Command
	given    []string
}

type line struct {
	levels []*level
	words  []string
	help   bool // `help plan` is `plan --help`
}

func (l *line) last() *level { return l.levels[len(l.levels)-1] }

// take moves the first argument, with its value if it has one, to its place.
func (l *line) take(args []string) (rest []string, err error) {
	arg := args[0]
	switch {
	case arg == "--":
		for _, word := range args[1:] {
			if strings.HasPrefix(word, "-") {
				return nil, usagef("no command takes an argument that begins with a dash", "unexpected argument %q", word)
			}
			l.words = append(l.words, word)
		}
		return nil, nil
	case len(arg) > 1 && arg[0] == '-':
		return l.flag(args)
	case arg == "help" && len(l.levels) == 1:
		l.help = true
		return args[1:], nil
	case len(l.words) == 0 && len(l.last().commands) > 0:
		return args[1:], l.command(arg)
	}
	l.words = append(l.words, arg)
	return args[1:], nil
}

func (l *line) command(name string) error {
	commands := l.last().commands
	for _, c := range commands {
		if c.HasName(name) {
			l.levels = append(l.levels, &level{name: c.Name, flags: c.Flags, commands: c.Subcommands})
			return nil
		}
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	return usagef(suggest(name, names, "see `"+l.path()+" --help`"), "unknown command %q", strings.TrimSpace(l.path()+" "+name))
}

// flag finds the innermost level that has the flag.
func (l *line) flag(args []string) ([]string, error) {
	name, _, inline := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	if name == "help" || name == "h" {
		l.last().given = append(l.last().given, "--help")
		return args[1:], nil
	}
	for _, at := range slices.Backward(l.levels) {
		f := flagNamed(at.flags, name)
		if f == nil {
			continue
		}
		if _, isBool := f.(*cli.BoolFlag); isBool || inline {
			at.given = append(at.given, args[0])
			return args[1:], nil
		}
		if len(args) < 2 || l.isFlag(args[1]) {
			return nil, usagef("see `"+l.path()+" --help`", "flag --%s needs a value", name)
		}
		at.given = append(at.given, args[:2]...)
		return args[2:], nil
	}
	return nil, l.unknownFlag(name)
}

// isFlag reports whether a word is a flag that exists here: then it is not
// the value of the one before it.
func (l *line) isFlag(word string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return strings.HasPrefix(word, "-") && slices.ContainsFunc(l.levels, func(at *level) bool {
		return flagNamed(at.flags, name) != nil
	})
}

func (l *line) unknownFlag(name string) error {
	var names []string
	for _, at := range l.levels {
		for _, f := range at.flags {
			for _, n := range f.Names() {
				if len(n) > 1 {
					names = append(names, "--"+n)
				}
			}
		}
	}
	return usagef(suggest("--"+name, names, "see `"+l.path()+" --help`"), "unknown flag --%s for `%s`", name, l.path())
}

// path is the command so far: "understudy runs".
func (l *line) path() string {
	var names []string
	for _, at := range l.levels {
		names = append(names, at.name)
	}
	return strings.Join(names, " ")
}

func (l *line) join() []string {
	if l.help {
		l.last().given = append(l.last().given, "--help")
	}
	var out []string
	for _, at := range l.levels {
		out = append(out, at.name)
		out = append(out, at.given...)
	}
	return append(out, l.words...)
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// suggest names what was most likely meant, or else says where to look.
func suggest(name string, names []string, otherwise string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := smetrics.WagnerFischer(name, n, 1, 1, 1); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("did you mean %q?", best)
}
