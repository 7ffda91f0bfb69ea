# The obvious targets. `make` alone builds bin/understudy.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: build install test race bench e2e lint fmt golden fuzz rehearse clean

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

e2e: build
	$(GO) test -count=1 ./e2e/...

# The linter lives in a module of its own, so that its dependencies stay out of ours.
lint:
	$(GO) vet ./...
	$(GO) tool -modfile=internal/tools/go.mod golangci-lint run ./...

fmt:
	gofmt -w $$(git ls-files '*.go')

# Rewrites golden files; read the diff before committing it.
golden:
	$(GO) test ./internal/report/... ./planner/... ./cmd/understudy/... -update

fuzz:
	$(GO) test ./internal/config -run '^$$' -fuzz FuzzParse -fuzztime 60s -fuzzminimizetime 1x

rehearse:
	$(GO) run ./cmd/understudy rehearse

clean:
	rm -rf bin dist
