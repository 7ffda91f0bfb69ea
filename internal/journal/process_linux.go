package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// machine is this boot and this process namespace: a container that shares
// its host's name has process ids of its own.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + ns
}

// birthOf is the start time of a process, in clock ticks since the boot
// (proc_pid_stat(5), field 22). alive is false only if there is no such
// process, or nothing but its exit status is left.
func birthOf(pid int) (birth string, alive bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", !errors.Is(err, fs.ErrNotExist)
	}
	// The second field is the program's name in parentheses, which may hold
	// anything; what follows the last one is plain.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", true
	}
	zombie := len(fields[0]) == 1 && (fields[0][0] == 'Z' || fields[0][0] == 'X')
	return string(fields[19]), !zombie
}
