"""An image as an OCI layout on disk: what its configuration says, how large it is, its files unpacked."""
import hashlib
import json
import os
import pathlib
import shutil
import tarfile
import tempfile


class Image:
    """Reads the layout that `build.sh` wrote to `layout`. Blobs are checked against their digests."""

    def __init__(self, layout):
        self.layout = pathlib.Path(layout)
        index = json.loads((self.layout / "index.json").read_text())
        (self.digest,) = [entry["digest"] for entry in index["manifests"]]
        self.manifest = json.loads(self._blob(self.digest).read_bytes())
        self.config = json.loads(self._blob(self.manifest["config"]["digest"]).read_bytes())
        self._layers = [self._blob(layer["digest"]) for layer in self.manifest["layers"]]

    def _blob(self, digest):
        kind, value = digest.split(":")
        path = self.layout / "blobs" / kind / value
        with open(path, "rb") as file:
            actual = hashlib.file_digest(file, kind).hexdigest()
        if actual != value:
            raise AssertionError(f"{path}: its {kind} is {actual}")
        return path

    def entries(self):
        """Path without leading slash → its TarInfo, of the last layer that has it."""
        found = {}
        for layer in self._layers:
            with tarfile.open(layer) as archive:
                members = archive.getmembers()
            for member in members:
                path = member.name.removeprefix("./").strip("/")
                if pathlib.PurePosixPath(path).name.startswith(".wh."):
                    raise AssertionError(f"{layer}: {path} removes what an earlier layer added")
                found[path] = member
        return found

    def compressed_size(self, without):
        """Bytes that a registry holds and a node pulls, `without` the files below this folder: a layer that has some of them
        counts as what is left of it, compressed."""
        size = 0
        for path in self._layers:
            with tarfile.open(path) as archive, tempfile.TemporaryFile() as file:
                kept = [member for member in archive.getmembers() if not member.name.removeprefix("./").startswith(without)]
                if len(kept) == len(archive.getmembers()):
                    size += path.stat().st_size
                    continue
                with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as rest:
                    for member in kept:
                        rest.addfile(member, archive.extractfile(member) if member.isreg() else None)
                size += file.tell()
        return size

    def unpack(self, root):
        """The files at `root`, anew, as root of a container."""
        root = pathlib.Path(root)
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for layer in self._layers:
            with tarfile.open(layer) as archive:
                archive.extractall(root, numeric_owner=True)
        os.chmod(root, 0o755)
        return root
