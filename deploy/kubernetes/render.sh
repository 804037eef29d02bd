#!/usr/bin/env bash
# Renders overlays/minikube into user-model.yaml and recommender-app.yaml beside this file: two objects each, for
# `kubectl apply -f`.
#   render.sh            writes them
#   render.sh --check    fails where they are not what the overlay renders
set -euo pipefail
cd "$(dirname "$0")"

case "$*" in
  "") target=. ;;
  --check) target=$(mktemp -d) && trap 'rm -r "$target"' EXIT ;;
  *)
    echo "usage: render.sh [--check]" >&2
    exit 2
    ;;
esac

overlay=$(kubectl kustomize overlays/minikube)
for name in user-model recommender-app; do
  {
    echo "# Rendered by render.sh from overlays/minikube; change that instead."
    awk -v name="$name" '
      function flush() {
        if (index(document, "\n    app: " name "\n")) {
          printf "%s%s", separator, document
          separator = "---\n"
        }
        document = ""
      }
      $0 == "---" { flush(); next }
      { document = document $0 "\n" }
      END { flush() }' <<<"$overlay"
  } >"$target/$name.yaml"
done

[[ $target == . ]] || for name in user-model recommender-app; do
  diff -u "$name.yaml" "$target/$name.yaml" || {
    echo "render.sh: deploy/kubernetes/$name.yaml is not what overlays/minikube renders; run deploy/kubernetes/render.sh" >&2
    exit 1
  }
done
