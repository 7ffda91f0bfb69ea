# The obvious targets. `make` alone builds bin/understudy.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

FUZZTIME ?= 60s

.PHONY: build install test race bench bench-smoke peers e2e crash-matrix schedules lint fmt golden fuzz rehearse clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/understudy ./cmd/understudy

install:
	CGO_ENABLED=0 $(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/understudy

test:
	$(GO) test ./...

race:
	$(GO) test -race ./...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Each benchmark once: that they run, not how fast.
bench-smoke:
	$(GO) test -run '^$$' -bench . -benchtime 1x -short ./...

# The e2e tests, failing instead of skipping where a peer is missing.
peers:
	UNDERSTUDY_REQUIRE_PEERS=1 $(GO) test -count=1 -timeout 25m ./e2e

e2e: build
	$(GO) test -count=1 ./e2e/...

# Every moment at which a run can die or lose an answer, in every runbook:
# about a minute on two cores. `make test` takes a sample and prints its seed.
crash-matrix:
	UNDERSTUDY_CRASH_MATRIX=full $(GO) test -count=1 -timeout 25m -run 'TestCrashMatrix' ./executor

# Random schedules against the guarantees, other ones every day; a failure
# prints its seed and a script that replays it.
SCHEDULES ?= 10000
SEED      ?= $(shell date -u +%Y%m%d)00000
schedules:
	$(GO) test -count=1 -timeout 30m -v -run 'TestRandomSchedules' ./runbooks -schedules $(SCHEDULES) -seed $(SEED)

# The linter lives in a module of its own, so that its dependencies stay out of ours.
lint:
	$(GO) vet ./...
	$(GO) tool -modfile=internal/tools/go.mod golangci-lint run ./...

fmt:
	gofmt -w $$(git ls-files '*.go')

# Rewrites golden files; read the diff before committing it.
golden:
	$(GO) test ./internal/report/... ./planner/... ./cmd/understudy/... -update

# One target at a time: go test -fuzz takes one.
fuzz:
	$(GO) test ./internal/config -run '^$$' -fuzz FuzzParse -fuzztime $(FUZZTIME) -fuzzminimizetime 1x
	$(GO) test ./internal/journal -run '^$$' -fuzz FuzzDecode -fuzztime $(FUZZTIME) -fuzzminimizetime 1x
	$(GO) test ./internal/journal -run '^$$' -fuzz FuzzTornTail -fuzztime $(FUZZTIME) -fuzzminimizetime 1x
	$(GO) test ./internal/sim -run '^$$' -fuzz FuzzProtocol -fuzztime $(FUZZTIME) -fuzzminimizetime 1x

rehearse:
	$(GO) run ./cmd/understudy rehearse

clean:
	rm -rf bin dist
