package main

import (
	"io"

	"github.com/pelletier/go-toml/v2"
	"github.com/urfave/cli/v2"

	"github.com/understudy-dr/understudy/internal/config"
)

func configCommand(w *world) *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "the configuration",
		Subcommands: []*cli.Command{{
			Name: "check", Usage: "validate the configuration and print what is in effect",
			Action: func(c *cli.Context) error {
				if err := noArguments(c); err != nil {
					return err
				}
				s := w.look(c)
				cfg, err := config.Load(c.String("config"))
				if err != nil {
					return err
				}
				return s.configCheck(cfg)
			},
		}},
	}
}

func (s *session) configCheck(cfg *config.Config) error {
	data, err := cfg.Effective()
	if err != nil {
		return err
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return err
	}
	document := &struct {
		Schema string         `json:"schema"`
		File   string         `json:"file"`
		Config map[string]any `json:"config"`
	}{"understudy/config/v1", cfg.File, tree}
	return s.print(document, func(w io.Writer) error {
		if err := s.say("# %s is valid; with its defaults it says:", cfg.File); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	})
}
