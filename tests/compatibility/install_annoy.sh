#!/usr/bin/env bash
# Installs the Annoy package of requirements.txt into build/compatibility/venv, compiled from its
# source, from PyPI or what pip is told to use instead. Where that cannot be done it says so and
# ends well: the tests that need it are then skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=tests/compatibility/requirements.txt
venv=build/compatibility/venv
if cmp -s "$requirements" "$venv/installed.txt"; then
  exit 0
fi
mapfile -t builders < <(grep '==' "$requirements" | grep -v '^annoy')
pip=("$venv/bin/pip" --quiet --disable-pip-version-check --no-input --retries 2 --timeout 20)
rm -rf "$venv"
if python3 -m venv "$venv" &&
  "${pip[@]}" install --no-deps --only-binary :all: "${builders[@]}" &&
  "${pip[@]}" install --no-deps --no-build-isolation "$(grep '^annoy' "$requirements")"; then
  cp "$requirements" "$venv/installed.txt"
else
  echo "test: cannot install $(grep '^annoy' "$requirements") from PyPI (pip's lines above say" \
    "what it tried; it also needs g++ and python3-dev): its tests are skipped" >&2
fi
