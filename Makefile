# make train [ARGS="..."]   set everything up, train on the embedded digits; ARGS are flags of assignment.py
# make test [ARGS="..."]    set everything up, run the tests; ARGS are flags of pytest
# make clean                remove the virtual environment

PYTHON ?= python3
REQUIREMENTS ?= requirements.txt
ARGS ?=
VENV := .venv
READY := $(VENV)/ready-$(REQUIREMENTS)

.PHONY: train test clean

train: $(READY)
	$(VENV)/bin/python assignment.py --dataset digits $(ARGS)

test: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m pytest $(ARGS)

clean:
	rm -rf $(VENV)

$(READY): $(REQUIREMENTS) requirements-base.txt requirements-test.txt requirements-export.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "expected Python 3.10 to 3.13, found $$($(PYTHON) --version 2>&1); try: make PYTHON=python3.12"; exit 2; }
	@echo "Setting up $(VENV) (once; TensorFlow is about 300 MB)"
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS) -r requirements-test.txt
	@touch $@
