# make book, make test: see README.md. Each target is one of book/make.py, which also runs where there is no make.

PYTHON ?= python3
PROFILE ?= quick
JOBS ?=
REPOSITORY ?=
ARGS ?=
BRANCH ?= gh-pages
MAKE_PY := @$(PYTHON) book/make.py
AT_ONCE := $(if $(JOBS),--jobs "$(JOBS)")
PUBLISHED := --repository "$(REPOSITORY)" --branch "$(BRANCH)"

.PHONY: help book html publish links refresh student slides pdf lint lint-style lint-types lint-workflows test test-packages
.PHONY: test-chapters browser test-browser bench install clean

help:
	@echo "make TARGET [PROFILE=smoke|quick] [JOBS=n] [REPOSITORY=...] [BRANCH=...] [ARGS='NAME --json FILE'] does the same as"
	$(MAKE_PY) --help

book:
	$(MAKE_PY) book --profile "$(PROFILE)" $(AT_ONCE) $(PUBLISHED)

publish:
	$(MAKE_PY) publish --profile "$(PROFILE)" $(AT_ONCE) $(PUBLISHED)

html:
	$(MAKE_PY) html $(PUBLISHED)

refresh:
	$(MAKE_PY) refresh $(AT_ONCE)

bench lint-style lint-types test-packages test-chapters:
	$(MAKE_PY) $@ $(ARGS)

links student slides pdf lint lint-workflows test browser test-browser install clean:
	$(MAKE_PY) $@
