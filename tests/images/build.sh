#!/usr/bin/env bash
# Builds one image of deploy/docker/Dockerfile by buildah, as `docker build` does it for users, on a
# base that base_image.sh made. The same commit gives the same digest.
#   tests/images/build.sh TARGET NAME:TAG [ARGUMENT OF BUILDAH...]
#   tests/images/build.sh user-model user-model:latest --build-context model=bundles/movielens
# IMAGES_ARCHIVE=FILE.tar writes it as an archive of docker; IMAGES_LAYOUT=DIR as an OCI layout.
# What apt needs on this machine (proxies, dates) is mounted, and is in no image.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."
. tools/quiet.sh

if (($# < 2)); then
  echo "usage: tests/images/build.sh TARGET NAME:TAG [ARGUMENT OF BUILDAH...]" >&2
  exit 2
fi
target=$1
name=$2
shift 2

script/setup --images
. tests/images/buildah.sh
tests/images/base_image.sh
time=$(git log -1 --format=%ct)
quietly "building $name" build_tool bud --isolation chroot --layers --identity-label=false --timestamp "$time" \
  --build-arg "SOURCE_DATE_EPOCH=$time" --build-arg "BASE_IMAGE=$base_image" \
  --build-arg "REVISION=$(git rev-parse HEAD)" \
  --volume /etc/apt/apt.conf.d:/etc/apt/apt.conf.d:ro \
  --file deploy/docker/Dockerfile --target "$target" --tag "localhost/$name" "$@" .
if [[ -n ${IMAGES_ARCHIVE:-} ]]; then
  rm -f "$IMAGES_ARCHIVE"
  quietly "writing $IMAGES_ARCHIVE" build_tool push "localhost/$name" "docker-archive:$IMAGES_ARCHIVE:$name"
fi
if [[ -n ${IMAGES_LAYOUT:-} ]]; then
  rm -rf "$IMAGES_LAYOUT"
  mkdir -p "$(dirname "$IMAGES_LAYOUT")"
  quietly "writing $IMAGES_LAYOUT" build_tool push --format oci "localhost/$name" "oci:$IMAGES_LAYOUT"
fi
