package runbooks_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain readies the process for worlds that are played side by side.
func TestMain(m *testing.M) {
	_ = os.Unsetenv("AWS_CA_BUNDLE") // the SDK would add it to the HTTP client, which here is no transport
	debug.SetGCPercent(400)          // worlds are small and short-lived: collect less often
	os.Exit(m.Run())
}
