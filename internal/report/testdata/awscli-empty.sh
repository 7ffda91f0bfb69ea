#!/usr/bin/env bash
# understudy apply, by hand. Plan 9c41d2f03b1e, account .
# Nothing to do: there are no steps.
