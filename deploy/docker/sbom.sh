#!/usr/bin/env bash
# Writes the bill of materials of an image to stdout, as SPDX 2.3 in JSON: the program, the Debian
# packages whose libraries are in ROOT (root.sh left their entries there), the versions of a model.
#   deploy/docker/sbom.sh ROOT IMAGE VERSION [MODEL]
# Same input, same bytes: its time is SOURCE_DATE_EPOCH's, its namespace ends with a hash of the rest.
set -euo pipefail
shopt -s inherit_errexit

root=$1
image=$2
version=$3
model=${4:-}

mapfile -t names < <(cd "$root/var/lib/dpkg/status.d" && printf '%s\n' *)
# shellcheck disable=SC2016 # dpkg-query's own names
packages=$(dpkg-query --show \
  --showformat '${Package}\t${Version}\t${Architecture}\t${source:Package}\n' \
  "${names[@]/%/:$(dpkg --print-architecture)}")

models=
if [[ -n $model ]]; then
  for directory in "$model"/*/; do
    fingerprint=$("$root/usr/bin/tandem" inspect "$directory" | sed -n 's/^fingerprint *//p')
    models+=$(basename "$directory")$'\t'$fingerprint$'\n'
  done
fi

hash=$(printf '%s\n' "$image" "$version" "$packages" "$models" | sha256sum)
jq --null-input --from-file "$(dirname "$0")/sbom.jq" \
  --arg image "$image" --arg version "$version" --arg packages "$packages" --arg models "$models" \
  --arg hash "${hash%% *}" --argjson time "${SOURCE_DATE_EPOCH:-0}"
