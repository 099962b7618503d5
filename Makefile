# Every target installs what it needs first, into a .venv of its own.
.DEFAULT_GOAL := help
.PHONY: help install install-dev install-lab install-notebooks grade demo test guides lint format \
	audit bench reference skeletons data train-mnist train-cifar10 eval sample viz-recon \
	viz-traverse viz-scatter interpolate compare-dae notebooks clean clean-all

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt

PART ?= vae
SUBMISSION ?= .
# What the lab's targets open: the outputs of the last training, or `OUTPUTS=outputs/cifar10`.
OUTPUTS ?= outputs
LAB := $(BIN)/lab

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

$(VENV)/.installed-lab: $(VENV)/.installed
	@echo "Installing what the lab needs into $(VENV) (once)"
	@$(PIP) --editable '.[lab]'
	@touch $@

$(VENV)/.installed-notebooks: $(VENV)/.installed
	@echo "Installing what the notebooks need into $(VENV) (once)"
	@$(PIP) --editable '.[notebooks]'
	@touch $@

install-lab: $(VENV)/.installed-lab  ## the same, to train and draw with the lab

install-notebooks: $(VENV)/.installed-notebooks  ## the same, to run the guides as notebooks

grade: install  ## grade PART (vae) of SUBMISSION (this repository)
	@$(BIN)/grade run $(PART) --submission $(SUBMISSION)

demo: install  ## skeleton, half-done, reference and hostile submission side by side
	@$(BIN)/grade demo $(PART)

test: install-dev  ## run every test
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal

lint: install-dev  ## style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: install-dev  ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

audit: install  ## prove that the tests of PART tell right from wrong
	@$(BIN)/grade audit $(PART)

bench: install-dev  ## measure the speed of grader and lab, as ratios within one run
	@$(BIN)/python benchmarks/grading_speed.py
	@$(BIN)/python benchmarks/training_speed.py

skeletons: install  ## write student/PART.py anew from every solution.py
	@$(BIN)/grade skeleton --write

data: install-lab  ## fetch MNIST into the local cache
	@$(LAB) data

train-mnist: install-lab  ## train the convolutional VAE on MNIST (5 minutes on two cores)
	@$(LAB) train --config mnist

train-cifar10: install-lab  ## train it on CIFAR-10, into outputs/cifar10
	@$(LAB) train --config cifar10

eval: install-lab  ## measure the model in OUTPUTS: metrics.csv and a report
	@$(LAB) eval --outputs $(OUTPUTS)

sample: install-lab  ## images from the prior
	@$(LAB) sample prior --outputs $(OUTPUTS)

viz-recon: install-lab  ## test images above their reconstructions
	@$(LAB) viz recon-grid --outputs $(OUTPUTS)

viz-traverse: install-lab  ## one latent dimension at a time
	@$(LAB) viz traverse --outputs $(OUTPUTS)

viz-scatter: install-lab  ## where the classes lie in latent space
	@$(LAB) viz latent-scatter --outputs $(OUTPUTS)

interpolate: install-lab  ## from image to image, in a line and on the sphere
	@$(LAB) sample interpolate --outputs $(OUTPUTS)

compare-dae: install-lab  ## the VAE beside Monday's denoising autoencoder
	@$(LAB) compare dae --outputs $(OUTPUTS)

notebooks: install-notebooks  ## write every guide as a notebook beside it
	@$(LAB) notebooks

guides: install-dev  ## run every guide in full with the reference (some minutes)
	@$(BIN)/python -m pytest tests/test_guides.py -m full_guides

reference: install-dev  ## measure the table of reference numbers anew (some minutes)
	@$(BIN)/python benchmarks/reference_numbers.py --write

clean:  ## remove caches and the lab's outputs
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	@test ! -x $(LAB) || $(LAB) clean --outputs $(OUTPUTS)

clean-all: clean  ## remove the fetched data and the virtual environment as well
	@test ! -x $(LAB) || $(LAB) data --clear
	@rm -rf $(VENV) *.egg-info
