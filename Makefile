# Thin recipes, one truth for people and CI. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test check fix bench chaos assets messages requirements clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
# The newest Python that is new enough; PYTHON_FOR_VENV chooses another one.
PYTHON_FOR_VENV ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3; do \
	"$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
SOURCES := pytake notifications conversations flows automations analytics tests benchmarks manage.py
# What settings ask for, for tools that only read the code and never connect.
STATIC_ENV := DATABASE_URL=postgresql:///none REDIS_URL=redis://127.0.0.1:1/0 SECRET_KEY=only-for-reading-the-code \
	ENCRYPTION_KEYS=b25seS1mb3ItcmVhZGluZy10aGUtY29kZS0zMmJ5dGU= DJANGO_SETTINGS_MODULE=pytake.settings
WORKERS ?= auto

help: ## list what can be done
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/local.stamp ## start everything on this machine, with demo data (PORT, SIMULATOR_PORT)
	@exec $(PYTHON) manage.py up

test: $(VENV)/dev.stamp ## run all tests, in parallel (WORKERS=4, ARGS="-k inbox")
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/dev.stamp ## formatting, lint, types, imports, templates, migrations, API description, texts, assets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --check --lint --quiet templates
	$(BIN)/lint-imports --no-cache
	$(STATIC_ENV) $(BIN)/mypy $(SOURCES)
	$(STATIC_ENV) $(PYTHON) manage.py check --fail-level WARNING
	$(STATIC_ENV) $(PYTHON) manage.py makemigrations --check --dry-run
	$(STATIC_ENV) $(PYTHON) .ci/drift.py api
	$(PYTHON) .ci/drift.py texts
	$(PYTHON) .ci/drift.py assets
	$(PYTHON) -m pip check

fix: $(VENV)/dev.stamp ## repair what can be repaired by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates
	$(STATIC_ENV) $(PYTHON) .ci/drift.py api --write

bench: $(VENV)/dev.stamp ## run the benchmarks (BENCH_QUICK=1 for a short run)
	$(PYTHON) -m benchmarks $(ARGS)

chaos: $(VENV)/dev.stamp ## kill and disturb everything for a while, then look for violations (SEED=1 MINUTES=10)
	$(PYTHON) -m tests.chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),10)

assets: $(VENV)/dev.stamp ## rebuild styles, icons and vendored scripts (needs Node)
	npm ci --no-audit --no-fund
	npm run build
	$(PYTHON) .ci/drift.py assets --write

messages: $(VENV)/dev.stamp ## collect and compile the texts (needs GNU gettext)
	$(STATIC_ENV) $(PYTHON) manage.py makemessages -l pt_BR --no-obsolete --no-wrap --add-location file \
		--ignore=node_modules --ignore=.venv --ignore=.data --ignore=tests --ignore=benchmarks
	$(STATIC_ENV) $(PYTHON) manage.py compilemessages --ignore=.venv

requirements: $(VENV)/local.stamp ## compile requirements*.txt from the .in files (UPGRADE=--upgrade)
	$(BIN)/pip install --quiet uv
	for name in requirements requirements-local requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest $(UPGRADE) \
			--no-emit-index-url --no-annotate --custom-compile-command "make requirements" $$name.in -o $$name.txt; done

clean: ## remove what was installed and cached; data in .data/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache node_modules

$(VENV)/local.stamp: requirements.txt requirements-local.txt
	@$(MAKE) --no-print-directory venv-for file=requirements-local.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-local.txt requirements-dev.txt
	@$(MAKE) --no-print-directory venv-for file=requirements-dev.txt
	@echo "$(CURDIR)" > $$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pytake.pth # tools find our packages
	@touch $(VENV)/local.stamp $@

.PHONY: venv-for
venv-for:
	@$(PYTHON) -c '' 2>/dev/null || { \
		test -n "$(PYTHON_FOR_VENV)" || { \
			echo "PyTake needs Python 3.11 or newer with the module venv (Debian, Ubuntu: apt-get install python3-venv)."; exit 1; }; \
		echo "Making $(VENV) with $(PYTHON_FOR_VENV) …"; rm -rf $(VENV); $(PYTHON_FOR_VENV) -m venv $(VENV) || { \
			rm -rf $(VENV); echo "$(PYTHON_FOR_VENV) could not make $(VENV); its message stands above."; exit 1; }; }
	@echo "Installing $(file) (a minute or two the first time) …"
	@total=$$(grep -c == $(file)); { $(PYTHON) -m pip install --disable-pip-version-check --progress-bar off -r $(file) 2>&1 || echo FAILED; } | \
		awk -v total="$$total" '/^Collecting/ { n++; if (n % 20 == 0) { print "  " n " of " total " …"; fflush() } next } \
			/^Installing collected/ { print "  unpacking …"; fflush() } /^(ERROR|error|WARNING: Retry)/ { print } /^FAILED/ { failed = 1 } \
			END { if (failed) print "Installing failed; the lines above say why. Run it again once that is repaired."; exit failed }'
