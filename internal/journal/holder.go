package journal

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"
)

// A Holder says who holds a lease, for people, and in enough detail to prove
// that a process of this machine is dead.
type Holder struct {
	Name    string `json:"name,omitempty"` // the user
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Run     string `json:"run,omitempty"`
	Command string `json:"command,omitempty"`
	// Machine tells booted systems and process namespaces apart, "" where the
	// platform does not tell: equal ones mean that PID means the same.
	Machine string `json:"machine,omitempty"`
	// Birth is when the process started, in the platform's unit: process ids
	// are used again.
	Birth string `json:"birth,omitempty"`
}

// Self describes this process.
func Self(command string) Holder {
	h := Holder{PID: os.Getpid(), Command: command, Machine: machine()}
	h.Host, _ = os.Hostname() // "" still leaves the process id
	if u, err := user.Current(); err == nil {
		h.Name = u.Username
	}
	h.Birth, _ = birthOf(h.PID)
	return h
}

// dead reports whether it is proven, from this process, that the holder no
// longer runs. Anything that cannot be known is "no".
func (h Holder) dead() bool {
	if h.Machine == "" || h.Machine != machine() || h.Birth == "" {
		return false
	}
	birth, alive := birthOf(h.PID)
	return !alive || (birth != "" && birth != h.Birth)
}

// Errors of the lease.
var (
	ErrLeaseHeld = errors.New("another run holds the lease")
	ErrLeaseLost = errors.New("lease lost")
)

// A HeldError says who holds the lease. It is an ErrLeaseHeld.
type HeldError struct {
	Holder  string // the user
	Host    string
	PID     int
	Run     string
	Command string
	Since   time.Time
	Age     time.Duration // since it was acquired
	Expires time.Duration // until it would expire, were its holder dead
	Epoch   int64
	// Problem is why the lease's document cannot be read. Who holds it is then
	// unknown, and Epoch the highest that anything tells of.
	Problem error
}

func (e *HeldError) Error() string {
	who := fmt.Sprintf("%s on %s (pid %d)", orUnknown(e.Holder), orUnknown(e.Host), e.PID)
	what := e.Command
	if e.Run != "" {
		what += " " + e.Run
	}
	return fmt.Sprintf("the lease is held by %s: %s, for %v; wait for it to end, or stop it there and try again",
		who, orUnknown(what), e.Age.Round(time.Second))
}

// Is makes the error an ErrLeaseHeld.
func (e *HeldError) Is(target error) bool { return target == ErrLeaseHeld }

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
