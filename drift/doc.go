// Package drift compares what is desired with what is observed and says what
// is different, in findings with stable codes. It only reads: its Observer
// has no mutating method.
package drift
