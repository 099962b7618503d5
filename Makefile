# Every target installs what it needs first, into a .venv of its own.
.DEFAULT_GOAL := help
.PHONY: help install install-dev install-notebooks grade demo test lint format audit bench skeletons clean clean-all

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt

PART ?= vae
SUBMISSION ?= .

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the tools for development into $(VENV) (once)"
	@$(PIP) --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed  ## make .venv with everything that grading needs

install-dev: $(VENV)/.installed-dev  ## the same, with linters and test tools

$(VENV)/.installed-notebooks: $(VENV)/.installed
	@echo "Installing what the guides draw with into $(VENV) (once)"
	@$(PIP) --editable '.[notebooks]'
	@touch $@

install-notebooks: $(VENV)/.installed-notebooks  ## the same, to run the guides as notebooks

grade: install  ## grade PART (vae) of SUBMISSION (this repository)
	@$(BIN)/grade run $(PART) --submission $(SUBMISSION)

demo: install  ## skeleton, half-done, reference and hostile submission side by side
	@$(BIN)/grade demo $(PART)

test: install-dev  ## run every test
	@$(BIN)/python -m pytest

lint: install-dev  ## style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: install-dev  ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

audit: install  ## prove that the tests of PART tell right from wrong
	@$(BIN)/grade audit $(PART)

bench: install-dev  ## measure the grader's speed, as ratios within one run
	@$(BIN)/python benchmarks/grading_speed.py

skeletons: install  ## write student/PART.py anew from every solution.py
	@$(BIN)/grade skeleton --write

clean:  ## remove caches
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-all: clean  ## remove caches and the virtual environment
	@rm -rf $(VENV) *.egg-info
