# onesgate: what one does with it while working on it. "make test" is what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := build
TAGS := nobadger,nomysql,nopgx
SOAK ?= 1h
LOOPS := soak-models soak-store soak-power soak-postgres soak-keys soak-reloads soak-crashes soak-outage soak-kills soak-grants soak-year

.PHONY: build release demo test lint fmt bench compare pgo fuzz mutate soak soak-all $(LOOPS) vuln deps

build: ## the binary
	go build -trimpath -tags $(TAGS) -o bin/onesgate ./cmd/onesgate

release: ## what is published of a tag, in dist: make release VERSION=v1.2.3
	go run ./deploy/release -version "$(VERSION)" -output dist

demo: ## everything on this machine, nothing to configure
	go run ./cmd/onesgate demo

test: deps lint ## everything that has to pass; fails if a test was skipped that could have run
	.ci/test

deps: ## what the tests need on a bare Debian machine
	.ci/deps

# The profile for the binary has the go command look at every package twice.
lint vuln: export GOFLAGS += -pgo=off

lint: ## formatting, vet, staticcheck, tidiness
	@files=$$(find . -name '*.go' -not -path './.git/*'); \
	 unformatted=$$(go tool gofumpt -l $$files) || exit 1; \
	 if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff

fmt: ## formats everything
	go tool gofumpt -l -w $$(find . -name '*.go' -not -path './.git/*')
	go run ./cmd/onesgate fmt --overwrite Caddyfile

bench: ## how fast the parts are; then the whole beside Caddy and others, into docs (an hour; BENCH=-quick: minutes, BENCH="-only pages": one part; these are only printed)
	go test -run '^$$' -bench . -benchmem ./internal/... ./caddymodule/... ./integration_test
	.ci/deps-bench
	CGO_ENABLED=0 go run ./integration_test/bench $(or $(BENCH),-write docs)

compare: ## the parts against the last release, or SINCE=v1.2.3
	.ci/compare $(SINCE)

pgo: ## the profile that the default build is optimised with, from a mixed load
	CGO_ENABLED=0 go run ./integration_test/bench -pgo cmd/onesgate/default.pgo

fuzz: ## a minute of each fuzz target
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime 60s $$pkg || exit 1; \
	  done; \
	done

mutate: ## takes each decision about security away; a test has to notice
	go run ./internal/mutate

MODELS = $$(go list -f '{{$$p := .ImportPath}}{{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{$$p}}{{end}}{{end}}' ./...)

# TestSoak says what it is. Half of the time is on Badger, half with two gateways on PostgreSQL.
# Nothing else should run on the machine: a gateway that gets no CPU answers late.
soak: ## everything at once, with everything failing around it, for an hour: make soak SOAK=8h
	ONESGATE_SOAK=$(SOAK) ONESGATE_SOAK_PLOTS=$(CURDIR)/docs go test -timeout 0 -v -run 'TestSoak$$' ./integration_test

soak-all: soak fuzz $(LOOPS) ## that, and each loop that takes long: most of a day

# The loops, each with the time that it may take on two cores.
soak-models: ## the models with many more steps (an hour)
	go test -timeout 60m $(MODELS) -rapid.checks=5000
soak-store: ## a store that is killed while it writes (an hour)
	ONESGATE_CRASH_ROUNDS=5000 go test -timeout 60m -v -run TestKill ./internal/store/badgerstore
soak-power: ## machines that lose power (an hour and a half)
	kernel=$$(.ci/deps-soak) && ONESGATE_KERNEL=$$kernel ONESGATE_POWER_LOSS_ROUNDS=200 \
	  go test -timeout 90m -v -run TestPowerLoss ./internal/store/badgerstore
soak-postgres: ## PostgreSQL that crashes, hangs up and stands still (an hour and a half)
	ONESGATE_PG_CRASH_ROUNDS=500 go test -timeout 90m -v -run 'TestCrash|TestTerminated|TestStandstill' ./internal/store/pgstore
soak-keys: ## keys that change under load (an hour)
	ONESGATE_ROTATIONS=50 go test -timeout 60m -v -run TestKeyRotation ./integration_test
soak-reloads: ## the Caddyfile changes under load (an hour)
	ONESGATE_RELOADS=500 go test -timeout 60m -v -run TestReloadUnderLoad ./integration_test
soak-crashes: ## bookings that are broken off at each step, twice (10 minutes)
	ONESGATE_SECOND_CRASHES=1000 go test -timeout 60m -v -run TestCrashAnywhere ./internal/booking
soak-outage: ## half an hour without Graph, in virtual time (an hour at most)
	ONESGATE_OUTAGE_MINUTES=30 go test -timeout 60m -v -run TestOutage ./internal/booking
soak-kills: ## 2,000 kills on each engine while ONES books (three hours)
	ONESGATE_BOOKING_KILLS=2000 go test -timeout 240m -v -run TestKilledWhileBooking ./integration_test
soak-grants: ## gateways that are killed with new tokens in their hands (an hour)
	ONESGATE_GRANT_KILLS=100 go test -timeout 60m -v -run TestKilledBeforeTokensAreSaved ./integration_test
soak-year: ## a year of 100,000 people, in virtual time (9 minutes)
	ONESGATE_YEAR_PEOPLE=100000 ONESGATE_YEAR_PLOT=$(CURDIR)/docs/year.svg go test -timeout 60m -v -run 'TestYear$$' ./internal/grant

vuln: ## modules as in go.sum, and known vulnerabilities; asks vuln.go.dev, and fails where it can't
	.ci/vuln
