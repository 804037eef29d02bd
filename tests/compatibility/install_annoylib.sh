#!/usr/bin/env bash
# Unpacks annoylib.h, the whole of Annoy's C++, from Debian's r-cran-rcppannoy into
# build/compatibility/annoylib; the package is not installed, as it would bring all of R. Where that
# cannot be done it says so and ends well: the test that includes it is then left out.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=build/compatibility/annoylib
if [[ -f $out/annoylib.h ]]; then
  exit 0
fi
mkdir -p "$out/package"
if (cd "$out/package" && apt-get -q download r-cran-rcppannoy && dpkg -x ./*.deb .) >"$out/log.txt" 2>&1 &&
  cp "$out"/package/usr/lib/R/site-library/RcppAnnoy/include/{annoylib,kissrandom,mman}.h "$out"; then
  rm -rf "$out/package"
else
  echo "test: cannot unpack Debian's r-cran-rcppannoy ($out/log.txt says why): the test against" \
    "annoylib.h is left out" >&2
fi
