"""`tandem train`: the same bytes with any number of threads, one clear line for bad input, and no harm by a kill -9."""
import filecmp
import subprocess
import time
import unittest

from harness import CONFIG, EXAMPLE, PATIENCE, TANDEM, TestCase, app, get, run, wait_until

HEADER = "userId,movieId,rating,timestamp\n"


class TrainTest(TestCase):
    def train(self, out, *arguments):
        return run("train", CONFIG, "--out", out, "--set", "training.epochs=1", *arguments)

    def test_the_same_seed_gives_the_same_bytes_with_one_thread_and_two(self):
        folders = []
        for name, threads, seed in (("one", 1, 7), ("two", 2, 7), ("other", 2, 8)):
            code, _, said = run("train", CONFIG, "--out", self.folder / name, "--threads", threads, "--set",
                                f"seed={seed}", "--set", "training.epochs=4")
            self.assertEqual((code, said), (0, []))
            folders.append(self.folder / name / "1")
        one, two, other = folders
        names = [str(p.relative_to(one)) for p in one.rglob("*") if p.is_file()]
        self.assertEqual(len(names), 9)
        self.assertEqual(filecmp.cmpfiles(one, two, names, shallow=False), (names, [], []))
        self.assertIn("model.safetensors", filecmp.cmpfiles(one, other, names, shallow=False)[1])

    def test_bad_rows_are_told_with_file_line_and_what_was_expected(self):
        out = self.folder / "out"
        ratings = self.folder / "ratings.csv"
        good = "1,2,3.5,100\n2,2,4,100\n"
        for name, text, words in (
                ("too few fields", HEADER + good + "3,4\n", (":4", "expected 4", "got 2")),
                ("too many fields", HEADER + "3,4,5,6,7\n" + good, (":2", "expected 4", "got 5")),
                ("no number", HEADER + good + "3,4,five,6\n", (":4", "expected a number", "rating", "five")),
                ("nan", HEADER + "3,4,NaN,6\n" + good, (":2", "expected a number", "rating", "NaN")),
                ("infinite", HEADER + "3,4,inf,6\n" + good, (":2", "expected a number", "rating", "inf")),
                ("too large", HEADER + "3,4,1e999,6\n" + good, (":2", "rating", "1e999")),
                ("no rating", HEADER + "3,4,,6\n" + good, (":2", "expected a number", "rating")),
                ("time", HEADER + good + "3,4,5,noon\n", (":4", "timestamp", "noon")),
                ("quote", HEADER + good + '3,"4,5,6\n', (":4", "closing quote")),
                ("missing column", "userId,movieId,timestamp\n1,2,3\n", ("no column 'rating'", "userId, movieId, timestamp")),
                ("empty", "", ("empty",)),
                ("no rows", HEADER, ("row",))):
            with self.subTest(name):
                ratings.write_text(text)
                self.assert_fails(self.train(out, "--set", f'data.train="{ratings}"'), ratings, *words)
                self.assertFalse(out.exists())
        # Where asked to, it counts such rows and goes on.
        ratings.write_text((EXAMPLE / "data" / "ratings.csv").read_text() + "3,4,NaN,6\n")
        code, stdout, said = self.train(out, "--set", f'data.train="{ratings}"', "--skip-bad-rows")
        self.assertEqual((code, said), (0, []))
        self.assertTrue((out / "1").is_dir())

    def test_bad_configs_are_told_with_the_key_and_the_choices(self):
        out = self.folder / "out"
        for setting, words in (
                ("trainnig.epochs=2", ("trainnig.epochs", "training.epochs")),
                ("model.dimensions=2", ("model.dimensions", "model.dimension")),
                ("training.epochs=many", ("training.epochs",)),
                ("training.epochs=-1", ("training.epochs", "-1")),
                ("optimizer.learning_rate=nan", ("optimizer.learning_rate",)),
                ('optimizer.kind="sgd"', ("optimizer.kind", "sgd", "adam")),
                ('data.layout="netflix"', ("netflix", "movielens-1m")),
                ("epochs", ("expected key=value",))):
            with self.subTest(setting):
                self.assert_fails(self.train(out, "--set", setting), *words)
                self.assertFalse(out.exists())
        config = self.folder / "bad.toml"
        config.write_text(CONFIG.read_text() + "\n[model\n")
        line = len(CONFIG.read_text().splitlines()) + 2
        self.assert_fails(run("train", config, "--out", out), config, f"line {line}")
        self.assert_fails(run("train", self.folder / "none.toml", "--out", out), "none.toml")
        (self.folder / "file").write_text("")
        self.assert_fails(self.train(self.folder / "file"), self.folder / "file")
        self.assertFalse(out.exists())

    def test_of_old_versions_as_many_are_kept_as_asked_for_and_none_is_removed_unasked(self):
        base = self.new_base(1, 2)
        self.assertEqual(self.train(base)[0], 0)
        self.assertEqual(sorted(p.name for p in base.iterdir()), ["1", "2", "3"])
        code, out, said = self.train(base, "--keep", "2")
        self.assertEqual((code, said), (0, []))
        self.assertIn("removed 2 old versions", out)
        self.assertEqual(sorted(p.name for p in base.iterdir()), ["3", "4"])
        code, out, said = self.train(base, "--keep", "0")
        self.assertEqual((code, len(said)), (2, 1))
        self.assertIn("--keep", said[0])

    # The version is written into N.tmp, then renamed: a kill between leaves what was there.
    def test_kill_9_during_the_export_leaves_the_version_before(self):
        base = self.new_base(1)
        server = self.enterContext(app(base))
        cut = 0
        for delay in (0, 0.002, 0.005, 0.01, 0.02, 0.05):
            started = time.monotonic()
            process = subprocess.Popen([TANDEM, "train", CONFIG, "--out", base, "--set", "training.epochs=1"],
                                       stdout=subprocess.DEVNULL)
            while not (base / "2.tmp").exists() and process.poll() is None:
                self.assertLess(time.monotonic(), started + 5 * PATIENCE)
            time.sleep(delay)
            process.kill()
            process.wait()
            if (base / "2").exists():  # later than the rename
                break
            cut += (base / "2.tmp").exists()
            code, out, said = run("inspect", base)
            self.assertEqual((code, said), (0, []))
            self.assertRegex(out, r"version +1\n")
            self.assertEqual(get(server, "/recommend/42").status_code, 200)
        self.assertGreater(cut, 0)
        before = [version.name for version in base.iterdir() if version.name.isdigit()]
        self.assertEqual(self.train(base)[0], 0)
        newest = len(before) + 1
        self.assertEqual(sorted(p.name for p in base.iterdir()), [str(n + 1) for n in range(newest)])
        wait_until("it is swapped in", lambda: f"version {newest} is available" in server.logged())
        self.assertEqual(get(server, "/recommend/42").status_code, 200)


if __name__ == "__main__":
    unittest.main()
