package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"github.com/understudy-dr/understudy/internal/report"
)

// newLogger logs for people on a terminal, and as JSON lines elsewhere.
func newLogger(w io.Writer, level string, style report.Style) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // checkGlobals has seen it
	if style.Width > 0 {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: l, TimeFormat: time.TimeOnly, NoColor: !style.Color}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}
