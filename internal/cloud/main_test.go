package cloud

import (
	"os"
	"strings"
	"testing"
)

// TestMain keeps the machine's own AWS settings out of the tests. (Setenv in
// a test would forbid synctest.)
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", "/nonexistent/config")
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
	os.Exit(m.Run())
}
