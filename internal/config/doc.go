// Package config turns understudy.toml into the desired topology.
//
// Decoding is strict: an unknown key, a wrong type or an impossible value is
// an Error with file, line, column and key, the nearest valid name where
// there is one, and what to do. All errors of a file are reported at once,
// in the order in which they stand in it. Nothing here calls AWS.
package config
