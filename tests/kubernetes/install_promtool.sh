#!/usr/bin/env bash
# Unpacks promtool from Debian's prometheus into build/kubernetes/promtool; the package is not installed, as it
# would bring a server. Where that cannot be done it says so and ends well: the test that needs it is then skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=build/kubernetes/promtool
if [[ -x $out/promtool ]]; then
  exit 0
fi
mkdir -p "$out/package"
if (cd "$out/package" && apt-get -q download prometheus && dpkg -x ./*.deb .) >"$out/log.txt" 2>&1 &&
  cp "$out/package/usr/bin/promtool" "$out"; then
  rm -rf "$out/package"
else
  echo "test-kubernetes: cannot unpack Debian's prometheus ($out/log.txt says why): its test is skipped" >&2
fi
