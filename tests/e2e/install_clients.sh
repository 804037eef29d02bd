#!/usr/bin/env bash
# Installs the clients of requirements.txt into build/e2e/venv, from PyPI or what pip is told to
# use instead. Nothing to do where that was done and the file is as it was.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=tests/e2e/requirements.txt
venv=build/e2e/venv
if cmp -s "$requirements" "$venv/installed.txt"; then
  exit 0
fi
rm -rf "$venv"
python3 -m venv "$venv"
if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --retries 2 \
  --timeout 20 --no-deps --only-binary :all: --requirement "$requirements"; then
  echo "test: cannot install the clients of $requirements: they come from PyPI, which must be" \
    "reachable (pip's lines above say what it tried)" >&2
  exit 1
fi
cp "$requirements" "$venv/installed.txt"
