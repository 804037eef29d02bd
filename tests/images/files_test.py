"""What the images of deploy/docker hold: size, contents, metadata, the same bytes each time."""
import json
import os
import re
import stat
import subprocess
import unittest

from built import MODEL, NAMES, NONROOT, OUT, SOURCE, figures, images, roots
from image import Image

MEGABYTE = 1_000_000


def files_of_model(entries):
    return {path for path, entry in entries.items() if path.startswith("models/") and entry.isreg()}


def each():
    """(name, image, its files and folders)"""
    return [(name, images[name], images[name].entries()) for name in NAMES]


class FilesTest(unittest.TestCase):
    def test_is_within_its_bounds_without_the_model(self):
        for name, image, entries in each():
            total = sum(entry.size for entry in entries.values())
            unpacked = total - sum(entries[path].size for path in files_of_model(entries))
            compressed = image.compressed_size(without="models/")
            figures[f"{name}, MB without the model"] = f"{compressed / MEGABYTE:.1f} compressed, {unpacked / MEGABYTE:.1f} unpacked"
            figures[f"{name}, MB with it"] = f"{image.compressed_size(without='/') / MEGABYTE:.1f} compressed, {total / MEGABYTE:.1f} unpacked"
            self.assertLessEqual(unpacked, 90 * MEGABYTE, name)
            self.assertLessEqual(compressed, 30 * MEGABYTE, name)

    def test_holds_one_program_and_the_libraries_it_names(self):
        for name, _, entries in each():
            elf = set()
            for path in (path for path in roots[name].rglob("*") if path.is_file() and not path.is_symlink()):
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        elf.add("/" + str(path.relative_to(roots[name])))
            listed = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", "/usr/bin/tandem"], capture_output=True, text=True,
                                    check=True, preexec_fn=lambda root=roots[name]: os.chroot(root)).stdout
            self.assertNotIn("not found", listed, name)
            libraries = set(re.findall(r"(?<=\s)(/\S+)", listed)) | {"/lib64/ld-linux-x86-64.so.2"}
            needed = {"/usr" + path if path.startswith("/lib") else path for path in libraries}
            self.assertEqual(elf, needed | {"/usr/bin/tandem"}, name)
            # Nor is anything else a program, as a script would be.
            may_run = {"/" + path for path, entry in entries.items() if entry.isreg() and entry.mode & 0o111}
            self.assertEqual(may_run, elf, name)

    def test_nothing_can_be_changed_by_who_runs_in_it(self):
        for name, _, entries in each():
            for path, entry in ((f"{name}: {path}", entry) for path, entry in entries.items()):
                self.assertEqual((entry.uid, entry.gid), (0, 0), path)
                self.assertFalse(entry.mode & (stat.S_ISUID | stat.S_ISGID), path)
                if not path.endswith(": tmp") and not entry.issym():
                    self.assertFalse(entry.mode & 0o022, path)
                self.assertTrue(entry.isreg() or entry.isdir() or entry.issym(), path)
            self.assertEqual(entries["tmp"].mode & 0o7777, 0o1777)

    def test_each_library_has_its_licence_and_the_entry_that_scanners_read(self):
        for name, _, entries in each():
            packages = {path.rsplit("/", 1)[1] for path in entries if path.startswith("var/lib/dpkg/status.d/")}
            self.assertIn("libdnnl2", packages)
            for package in packages:
                self.assertIn(f"usr/share/doc/{package}/copyright", entries)
                entry = (roots[name] / "var/lib/dpkg/status.d" / package).read_text()
                self.assertRegex(entry, f"^Package: {re.escape(package)}\n")
            self.assertIn("Apache License", (roots[name] / "usr/share/doc/tandem/copyright").read_text())

    def test_bill_of_materials_lists_what_is_inside(self):
        for name, _, entries in each():
            bill = json.loads((roots[name] / "usr/share/doc/tandem/sbom.spdx.json").read_text())
            inside = {path.rsplit("/", 1)[1] for path in entries if path.startswith("var/lib/dpkg/status.d/")}
            inside |= {name, "tandem"} | ({"user_model"} if name != "tandem" else set())
            self.assertEqual({package["name"] for package in bill["packages"]}, inside, name)
            self.assertIn(name, bill["name"])

    def test_bill_of_materials_is_valid_spdx(self):
        try:
            from spdx_tools.spdx.parser.parse_anything import parse_file
            from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
        except ImportError:
            self.skipTest("spdx-tools is not installed")
        for name, _, _ in each():
            document = parse_file(str(roots[name] / "usr/share/doc/tandem/sbom.spdx.json"))
            self.assertEqual(validate_full_spdx_document(document), [], name)

    def test_says_what_it_is(self):
        version = (SOURCE / "VERSION").read_text().strip()
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout.strip()
        for name, image, _ in each():
            config = image.config["config"]
            labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()
                      if key.startswith("org.opencontainers.image.")}
            self.assertTrue(labels.pop("description") and labels.pop("source"))
            self.assertEqual(labels, {"title": name, "version": version, "revision": revision, "licenses": "Apache-2.0"}, name)
            self.assertEqual(config["User"], f"{NONROOT}:{NONROOT}")
            self.assertEqual(config["Entrypoint"], ["/usr/bin/tandem"])
        ports = {name: set(images[name].config["config"].get("ExposedPorts", ())) for name in NAMES}
        self.assertEqual(ports, {"user-model": {"8500/tcp", "9090/tcp"}, "recommender-app": {"6000/tcp", "9090/tcp"}, "tandem": set()})

    def test_both_images_hold_the_same_model(self):
        model, app = ({str(path.relative_to(roots[name] / MODEL)): path.read_bytes() for path in (roots[name] / MODEL).rglob("*")
                       if path.is_file()} for name in ("user-model", "recommender-app"))
        self.assertIn("1/manifest.json", model)
        self.assertEqual(model, app)

    def test_a_second_build_gives_the_same_digests(self):
        again = OUT / "again"
        if not again.is_dir():
            self.skipTest("built once only; run.sh --twice builds a second time, from nothing")
        for name, image, _ in each():
            self.assertEqual(image.digest, Image(again / name).digest, name)
