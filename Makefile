# The whole interface of a developer. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
MEMBERS := core operator services/gateway services/file-service services/utility-service services/analytics-service services/timeseries-service services/ui-service
INSTALLED := $(VENV)/.installed
LOCKED := $(if $(shell command -v flock 2>/dev/null),flock $(VENV)/.make.lock)  # two at once: one waits, where there is such a program
FAST := not contract and not influxdb and not postgres and not s3 and not collector and not browser and not e2e and not demo and not charts and not docker and not compose and not process
# What has no fast test in it: not even to be imported.
SLOW_FOLDERS := --ignore tests/contract --ignore tests/e2e --ignore tests/ui --ignore tests/compose --ignore-glob 'tests/charts/test_rendered_*'

# Folders of fast tests in memory where the machine has a file system there: databases wait for the disk with each commit.
MEMORY := $(if $(wildcard /dev/shm/.),PYTEST_DEBUG_TEMPROOT=/dev/shm)
PYTEST := $(MEMORY) $(BIN)/pytest -q -n auto --dist worksteal
unexport PYTHONDONTWRITEBYTECODE  # without its cache Python compiles every test anew, in every worker

##@ Run
demo: $(INSTALLED) ## The whole platform as local processes; the UI on http://localhost:3000 (Ctrl-C ends it)
	@$(BIN)/python -m demo
up: ## The whole platform on a kind cluster; says how to open it
	@tests/cluster/install.sh
down: ## Remove the cluster and every trace of it
	@tests/cluster/down.sh

backup: $(INSTALLED) ## All that the demo keeps in one file; of a compose project by OF=compose, of a cluster's NAMESPACE by OF=cluster: make backup FILE=monday.tar
	@$(BIN)/python -m backup save $(or $(OF),demo) "$(or $(FILE),$(error say which file: make backup FILE=monday.tar))" $(if $(NAMESPACE),--namespace $(NAMESPACE))
restore: $(INSTALLED) ## The same back: make restore FILE=monday.tar (FORCE=1 replaces what is there)
	@$(BIN)/python -m backup restore $(or $(OF),demo) "$(or $(FILE),$(error say which file: make restore FILE=monday.tar))" $(if $(NAMESPACE),--namespace $(NAMESPACE)) $(if $(FORCE),--force)

##@ Develop
install: $(INSTALLED) ## The virtual environment with everything in it
check: $(INSTALLED) ## What a developer runs all day, under a minute: lint, types, import contracts, generated files, fast tests
	@$(MAKE) --no-print-directory --jobs 2 check-statically check-fast  # side by side: tests wait for things now and then
check-statically: $(INSTALLED)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n 3
	@$(BIN)/python -m tests.generated check
check-fast: $(INSTALLED)
	@$(PYTEST) -m "$(FAST)" --hypothesis-profile quick $(SLOW_FOLDERS)
properties: $(INSTALLED) # Properties with all examples, and how much of the pure layers the tests of those reach alone
	@$(PYTEST) -m "$(FAST)" tests/core tests/operator --cov
	@$(PYTEST) -m "hypothesis and $(FAST)" tests/services
test: $(INSTALLED) ## Every test; installs what it needs and says what it does
	@tests/run.sh
bench: $(INSTALLED) ## What it costs, each time beside a baseline; the figures in tests/.artifacts/bench.json
	@$(BIN)/python -m tests.bench $(BENCH_ARGUMENTS)
bench-%: $(INSTALLED) # One of them: make bench-gateway
	@$(BIN)/python -m tests.bench --only $* $(BENCH_ARGUMENTS)
format: $(INSTALLED) ## Format and mend what can be mended
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix .
generate: $(INSTALLED) ## Write the generated files anew: CRD, chart schema and tables, install.yaml, routes of compose
	@$(BIN)/python -m tests.generated write
docs: $(INSTALLED) ## The site of docs/ in site/; a dead link or another warning ends it
	@NO_COLOR=1 $(BIN)/zensical build --strict --clean
screenshots: $(INSTALLED) ## Pictures of every page, both themes, three widths, in docs/screenshots/ (needs Chromium)
	@$(BIN)/python -m tests.ui.screenshots
audit: $(INSTALLED) ## Known vulnerabilities of what is locked, and a bill of materials in tests/.artifacts/sbom.json
	@$(BIN)/python -m tests.audit
lock: $(VENV)/bin/uv ## Resolve dependencies anew into requirements.lock
	@$(LOCKED) $(BIN)/uv lock --quiet
	@$(LOCKED) $(BIN)/uv export --quiet --all-packages --no-emit-workspace --no-annotate --no-header --frozen --output-file requirements.lock
	@$(MAKE) --no-print-directory install
clean: ## Remove the virtual environment, caches and the demo's data
	@rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/.artifacts site .cache

##@ Help
help: ## This list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/uv:
	@command -v python3 >/dev/null || { echo "python3 is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, this is $$(python3 --version)" >&2; exit 1; }
	@source tests/cluster/progress.sh; \
	made() { python3 -m venv $(VENV) || die "python3 cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)"; \
	  $(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }; \
	step "making $(VENV)" made
$(INSTALLED): $(VENV)/bin/uv requirements.lock pyproject.toml $(MEMBERS:=/pyproject.toml)
	@source tests/cluster/progress.sh; \
	step "installing the packages of requirements.lock" $(LOCKED) $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; \
	step "installing the packages of this repository" $(LOCKED) $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

.PHONY: demo up down backup restore install check properties test bench format generate docs screenshots audit lock clean help
