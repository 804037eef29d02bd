#!/usr/bin/env bash
# Builds the three images of deploy/docker/Dockerfile and tries what they promise, with containers
# that run. Needs root. The last line is "N passed, M failed, K skipped".
#   tests/images/run.sh                 about 10 minutes at first, 2 when the build is cached
#   tests/images/run.sh --twice         and builds them a second time, from nothing: same digests?
#   tests/images/run.sh [--twice] NAME  only this test, e.g. ContainerTest.test_user_model_just_runs
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
. tools/quiet.sh

twice=false
if [[ ${1:-} == --twice ]]; then
  twice=true
  shift
fi
if ((EUID != 0)); then
  echo "run.sh: needs root, to build images and to run containers" >&2
  exit 1
fi

# shellcheck disable=SC2317 # a trap calls it
remove_storage() {
  # What an interrupted build left mounted in it.
  cut -d ' ' -f 2 /proc/mounts | { grep -F "$other/" || true; } | sort -r | xargs -r umount
  rm -rf "$other"
}

images=(user-model recommender-app tandem)
out=$PWD/build/images
mkdir -p "$out/layout"
rm -rf "$out/again"
script/setup --tests --images
venv=$out/venv
if [[ ! -e $venv/done || tests/images/requirements.txt -nt $venv/done || tests/e2e/requirements.txt -nt $venv/done ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  quietly "installing the clients of tests/images/requirements.txt from PyPI" "$venv/bin/pip" install --quiet \
    --disable-pip-version-check --no-input --no-deps --only-binary :all: --requirement tests/images/requirements.txt
  touch "$venv/done"
fi

for image in "${images[@]}"; do
  IMAGES_LAYOUT=$out/layout/$image tests/images/build.sh "$image" "$image:latest"
done
if $twice; then
  # Packages, objects and model anew; only the base is the same.
  other=$(mktemp -d "$out/storage.XXXXXX")
  trap remove_storage EXIT
  mkdir "$out/again" "$other/tmp"
  tests/images/base_image.sh --copy-to "$other"
  for image in "${images[@]}"; do
    TMPDIR=$other/tmp IMAGES_STORAGE=$other IMAGES_LAYOUT=$out/again/$image tests/images/build.sh "$image" "$image:latest"
  done
fi
cd tests/images
IMAGES_OUT=$out unshare --net "$venv/bin/python" -B images_test.py "$@"
