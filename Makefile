# make book, make test: see README.md. Each target is one of book/make.py, which also runs where there is no make.

PYTHON ?= python3
PROFILE ?= quick
JOBS ?= 1
REPOSITORY ?=
ARGS ?=
BRANCH ?= gh-pages
MAKE_PY := @$(PYTHON) book/make.py
PUBLISHED := --repository "$(REPOSITORY)" --branch "$(BRANCH)"

.PHONY: help book html refresh student slides pdf lint lint-style lint-types test test-packages test-chapters browser test-browser bench
.PHONY: install clean

help:
	@echo "make TARGET [PROFILE=smoke|quick] [JOBS=n] [REPOSITORY=...] [BRANCH=...] [ARGS='NAME --json FILE'] does the same as"
	$(MAKE_PY) --help

book:
	$(MAKE_PY) book --profile "$(PROFILE)" --jobs "$(JOBS)" $(PUBLISHED)

html:
	$(MAKE_PY) html $(PUBLISHED)

refresh:
	$(MAKE_PY) refresh --jobs "$(JOBS)"

bench lint-style lint-types test-packages test-chapters:
	$(MAKE_PY) $@ $(ARGS)

student slides pdf lint test browser test-browser install clean:
	$(MAKE_PY) $@
