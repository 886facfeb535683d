# make book, make test: see README.md. Everything is installed into .venv, which is made anew when requirements.txt changes.

PYTHON ?= python3
PROFILE ?= quick
JOBS ?= 1
REPOSITORY ?=
ARGS ?=
BRANCH ?= gh-pages
PY := .venv/bin/python
# As on a processor without AVX. Stored outputs come from a newer one, so the two are compared.
OLDEST := ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2
export JUPYTER_PREFER_ENV_PATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: book html refresh student slides test browser test-browser bench clean help

help:
	@echo "make book [PROFILE=smoke|quick] [JOBS=n]   execute what changed and render the book into _build/html"
	@echo "     [REPOSITORY=https://github.com/OWNER/NAME] [BRANCH=gh-pages]   with buttons for Colab and Binder"
	@echo "make html                                  render what is already executed"
	@echo "make refresh                               renew the outputs stored in the committed notebooks"
	@echo "make student                               write the notebooks without solutions into _build/student"
	@echo "make slides                                write a deck for each chapter into _build/slides, from the stored outputs"
	@echo "make test                                  test the packages, and every chapter at smoke"
	@echo "make browser                               install Chromium (as root, with apt-get) and what drives it"
	@echo "make test-browser                          look at every page and slide of the committed book in Chromium"
	@echo "make bench [ARGS='NAME --json FILE']       time the library against what one would otherwise write (half an hour)"
	@echo "make clean                                 remove _build (keeps .venv)"

book: .venv/installed
	@$(PY) book/build.py book --profile "$(PROFILE)" --jobs "$(JOBS)" --repository "$(REPOSITORY)" --branch "$(BRANCH)"

html: .venv/installed
	@$(PY) book/build.py html --repository "$(REPOSITORY)" --branch "$(BRANCH)"

refresh: .venv/installed
	@$(PY) book/build.py refresh --jobs "$(JOBS)"

student: .venv/installed
	@$(PY) book/student.py

slides: .venv/installed
	@$(PY) book/build.py stored
	@$(PY) book/slides.py

test: .venv/installed
	OMP_NUM_THREADS=1 $(PY) -m pytest tests --ignore tests/browser -n 2 --dist loadscope
	$(OLDEST) OMP_NUM_THREADS=1 $(PY) -m pytest tests/data_gen -n 2 --dist loadscope
	$(OLDEST) OMP_NUM_THREADS=1 IB_TUTORIAL_PROFILE=smoke $(PY) -m pytest book -n 2 --dist loadscope \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with tests/nbval_sanitize.cfg

browser: .venv/installed
	@$(PY) -m pip install -q -r tests/browser/requirements.txt || echo "What drives the browser cannot be installed here: its tests will be skipped."
	@if command -v chromium || command -v google-chrome; then true; \
	elif [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; then true; \
	else echo "There is no Chromium, and it cannot be installed here: every test in the browser will be skipped."; fi

test-browser: browser
	$(PY) book/build.py stored
	$(PY) book/slides.py
	$(PY) -m pytest tests/browser -n 2

bench: .venv/installed
	@$(PY) -m benchmarks $(ARGS)

clean:
	rm -rf _build

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python {v.major}.{v.minor} was found; 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install -r requirements.txt
	$(PY) -m pip install --no-deps -e .
	@touch .venv/installed
