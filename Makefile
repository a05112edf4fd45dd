# Every target starts from a bare checkout: make, and Python 3.11 to 3.13 with venv, are all it needs.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# The system's own, or another that lies beside one that is too old or too new.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
  $$each -c '$(FITS)' 2> /dev/null && echo $$each && exit; done; echo python3)
BIN := .venv/bin
# The tests wait more than they compute. Each tester has its own part, so that what a file's tests share is made once, and
# takes from the others' when it is done.
TESTERS ?= 3
INSTALLED := .venv/.installed
PROGRAM := $(shell find everreach handlers providers storage -type f -not -name '*.pyc') deploy/everreach.spec deploy/frozen.py
LOCKED := build/locked
VERSION = $(shell sed -n 's/^version = //p' setup.cfg)

.PHONY: install demo test lint types serve binary lock image ship bench siege soak kills explore schemathesis model clean

install: $(INSTALLED)

$(INSTALLED): setup.cfg setup.py
	@$(PYTHON) -c '$(FITS)' || { echo 'EverReach Import needs Python 3.11 to 3.13 with venv; name one with: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[embedded,tracing,dev,binary]'
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
	$(BIN)/mypy deploy/frozen.py deploy/stage_image.py

# The tests begin some hundred processes; what the first ones compile serves the others, whatever the environment says.
test: lint types
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(TESTERS) --dist worksteal --durations 5

# The program of one file, and the folder that the image holds. PyInstaller takes what another build left for its own.
binary: dist/everreach

dist/everreach: $(INSTALLED) $(LOCKED)/.installed $(PROGRAM)
	@rm -rf build/pyinstaller
	PYTHONPATH=. $(LOCKED)/bin/pyinstaller --noconfirm --log-level ERROR --distpath dist --workpath build/pyinstaller deploy/everreach.spec
	@ls -lh $@

# What is shipped is made of exactly these versions, and of files with these hashes.
$(LOCKED)/.installed: deploy/requirements.lock
	@rm -rf $(LOCKED)
	$(PYTHON) -m venv $(LOCKED)
	$(LOCKED)/bin/pip install --quiet --require-hashes --requirement deploy/requirements.lock
	@touch $@

# The newest versions that setup.cfg allows, for every Python and system that it is for.
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet 'uv ==0.13.9'
	build/lock/bin/uv pip compile setup.cfg --extra tracing --extra binary --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-annotate --custom-compile-command 'make lock' --quiet --output-file deploy/requirements.lock

image: dist/everreach
	@command -v buildah > /dev/null || command -v docker > /dev/null || { echo 'make image needs buildah or docker'; exit 1; }
	$(BIN)/python deploy/stage_image.py dist/folder dist/image
	$$(command -v buildah > /dev/null && echo 'buildah build --format docker' || echo 'docker build') \
	  --build-context builder=dist --build-arg VERSION=$(VERSION) \
	  --file deploy/Containerfile --tag everreach-import:$(VERSION) --tag everreach-import:latest .

# The program and the image, built and put through their journeys where that can be done.
ship: dist/everreach
	$(BIN)/pytest --ship --durations 5 tests/deploy

bench: install
	$(BIN)/python -m bench

# Strangers against one node, while a hundred people import and follow: make siege SIEGE_SECONDS=60.
SIEGE_SECONDS ?= 120
siege: install
	$(BIN)/python -m bench.siege --seconds $(SIEGE_SECONDS)

# Ordinary life on one node, and its memory: make soak IMPORTS=20000.
IMPORTS ?= 1500
soak: install
	$(BIN)/python -m bench.soak --imports $(IMPORTS)

# A hundred deaths at random moments; each book that was imported meanwhile is compared with an undisturbed import.
kills: install
	$(BIN)/pytest -q -s tests/test_crash.py -k random_kills --kills 100

# Other examples than every run of the tests has, and fifty times as many: for who changes how a value is read.
explore: install
	$(BIN)/pytest -q -n $(TESTERS) -m hypothesis --hypothesis-profile explore --timeout 1800

# Three thousand requests, made up of the API's description, other ones each time; every run of the tests has a few.
schemathesis: install
	$(BIN)/pytest -q -s tests/test_schemathesis.py --cases 250

# Needs spin and gcc; docs/model/README.md says what is checked.
# $(call explored,title,bounds,flags of gcc,flags of pan,model: import by default)
define explored
	@echo '$(1) ($(2))'
	@cd build/model && rm -f *.trail && spin -a $(2) ../../docs/model/$(or $(5),import).pml > spin.log \
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
	$(call explored,Nobody comes twice who is edited at the provider,-DFAULTS=1 -DEDITS=1,-DSAFETY -DNOCLAIM)
	$(call explored,Every job ends,-DFAULTS=2,,-a)
	$(call explored,A refreshed grant is lost by a fault alone,-DFAULTS=2,-w -DSAFETY,,refresh)
	@echo 'No error; every state was visited.'

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
