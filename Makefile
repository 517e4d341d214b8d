# make install     make the environment .venv and install the package in it, with the EXTRAS
# make run         train on the embedded photographs and evaluate; results in runs/samples
# make scores      evaluate the bundled weights and the detector against classical methods; results in runs/scores
# make comparison  evaluate the weights beside FSR, PatchMatch and others at three sizes; results in runs/comparison
# make figures     draw the figures of docs/paper.md again; ARGS="runs/dtd" takes figure 4 from that run
# make docs        build the documentation site from docs/ and the docstrings; it begins at build/docs/index.html
# make notebook    open the evaluation of a run in JupyterLab
# make test        the tests
# make lint        ruff and mypy
# make wheel-test  build sdist and wheel, check what is in them, install the wheel alone, inpaint a photograph with it
# make constraints  pin today's versions of all packages in constraints.txt
# make clean       remove the environment, the caches and the build outputs; results in runs/ stay
# make help        this list; make alone is make run
#
# Options:  PYTHON=python3.13         the interpreter .venv is made with (3.11 or newer)
#           EXTRAS="cuda12 parity"    extras of pyproject.toml to install as well
#           ARGS="--steps 100"        further flags of the command, or of pytest
#           METHODS="my.safetensors"  weights or runs that make comparison adds to its tables

PYTHON ?= python3
VENV   ?= .venv
EXTRAS ?=
ARGS   ?=

PY      := $(VENV)/bin/python
INSTALL  = $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable
# One stamp an extra: an install runs again only when a file that it depends on has changed.
STAMPS   = $(EXTRAS:%=$(VENV)/.installed-%)

.PHONY: run help scores comparison figures test lint wheel-test docs notebook clean install constraints

run: install
	$(PY) -m experiments.run --dataset samples --out runs/samples --resume $(ARGS)

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# On the embedded photographs; ARGS="--dataset folder --data-dir DIR --split all --image-size 128" takes your own.
scores: install
	$(PY) -m experiments.evaluate --methods ns telea biharmonic fill faithful --masks lines --mask-version 2 --out runs/scores/lines $(ARGS)
	$(PY) -m experiments.evaluate --methods ns telea biharmonic fill faithful --masks ratios --out runs/scores/ratios $(ARGS)
	$(PY) -m experiments.detection_scores --image-size 192 --limit 4 --out runs/scores/detection

# ARGS takes your photographs as above, another --limit, and weights for LPIPS. It resumes, and METHODS="my.safetensors" adds
# a line to the tables. The shift map and the best FSR are left out at larger sizes: they take minutes.
METHODS ?=
COMPARED = ns telea biharmonic patchmatch fsr_fast faithful faithful-large sharp $(METHODS)
COMPARE = $(PY) -m experiments.evaluate --masks lines --mask-version 2 --batch-size 1 --save-composites
comparison: install $(VENV)/.installed-patchmatch
	$(COMPARE) --image-size 128 --limit 100 --methods $(COMPARED) shift_map fsr_best --out runs/comparison/128 $(ARGS)
	$(COMPARE) --image-size 256 --limit 40 --methods $(COMPARED) --out runs/comparison/256 $(ARGS)
	$(COMPARE) --whole-images --limit 12 --methods $(COMPARED) --out runs/comparison/whole $(ARGS)
	for size in 128 256 whole; do $(PY) -m experiments.compare runs/comparison/$$size --wide --baseline faithful; done

figures: install
	$(PY) docs/make_paper_figures.py $(ARGS)

# Three processes, also on two cores: browsers, hosts and killed runs are mostly waited for. They share the compiled programs.
# Files with long tests come first (tests/conftest.py), so that all end together; without their order xdist would sort
# files by the number of their tests.
# ARGS="-n 0" runs the tests in one process, ARGS="-k windows" those with that word in their name.
test: $(VENV)/.installed-test $(STAMPS)
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	for system in win32 darwin; do \
	  $(PY) -m mypy --platform $$system --cache-dir .mypy_cache/$$system --no-warn-unreachable pconv_jax || exit 1; done

wheel-test: $(VENV)/.installed-release
	$(PY) .ci/check_wheel.py

# Every warning is a failure: a link that leads nowhere, a docstring that cannot be read, a page that no list names.
docs: $(VENV)/.installed-docs
	$(PY) -m sphinx --quiet --fresh-env --fail-on-warning --keep-going -c docs -d build/doctrees . build/docs $(ARGS)
	@echo "written: build/docs/index.html"

notebook: $(VENV)/.installed-notebook
	$(PY) -m jupyterlab notebooks/evaluation.ipynb $(ARGS)

install: $(VENV)/.installed $(STAMPS)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pconv_jax needs Python 3.11 or newer, and '$(PYTHON)' is not; try: make PYTHON=/path/to/python3.13" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The interpreter is an order-only prerequisite: its date is the system's, not that of the environment.
# Two packages of OpenCV in one environment overwrite each other's files: the one of earlier versions goes first.
$(VENV)/.installed: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip uninstall -qq --yes --disable-pip-version-check opencv-python-headless
	$(INSTALL) '.[experiments]'
	@touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(INSTALL) '.[$*]'
	@touch $@

# Refreshes every pin; needs the package index. Review the changes, then run `make clean test`.
constraints: install
	$(PY) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --no-annotate --no-header \
	  --extra experiments --extra test --extra page --extra docs --extra parity --extra notebook --extra formats \
	  --extra release --extra export -P torch==2.13.0 --upgrade --output-file $(VENV)/pins.txt
	{ grep '^#' constraints.txt; grep -Ev '^(nvidia|cuda)-' $(VENV)/pins.txt; } > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find pconv_jax experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +
