# One command for each task; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# Where this is set, every process of the stack and of the tests would compile all of its code anew.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
T ?=
# The whole suite goes over several workers, as it waits more than it works; a part of it is quicker without.
SPREAD := -n 4 --no-loadscope-reorder
ARGS ?=

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make .venv with exactly the locked wheels, and install the project into it

$(STAMP): requirements.lock pyproject.toml
	@.ci/setup $(PYTHON) $(VENV)
	@touch $@

.PHONY: up
up: setup ## Start everything on this machine and make a first payment (ARGS="--port-base 0")
	@$(BIN)/payera up $(ARGS)

.PHONY: down
down: setup ## Stop everything (ARGS=--wipe deletes the data)
	@$(BIN)/payera down $(ARGS)

.PHONY: status
status: setup ## Show what runs where
	@$(BIN)/payera status

.PHONY: demo
demo: setup ## Show what the gateway does when things go wrong
	@$(BIN)/payera demo $(ARGS)

.PHONY: bench
bench: setup ## Measure the running stack
	@$(BIN)/payera bench $(ARGS)

.PHONY: protos
protos: setup ## Bring the Java archives and the contracts of others that ours import
	@$(BIN)/python -m devstack.downloads

.PHONY: gen
gen: protos ## Generate gen/ from proto/, and what follows from the cascade policy
	@$(BIN)/python proto/tools/generate.py
	@$(BIN)/python -m devstack.cascade_policy

.PHONY: test
test: protos ## Run the tests (T=tests/unit for a part)
	@.ci/generated $(BIN)
	@$(BIN)/python -m pytest $(if $(T),,$(SPREAD)) $(T) $(ARGS)

.PHONY: simulate
simulate: protos ## Play 10,000 seeds of the simulator (ARGS="--seeds 100000")
	@$(BIN)/python -m tests.simulator $(ARGS)

.PHONY: format
format: setup ## Put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: check
check: protos ## Check format, lint, types, layers, contracts, SQL, YAML, scripts, Envoy, generated code
	@.ci/check $(BIN)

.PHONY: lock
lock: setup ## Lock the newest allowed wheels and the Java archives anew
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --python $(BIN)/python --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
		--all-extras --custom-compile-command "make lock" -o requirements.lock pyproject.toml
	@$(BIN)/jgo --ignore-config --resolver python --class-path-only lock

.PHONY: clean
clean: ## Delete caches and what was generated at set-up; the stack's data stays
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis proto/third_party
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
