"""Builds the images that the tests run, by tests/images/build.sh, and puts them into the cluster.

Three tags of each server: the version of this tree and `latest` with the example's model; VERSION-again, the same under another name,
which a rolling update goes to; VERSION-other, with a model of another seed that is version 1 as well. Beside them, for answers to compare
with, ROOT: the unpacked root of an image, the example and both bundles in it.

images.py build | load"""
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import tempfile

from cluster import OUT, SOURCE, TOOL, run
from fixture import AGAIN, APP, EXAMPLE, FIRST, MODEL, OTHER, ROOT, bundle, tandem

FOLDER = OUT / "images"


def build(target, tag, *arguments):
    archive = FOLDER / f"{target}-{tag}.tar"
    run(SOURCE / "tests" / "images" / "build.sh", target, f"{target}:{tag}", *arguments,
        env={**os.environ, "IMAGES_ARCHIVE": str(archive)})
    return archive


def add_tags(archive, *names):
    """The archive's image goes by these names too."""
    changed = archive.with_suffix(".new")
    with tarfile.open(archive) as old, tarfile.open(changed, "w") as new:
        for member in old.getmembers():
            data = old.extractfile(member) if member.isfile() else None
            if member.name == "manifest.json":
                manifest = json.load(data)
                manifest[0]["RepoTags"] += [f"docker.io/library/{name}" for name in names]
                text = json.dumps(manifest).encode()
                member.size, data = len(text), io.BytesIO(text)
            new.addfile(member, data)
    changed.rename(archive)


def unpack(archive, root):
    """The root of an image: its layers, one over the other."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        run("tar", "-xf", archive, "-C", folder)
        for layer in json.loads((pathlib.Path(folder) / "manifest.json").read_text())[0]["Layers"]:
            run("tar", "-xf", pathlib.Path(folder) / layer, "-C", root)


def build_all():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    build("tandem", FIRST)
    for target in (MODEL, APP):
        archive = build(target, FIRST)
        if target == MODEL:
            unpack(archive, ROOT)
        add_tags(archive, f"{target}:{AGAIN}", f"{target}:latest")
    shutil.copytree(ROOT / "models" / "user_model", bundle("a"))
    shutil.copytree(EXAMPLE, ROOT / "movielens")
    tandem("train", ROOT / "movielens" / "movielens.toml", "--out", bundle("b"), "--set", "seed=43")
    for target in (MODEL, APP):
        build(target, OTHER, "--build-context", f"model={bundle('b')}")


def main(verb):
    if verb == "build":
        build_all()
    elif verb == "load":
        run(TOOL, "load", *sorted(FOLDER.glob("*.tar")))
    else:
        sys.exit("usage: images.py build | load")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
