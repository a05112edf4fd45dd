# Every target starts from a bare checkout: Python 3.11 to 3.13 and make are all it needs.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo test lint types serve bench kills schemathesis model clean

install: $(INSTALLED)

$(INSTALLED): setup.cfg setup.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "EverReach Import needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[embedded,tracing,dev]'
	@touch $@

demo: install
	@$(BIN)/everreach demo

serve: install
	@$(BIN)/everreach serve

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

test: lint types
	$(BIN)/pytest -n auto --maxprocesses 4 --durations 5

bench: install
	$(BIN)/python -m bench

# A hundred deaths at random moments; each book that was imported meanwhile is compared with an undisturbed import.
kills: install
	$(BIN)/pytest -q -s tests/test_crash.py -k random_kills --kills 100

# Some thousands of requests, made up of the API's description, other ones each time; every run of the tests has a few.
schemathesis: install
	$(BIN)/pytest -q -s tests/test_schemathesis.py --cases 100

# Needs spin and gcc; docs/model/README.md says what is checked. $(call explored,title,bounds,flags of gcc,flags of pan)
define explored
	@echo '$(1) ($(2))'
	@cd build/model && rm -f *.trail && spin -a $(2) ../../docs/model/import.pml > spin.log \
	  && gcc -O2 -DCOLLAPSE $(3) -o pan pan.c && ./pan -m100000 -w26 $(4) > pan.log \
	  && grep -E 'errors:|states, stored|total actual memory|elapsed' pan.log \
	  && grep -q 'errors: 0$$' pan.log && ! grep -qE 'not completed|depth too small' pan.log \
	  || { cat spin.log pan.log; exit 1; }
endef

model:
	@command -v spin > /dev/null && command -v gcc > /dev/null || { echo 'make model needs spin and gcc: apt install spin gcc'; exit 1; }
	@mkdir -p build/model
	$(call explored,Each page counted once and one writer,-DFAULTS=3,-DSAFETY -DNOCLAIM)
	$(call explored,The same with a listing that begins again,-DFAULTS=1 -DRESTARTS=1,-DSAFETY -DNOCLAIM)
	$(call explored,No job is given up for claims that nobody heard of,-DFAULTS=1 -DCLAIMS=2,-DSAFETY -DNOCLAIM)
	$(call explored,Every job ends,-DFAULTS=2,,-a)
	@echo 'No error; every state was visited.'

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
