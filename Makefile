# Every verb creates the environment when it is absent; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV ?= .venv
DRILL_ARGS ?=
CHROMIUM ?=
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
UV_VERSION ?= 0.13.8
JOBS ?= 2
# What pytest is asked to do in `make test`, for example PYTEST_ARGS="tests/test_docs.py -k readme".
PYTEST_ARGS ?=

RUN := $(VENV)/bin/python
UV := $(VENV)/bin/uv
ENV := $(VENV)/.installed
CODE := mmmim tools tests configs projects setup.py

export PATH := $(abspath $(VENV))/bin:$(PATH)
export UV_HTTP_TIMEOUT ?= 300
# Threads that wait by spinning slow each other down many times over when the cores are shared (measured: nine times).
export OMP_WAIT_POLICY ?= PASSIVE
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 1)

.PHONY: help
help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: env
env: $(ENV) ## create or update the environment in .venv (other verbs do it by themselves)

$(ENV): requirements/lock.txt pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "mmmim needs Python 3.10, 3.11 or 3.12 on the PATH; or name it: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) from requirements/lock.txt"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "creating $(VENV) failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(RUN) --no-deps --compile-bytecode -r requirements/lock.txt
	@$(UV) pip install --quiet --python $(RUN) --no-deps --no-build-isolation -e .
	@touch $@ && echo "$(VENV) is ready"

.PHONY: demo
demo: $(ENV) ## pre-train, probe, segment, detect and draw on built-in data; ends with a summary
	@$(RUN) tools/demo.py

.PHONY: toy-seeds
toy-seeds: $(ENV) ## every toy pre-training and its probe over three seeds: mean and spread, in work_dirs/toys
	@for config in $(filter-out configs/tokenizer/%,$(wildcard configs/*/*_toy.py)); do \
		name=$$(basename $$(dirname $$config))_$$(basename $$config .py); \
		$(RUN) tools/demo.py --seeds 3 --config $$config --work-dir work_dirs/toys/$$name || exit 1; \
	done

.PHONY: test
test: lint typecheck ## lint, format check, type check and all quick tests
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist worksteal -q $(PYTEST_ARGS)

.PHONY: test-portable
test-portable: $(ENV) ## tests that depend on arithmetic, locale or time, under other kernels, locales and loads
	@PYTHON=$(RUN) JOBS=$(JOBS) tests/portable.sh

.PHONY: slow
slow: $(ENV) ## the slow tests, minutes each
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -m slow -n $(JOBS) --dist worksteal -q $(PYTEST_ARGS)

.PHONY: test-browser
test-browser: $(ENV) ## pages in Chromium: accessibility, colours, keyboard, narrow screens, paper
	@command -v chromium > /dev/null || test -n "$(CHROMIUM)" || apt-get install -y -qq --no-install-recommends chromium > /dev/null || \
		{ echo "Chromium is missing, and apt cannot install it here; install it, or name its path: make test-browser CHROMIUM=PATH"; exit 1; }
	@CHROMIUM="$(CHROMIUM)" $(RUN) -m pytest -m browser -q tests/browser $(PYTEST_ARGS)

.PHONY: drill
drill: $(ENV) ## end, starve and mislead runs in every way, resume them, and write docs/reliability.md
	@OMP_NUM_THREADS=1 PYTHONPATH=tests/helpers $(RUN) tests/drill/run.py --write $(DRILL_ARGS)

.PHONY: newest
newest: $(ENV) ## the quick tests with the oldest releases that pyproject.toml admits, then with the newest
	@$(RUN) tools/newest.py -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

.PHONY: oldest
oldest: $(ENV) ## the quick tests with the oldest releases alone
	@$(RUN) tools/newest.py oldest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

.PHONY: golden
golden: $(ENV) ## store what the first steps of the toy configs lose now; say why in the commit
	@$(RUN) tools/golden_losses.py --update

.PHONY: lint
lint: $(ENV) ## ruff: rules and format; import-linter: layers; nothing is changed
	@$(RUN) -m ruff check $(CODE)
	@$(RUN) -m ruff format --check $(CODE)
	@$(VENV)/bin/lint-imports

.PHONY: format
format: $(ENV) ## ruff: fix what can be fixed, and format
	@$(RUN) -m ruff check --fix $(CODE)
	@$(RUN) -m ruff format $(CODE)

.PHONY: typecheck
typecheck: $(ENV) ## mypy, basic mode
	@$(RUN) -m mypy

.PHONY: docs
docs: $(ENV) ## build the documentation as a site into site/; warnings, dead links and dead anchors are errors
	@$(RUN) tools/docs/build_site.py

.PHONY: docs-serve
docs-serve: $(ENV) ## show the site, and build it again when a page changes
	@$(RUN) tools/docs/build_site.py --serve

.PHONY: figures
figures: $(ENV) ## draw the figures of the documentation anew from docs/figures/*.yml
	@$(RUN) tools/docs/draw_figures.py

.PHONY: links
links: $(ENV) ## ask every external link of the documentation for its page; needs a network
	@$(RUN) tools/docs/check_links.py

.PHONY: doctor
doctor: $(ENV) ## say what is installed, what fits together and what does not
	@$(RUN) tools/doctor.py

.PHONY: wheel
wheel: $(ENV) ## build wheel and sdist into dist/, install the wheel into .venv-wheel, and run the demo with it
	@rm -rf build dist .venv-wheel
	@$(RUN) -c "from setuptools import build_meta as build; build.build_sdist('dist'); build.build_wheel('dist')" > /dev/null
	@$(UV) venv --quiet --python $(RUN) .venv-wheel
	@$(UV) pip install --quiet --python .venv-wheel/bin/python "$$(echo $(CURDIR)/dist/*.whl)[all]"
	@folder=$$(mktemp -d); cd "$$folder"; $(CURDIR)/.venv-wheel/bin/mmmim doctor; $(CURDIR)/.venv-wheel/bin/mmmim demo; \
		echo "the runs are in $$folder"

.PHONY: lock
lock: $(ENV) ## renew requirements/lock.txt from pyproject.toml
	@$(UV) pip compile --quiet --upgrade pyproject.toml --extra dev --universal --python-version 3.10 \
		--no-annotate --custom-compile-command "make lock" -o requirements/lock.txt

.PHONY: clean
clean: ## remove caches and runs; the environment stays
	rm -rf work_dirs build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
