# Everything is one `make`; `make help` lists it. CGO is off for what we ship; only the race detector needs a C compiler.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO    ?= go
TOOL  := $(GO) tool -modfile=tools/go.mod
GOSRC := $(shell git ls-files -co --exclude-standard '*.go' ':!gen')
BENCHTIME ?= 1s

export CGO_ENABLED = 0

.PHONY: help generate fmt lint test test-race packages check check-clients build templates man bench bench-peers demo fuzz nightly

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

generate: ## make gen/ and docs/openapi.yaml from proto/, and Go from the templates of pages
	$(TOOL) buf format -w
	rm -rf gen/mingzhang
	$(TOOL) buf generate
	$(TOOL) buf generate --template buf.gen.event.yaml
	$(TOOL) buf build proto --path proto/mingzhang/api/v1 --exclude-imports --as-file-descriptor-set -o - | $(GO) run ./internal/schemadoc > cmd/mingzhang/comments.tsv
	$(TOOL) buf generate --template buf.gen.openapi.yaml
	$(MAKE) --no-print-directory templates

templates: ## make Go from the templates of pages
	$(TOOL) templ fmt web
	$(TOOL) templ generate -include-version=false -path web

build: ## build bin/mingzhang
	$(GO) build -trimpath -o bin/mingzhang ./cmd/mingzhang

man: build ## write manual pages to bin/man and completions of shells to bin/completions
	bin/mingzhang man --dir bin/man --lang en
	mkdir -p bin/completions
	for shell in bash zsh fish; do bin/mingzhang completion $$shell > bin/completions/mingzhang.$$shell; done

demo: ## run the main job on the real case and serve it
	$(GO) run ./cmd/mingzhang demo

fmt:
	@out=$$(gofmt -l $(GOSRC)); if [ -n "$$out" ]; then echo "gofmt wants to change:"; echo "$$out"; exit 1; fi

lint: fmt ## format, vet, staticcheck
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

# The outside tools that recompute our books, and what runs the page that checks them. Root on Debian gets them; anybody else is told what is
# skipped. A node or chromium that came another way will do. The demo's posters fit their sheets in WenQuanYi Micro Hei; Noto CJK sets English wider.
PACKAGES := hledger ledger beancount sqlite3 curl gcc libc6-dev fonts-wqy-microhei poppler-utils zbar-tools $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm) \
  $(if $(shell command -v chromium || command -v chromium-browser || command -v google-chrome),,chromium)
AXE := internal/browsertest/npm
packages:
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "NOT INSTALLED AND NOT TESTED:$$missing (run make as root on Debian, or install them)"; fi
	@test -d $(AXE)/node_modules || (cd $(AXE) && npm ci --silent --ignore-scripts --no-audit --no-fund) || echo "NOT INSTALLED AND NOT TESTED: axe-core, the accessibility of pages"

test: packages lint test-race ## format, vet, staticcheck, import rules, race tests, scripts, outside recomputation

test-race:
	@if command -v gcc >/dev/null; then CGO_ENABLED=1 $(GO) test -race -short -timeout 30m ./...; \
	else echo "NO C COMPILER: testing without the race detector"; $(GO) test -short -timeout 30m ./...; fi

check: test ## test, and: generated code is fresh, the schema is sound and breaks nothing
	$(MAKE) generate
	@fresh="gen proto web cmd/mingzhang/comments.tsv docs/openapi.yaml"; \
	if [ -n "$$(git status --porcelain -- $$fresh)" ]; then echo "generated code is stale: commit what make generate made"; git status --short -- $$fresh; exit 1; fi
	$(TOOL) buf lint
	$(TOOL) buf breaking proto --against proto/released.binpb

# Needs node and npm, and the registry that npm is set up for; the check itself talks to this machine alone.
NODECHECK := eventstore/eventstoredb/esdbtest/nodecheck
check-clients: ## the official Node clients against the protocol fake
	cd $(NODECHECK) && npm ci --ignore-scripts --no-audit --no-fund
	$(GO) build -o bin/esdbfake ./eventstore/eventstoredb/esdbtest/esdbfake
	$(NODECHECK)/run.sh $(CURDIR)/bin/esdbfake

bench: ## speed, as ratios to the floor measured in the same run
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 60m ./ledger ./eventstore/... ./transparency ./projections ./rpc ./web ./cmd/mingzhang

# Programs of others on the same transactions. MINGZHANG_PEERS_TRANSACTIONS=100000 takes some ten minutes.
PEERS := ledger hledger beancount sqlite3 postgresql
bench-peers: ## ledger, hledger, beancount, sqlite3 and PostgreSQL beside ours: times and ratios (docs/performance.md)
	@$(MAKE) --no-print-directory packages PACKAGES="$(PEERS)"
	MINGZHANG_PEERS=1 $(GO) test -run '^$$' -bench '^BenchmarkPeers$$' -benchtime 1x -timeout 60m ./cmd/mingzhang

scale: ## measure the inputs of docs/scale.md: a busy village, the API, a county's busiest day on the fake cluster
	$(GO) test -run '^$$' -bench '^BenchmarkScale$$' -benchtime 1x -timeout 20m ./cmd/mingzhang

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; done; done

nightly: ## the long programmes: every test at full size
	CGO_ENABLED=1 $(GO) test -race -timeout 120m ./...
