package main

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			s := w.look(c)
			document := &struct {
				Schema   string `json:"schema"`
				Version  string `json:"version"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{"understudy/version/v1", versionOf(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return s.print(document, func(io.Writer) error {
				return s.say("understudy %s, %s %s", document.Version, document.Go, document.Platform)
			})
		},
	}
}

// versionOf is the linker's version, or what `go install` or the checkout
// says.
func versionOf() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
