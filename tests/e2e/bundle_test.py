"""Edited and truncated bundles: refused with one line by everything that reads them. Bundle's own tests edit every byte of
a small bundle; these sample a real one through the program."""
import shutil
import unittest

from harness import PATIENCE, TestCase, app, bundle_path, edit_byte, get, run, wait_until

MANIFEST = "manifest.json"


class BundleTest(TestCase):
    def setUp(self):
        super().setUp()
        self.version = self.folder / "version"
        shutil.copytree(bundle_path(1), self.version)

    def assert_refused(self, *words):
        self.assert_fails(run("inspect", self.version), *words)

    def restore(self, name):
        shutil.copyfile(bundle_path(1) / name, self.version / name)

    def files(self):
        names = [str(p.relative_to(self.version)) for p in self.version.rglob("*") if p.is_file()]
        self.assertEqual(len(names), 9)
        return sorted(names)

    def test_a_copy_is_as_good_as_the_original(self):
        code, out, said = run("inspect", self.version)
        self.assertEqual((code, said), (0, []))
        self.assertIn("replayed", out)

    def test_a_manifest_with_an_edited_byte_is_refused(self):
        size = (self.version / MANIFEST).stat().st_size
        positions = [*range(0, size, size // 12), size - 1]
        for at in positions:
            with self.subTest(at=at):
                edit_byte(self.version / MANIFEST, at)
                self.assert_refused(MANIFEST)
                self.restore(MANIFEST)

    def test_a_truncated_manifest_is_refused(self):
        data = (self.version / MANIFEST).read_bytes()
        for size in (0, 1, len(data) // 3, len(data) // 2, len(data) - 1):
            with self.subTest(size=size):
                (self.version / MANIFEST).write_bytes(data[:size])
                self.assert_refused(MANIFEST)

    def test_every_file_with_an_edited_byte_is_refused(self):
        for name in self.files():
            size = (self.version / name).stat().st_size
            for at in (0, size // 2, size - 1):
                with self.subTest(name, at=at):
                    edit_byte(self.version / name, at)
                    self.assert_refused(name.removesuffix(".xxh3"))
                    self.restore(name)

    def test_every_file_that_is_cut_or_gone_is_refused(self):
        for name in self.files():
            data = (self.version / name).read_bytes()
            for size in (0, len(data) // 2, None):
                with self.subTest(name, size=size):
                    if size is None:
                        (self.version / name).unlink()
                    else:
                        (self.version / name).write_bytes(data[:size])
                    # A folder without a manifest is taken for a base path.
                    is_version = (self.version / MANIFEST).exists()
                    self.assert_refused(name.removesuffix(".xxh3") if is_version else "holds no bundle")
            self.restore(name)

    def test_a_refused_bundle_leaves_no_output(self):
        edit_byte(self.version / "users.safetensors", -1)
        out = self.folder / "out.tsv"
        pairs = self.folder / "pairs.tsv"
        pairs.write_text("42\t1\n")
        base = self.folder / "base"
        base.mkdir()
        self.version.rename(base / "1")
        for arguments in (("recommend", base, "--all-users", "--out", out),
                          ("recommend", base, "--user", 42, "--out", out),
                          ("predict", base, "--pairs", pairs, "--out", out),
                          ("evaluate", base, "--test", pairs)):
            with self.subTest(arguments[0]):
                code, stdout, said = run(*arguments)
                self.assertEqual((code, stdout, len(said)), (1, "", 1), said)
                self.assertIn("users.safetensors", said[0])
                self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["base", "pairs.tsv"])

    def test_the_newest_good_version_is_used(self):
        base = self.new_base(1)
        (base / "junk").mkdir()
        (base / "3.tmp").mkdir()
        edit_byte(self.version / MANIFEST, 10)
        self.version.rename(base / "2")
        code, out, _ = run("inspect", base)
        self.assertEqual(code, 0)
        self.assertRegex(out, r"version +1\n")
        with app(base) as server:
            wait_until("the bad one is refused", lambda: "version 2" in server.logged(), PATIENCE)
            self.assertEqual(get(server, "/recommend/42").status_code, 200)


if __name__ == "__main__":
    unittest.main()
