# make run    the demo shop on http://127.0.0.1:8000/ (PORT changes it)
# make serve  the real shop, at first empty (HOST, PORT, DATA_DIR)
# make test   the test suite, on SQLite and wherever TEST_DATABASE_URL and TEST_REDIS_URL point
# make check  lint, types, layers, migrations, translations
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help run serve test check bench lock format translations
.DELETE_ON_ERROR:

help:
	@echo "make run           see the product on a made-up shop (PORT=8000)"
	@echo "make serve         open the real shop (HOST=127.0.0.1, PORT=8000, DATA_DIR=~/.local/share/shop-crm)"
	@echo "make test          run the tests (TEST_DATABASE_URL, TEST_REDIS_URL: also on PostgreSQL and Redis)"
	@echo "make check         lint, types, layers, migrations, translations"
	@echo "make bench         measure against baselines (TEST_DATABASE_URL: also on PostgreSQL)"
	@echo "make format        lay out the code"
	@echo "make translations  collect the strings into the .po files and compile them"
	@echo "make lock          compile requirements*.in into requirements*.txt"

run: .venv/.installed
	@exec $(BIN)/python manage.py run_demo

serve: .venv/.installed
	@exec $(BIN)/python -m crm_site.serve

# What a browser sees does not depend on the database, so its slow tests run on SQLite only.
test: .venv/.installed-dev
	@echo "== The suite on SQLite"
	DATABASE_URL=sqlite:///$(CURDIR)/var/suite.sqlite3 $(BIN)/pytest -n 2
	@if [ -n "$$TEST_DATABASE_URL" ]; then \
		echo "== The suite on $${TEST_DATABASE_URL%%:*}"; \
		DATABASE_URL="$$TEST_DATABASE_URL" $(BIN)/pytest -n 2 -m "not browser"; \
	else \
		echo "TEST_DATABASE_URL is not set, so nothing was tested on PostgreSQL."; \
		[ -z "$$REQUIRE_SERVICES" ]; \
	fi

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check_translations

bench: .venv/.installed-dev
	$(BIN)/python -m tests.benchmarks

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The app's own strings go to the app, those of templates/ to crm_site.
translations: .venv/.installed
	mkdir -p crm_site/locale customers/locale blocklist/locale messaging/locale
	$(BIN)/python manage.py makemessages --locale zh_Hans --no-location --no-obsolete --no-wrap \
		--ignore '.venv' --ignore 'var' --ignore 'tests'
	$(BIN)/python manage.py compilemessages --ignore '.venv'

# With the oldest Python we support, 3.11, so that the lock holds what that one needs.
lock: .venv/.installed-dev
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-options \
		--output-file=requirements.txt --strip-extras requirements.in
	$(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-options \
		--output-file=requirements-dev.txt --strip-extras requirements-dev.in

# pip is the last thing that a virtual environment gets: without it, the environment is half made and made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed. Install it (apt install python3 python3-venv), or name it: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing. Install it: apt install python3-venv" >&2; exit 1; }
	@echo "Making the virtual environment .venv …"
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }

.venv/.installed: requirements.txt | $(BIN)/pip
	@echo "Installing the requirements …"
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing what tests and checks need …"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
