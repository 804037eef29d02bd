"""`tandem index`: built, searched and measured from outside; one clear line for bad input."""
import json
import unittest

import numpy as np

from harness import edit_byte, run
from index_case import IndexCase, D, K, N, Q, ranking, scores_of


class IndexTest(IndexCase):
    def test_finds_the_best_rows_of_every_metric_with_their_scores(self):
        for metric in ("dot", "cosine", "l2"):
            with self.subTest(metric):
                self.build("--metric", metric)
                found = self.search("--scores", self.folder / "scores.npy")
                self.assertEqual((found.dtype, found.shape), (np.int64, (Q, K)))
                truth = scores_of(metric, self.rows, self.queries)
                np.testing.assert_array_equal(found, ranking(truth, K))
                scores = np.load(self.folder / "scores.npy")
                self.assertEqual((scores.dtype, scores.shape), (np.float32, (Q, K)))
                np.testing.assert_allclose(scores, np.take_along_axis(truth, found, 1), rtol=1e-4, atol=1e-4)

    def test_reads_npy_safetensors_and_raw_vectors_alike(self):
        self.build()
        want = self.search()
        self.rows.tofile(self.folder / "rows.f32")
        self.build("--dimension", D, vectors="rows.f32")
        np.testing.assert_array_equal(self.search(), want)
        data = self.rows.tobytes()
        header = json.dumps({"item": {"dtype": "F32", "shape": [N, D], "data_offsets": [0, len(data)]}}).encode()
        header += b" " * (-len(header) % 8)
        (self.folder / "rows.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
        for arguments in ((), ("--tensor", "item")):
            self.build(*arguments, vectors="rows.safetensors")
            np.testing.assert_array_equal(self.search(), want)
        self.assert_fails(run("index", "build", self.folder / "rows.safetensors", "--tensor", "user", "--out", self.index),
                          "no tensor 'user'", "item F32 [500, 24]")
        self.assert_fails(run("index", "build", self.folder / "rows.f32", "--out", self.index), "rows.f32", "--dimension")
        self.assert_fails(run("index", "build", self.folder / "rows.f32", "--dimension", 7, "--out", self.index),
                          "dimension 7", "28 bytes", N * D * 4)

    def test_leaves_out_what_each_query_excludes(self):
        self.build()
        rng = np.random.default_rng(6)
        lists = [rng.choice(N, rng.integers(0, 300), replace=False) for _ in range(Q)]
        lists[3] = np.array([], int)
        scores = scores_of("dot", self.rows, self.queries)
        for query, rows in enumerate(lists):
            scores[query, rows] = -np.inf
        lists[4] = np.append(lists[4], [N, 10 * N, -1])  # of no row
        path = self.write("lists.txt", "".join(" ".join(map(str, rows)) + "\n" for rows in lists))
        np.testing.assert_array_equal(self.search("--exclude", path), ranking(scores, K))
        lists[-1] = np.array([], int)  # then "\n".join has one line less
        scores[-1] = scores_of("dot", self.rows, self.queries)[-1]
        path = self.write("joined.txt", "\n".join(" ".join(map(str, rows)) for rows in lists))
        np.testing.assert_array_equal(self.search("--exclude", path), ranking(scores, K))
        self.assert_fails(run("index", "search", self.index, "--queries", self.folder / "queries.npy", "--exclude",
                              self.write("short.txt", "1 2\n")), "short.txt", f"each of {Q} queries, got 1")
        self.assert_fails(run("index", "search", self.index, "--queries", self.folder / "queries.npy", "--exclude",
                              self.write("words.txt", "\n" * 4 + "1 two 3\n" + "\n" * (Q - 5))), "words.txt:5", "'two'")

    def test_where_fewer_than_k_are_left_the_rest_is_minus_one(self):
        self.build()
        keep = [7, 3, 90]
        drop = " ".join(str(row) for row in range(N) if row not in keep) + "\n"
        found = self.search("--exclude", self.write("lists.txt", drop * Q))
        scores = scores_of("dot", self.rows, self.queries)
        scores[:, [row for row in range(N) if row not in keep]] = -np.inf
        np.testing.assert_array_equal(found, ranking(scores, K))
        self.assertTrue((found[:, 3:] == -1).all())
        found = self.search(k=N + 20)
        self.assertTrue((found[:, N:] == -1).all())
        np.testing.assert_array_equal(found[:, :N], ranking(scores_of("dot", self.rows, self.queries), N))

    def test_filters_by_attributes(self):
        rng = np.random.default_rng(8)
        genres, years = rng.choice(["Comedy", "Drama", "War"], N), rng.integers(1950, 2020, N)
        table = self.write("items.tsv", "genre\tyear\n" + "".join(f"{g}\t{y}\n" for g, y in zip(genres, years)))
        self.build("--attributes", table)
        scores = scores_of("dot", self.rows, self.queries)
        scores[:, ~((genres == "Comedy") & (years >= 1990))] = -np.inf
        np.testing.assert_array_equal(self.search("--filter", "genre = Comedy AND year >= 1990"), ranking(scores, K))
        self.assert_fails(run("index", "search", self.index, "--queries", self.folder / "queries.npy", "--filter",
                              "gender = Comedy"), "gender", "genre", "year")
        self.assert_fails(run("index", "search", self.index, "--queries", self.folder / "queries.npy", "--filter",
                              "genre = "), "--filter", "byte")

    def test_bench_tells_time_recall_and_kernel(self):
        self.build()
        told = json.loads(self.succeeds("bench", self.index, "--queries", self.folder / "queries.npy", "-k", K, "--json",
                                        "--seconds", 0.05))
        self.assertEqual((told["recall"], told["batch_recall"], told["k"], told["items"]), (1.0, 1.0, K, N))
        self.assertGreater(told["us_cpu"], 0)
        self.assertGreater(told["batch_us_cpu"], 0)
        self.assertRegex(told["kernel"], "^[a-z0-9_]+$")

    def test_info_tells_what_is_inside(self):
        self.build("--metric", "cosine")
        told = json.loads(self.succeeds("info", self.index, "--json", "--verify"))
        self.assertEqual((told["engine"], told["exact"], told["metric"], told["items"], told["dimension"]),
                         ("exact", True, "cosine", N, D))
        self.assertEqual(told["bytes"], self.index.stat().st_size)
        self.assertIn("cosine", self.succeeds("info", self.index))

    def test_an_approximate_index_keeps_the_recall_that_was_measured(self):
        for metric in ("dot", "cosine", "l2"):
            with self.subTest(metric):
                said = self.build("--engine", "ivf", "--metric", metric, "--target-recall", 0.9, "--sample-queries",
                                  self.folder / "queries.npy")
                self.assertIn("recall at 10, measured: ", said)
                told = json.loads(self.succeeds("info", self.index, "--json", "--verify"))
                self.assertEqual((told["engine"], told["exact"], told["metric"], told["items"], told["target_recall"]),
                                 ("ivf", False, metric, N, 0.9))
                self.assertEqual([effort["k"] for effort in told["efforts"]], [10, 100])
                text = self.succeeds("info", self.index)
                self.assertIn("ivf, approximate", text)
                for effort in told["efforts"]:
                    self.assertGreater(effort["measured_recall"], 0.8)
                    self.assertIn(f"{effort['measured_recall']:.6g} at k = {effort['k']}", text)
                truth = scores_of(metric, self.rows, self.queries)
                scores = self.folder / "scores.npy"
                found = self.search("--scores", scores)
                np.testing.assert_allclose(np.load(scores), np.take_along_axis(truth, found, 1), rtol=1e-4, atol=1e-4)
                kth = np.sort(truth, axis=1)[:, -K, None]  # less a millionth of it, as bench says
                recall = np.mean(np.take_along_axis(truth, found, 1) >= kth - 1e-6 * np.abs(kth))
                self.assertGreater(recall, 0.8)
                bench = json.loads(self.succeeds("bench", self.index, "--queries", self.folder / "queries.npy", "-k", K,
                                                 "--json", "--seconds", 0.05))
                self.assertEqual((bench["engine"], bench["exact"]), ("ivf", False))
                self.assertAlmostEqual(bench["recall"], recall)
                exclude = self.write("lists.txt", "".join(" ".join(map(str, line)) + "\n" for line in found))
                for query, rows in enumerate(self.search("--exclude", exclude)):
                    self.assertFalse(set(rows) & set(found[query]))
        self.assertEqual(len(self.succeeds("get", self.index, "--id", 3).split()), D)
        self.succeeds("export-annoy", self.index, "--out", self.folder / "i.ann")
        self.succeeds("import-annoy", self.folder / "i.ann", "--dimension", D, "--metric", "euclidean", "--out", self.index)
        np.testing.assert_array_equal(self.search(), ranking(scores_of("l2", self.rows, self.queries), K))

    def test_auto_says_which_engine_it_takes_and_why(self):
        said = self.build("--engine", "auto")  # of 500 rows, an exact answer is cheap
        self.assertRegex(said, r"(?m)^engine exact: it answers in [0-9.]+ us, within 100 us$")
        self.assertEqual(json.loads(self.succeeds("info", self.index, "--json"))["engine"], "exact")

    def test_engines_that_do_not_fit_are_refused(self):
        build = ("index", "build", self.folder / "rows.npy", "--out", self.index)
        self.assert_misused(run(*build, "--engine", "hnsw"), "hnsw", "exact, ivf or auto")
        self.assert_misused(run(*build, "--engine", "ivf", "--rows", "int8"), "int8", "exact", "ivf")
        self.assert_misused(run(*build, "--engine", "ivf", "--target-recall", 1.5), "1.5")
        annoy = self.folder / "i.ann"
        self.build()
        self.succeeds("export-annoy", self.index, "--out", annoy)
        self.index.unlink()
        for start in (build, ("index", "import-annoy", annoy, "--out", self.index)):
            for flag, value in (("--sample-queries", self.folder / "queries.npy"), ("--target-recall", 0.9), ("--threads", 1)):
                self.assert_misused(run(*start, flag, value), flag, "the engine is exact")
                self.assert_misused(run(*start, flag, value, "--engine", "exact"), flag, "the engine is exact")
        self.assert_misused(run(*build, "--engine", "auto", "--target-recall", 1), "--target-recall is 1,", "between 0 and 1")
        self.assert_fails(run(*build, "--tensor", "item"), "--tensor", ".safetensors", "rows.npy")
        np.save(self.folder / "bad.npy", self.queries[:, 1:])
        self.assert_fails(run(*build, "--engine", "ivf", "--sample-queries", self.folder / "bad.npy"), "bad.npy", "24", "23")
        self.assertFalse(self.index.exists())

    def test_rows_of_bytes_take_a_third_of_the_memory(self):
        self.build()
        floats = self.index.stat().st_size
        exact = self.search()
        self.build("--rows", "int8")
        self.assertLess(self.index.stat().st_size, 0.6 * floats)  # of few rows the rest of the file is a part, too
        told = json.loads(self.succeeds("info", self.index, "--json"))
        self.assertEqual((told["exact"], told["items"]), (False, N))
        self.assertIn("engine      exact scan of rounded rows\n", self.succeeds("info", self.index))
        bench = ("bench", self.index, "--queries", self.folder / "queries.npy", "--seconds", 0.05)
        self.assertEqual(json.loads(self.succeeds(*bench, "--json"))["recall_against"], "rounded rows")
        self.assertIn("against a scan of its rounded rows", self.succeeds(*bench))
        self.assertGreater(np.mean([len(set(a) & set(b)) for a, b in zip(self.search(), exact)]), 0.9 * K)
        self.assert_misused(run("index", "build", self.folder / "rows.npy", "--out", self.index, "--rows", "int4"),
                            "int4", "float or int8")

    def test_annoy_files_go_out_come_in_and_are_repaired(self):
        annoy, repaired = self.folder / "i.ann", self.folder / "repaired.ann"
        for metric in ("dot", "cosine", "l2"):
            with self.subTest(metric):
                self.build("--metric", metric)
                want = self.search()
                self.succeeds("export-annoy", self.index, "--trees", 10, "--out", annoy)
                first = annoy.read_bytes()
                self.succeeds("export-annoy", self.index, "--trees", 10, "--out", annoy, "--threads", 1)
                self.assertEqual(annoy.read_bytes(), first)
                self.index.unlink()
                told = () if metric != "l2" else ("--metric", "euclidean")  # manhattan fits, too
                self.succeeds("import-annoy", annoy, "--dimension", D, "--out", self.index, *told)
                np.testing.assert_array_equal(self.search(), want)
                self.assertIn(metric, self.succeeds("info", self.index))
                if metric == "dot":
                    self.succeeds("repair-annoy", annoy, repaired)
                    self.succeeds("import-annoy", repaired, "--out", self.index)
                    np.testing.assert_array_equal(self.search(), want)
                else:
                    self.assert_fails(run("index", "repair-annoy", annoy, repaired, "--dimension", D), "dot")
                self.assert_fails(run("index", "import-annoy", annoy, "--dimension", D + 2, "--out", self.index), "i.ann")
                said = self.succeeds("import-annoy", annoy, "--dimension", D, "--out", self.index, *told, "--engine", "ivf",
                                     "--target-recall", 0.9, "--sample-queries", self.folder / "queries.npy", "--threads", 1)
                self.assertIn("recall at 10, measured: ", said)
                info = json.loads(self.succeeds("info", self.index, "--json"))
                self.assertEqual((info["engine"], info["metric"], info["target_recall"]), ("ivf", metric, 0.9))
                said = self.succeeds("import-annoy", annoy, "--dimension", D, "--out", self.index, *told, "--engine", "auto")
                self.assertIn("engine exact: it answers in ", said)
                np.testing.assert_array_equal(self.search(), want)
        self.assert_fails(run("index", "import-annoy", self.folder / "rows.npy", "--out", self.index), "rows.npy")
        self.assert_fails(run("index", "export-annoy", self.index, "--out", self.folder / "no" / "i.ann"), "no/i.ann")

    def test_bad_vectors_are_told_with_their_row(self):
        for name, at, value in (("nan", (7, 3), np.nan), ("infinite", (0, 0), -np.inf)):
            with self.subTest(name):
                bad = self.rows.copy()
                bad[at] = value
                np.save(self.folder / "bad.npy", bad)
                self.assert_fails(run("index", "build", self.folder / "bad.npy", "--out", self.index),
                                  "bad.npy", f"row {at[0]}", "finite")
        for array, words in ((self.rows.astype(np.float64), ("<f4", "<f8", "save it as float32")),
                             (self.rows[None], (f"[1, {N}, {D}]",)), (np.zeros((0, 65537), np.float32), ("65536", "[0, 65537]")),
                             (self.rows[0], ("[n, d]", "[24]")),
                             (np.asfortranarray(self.rows), ("C order",))):
            np.save(self.folder / "bad.npy", array)
            self.assert_fails(run("index", "build", self.folder / "bad.npy", "--out", self.index), "bad.npy", *words)
        whole = (self.folder / "rows.npy").read_bytes()
        (self.folder / "bad.npy").write_bytes(whole[:-5])
        self.assert_fails(run("index", "build", self.folder / "bad.npy", "--out", self.index), "bad.npy", "shape")
        self.assert_fails(run("index", "build", self.folder / "none.npy", "--out", self.index), "none.npy", "No such file")
        self.assert_fails(run("index", "build", self.folder / "rows.npy", "--out", self.index, "--dimension", 9),
                          "rows.npy", "dimension 9", "got 24")
        self.assert_misused(run("index", "build", self.folder / "rows.npy", "--out", self.index, "--metric", "dit"),
                            "dit", "dot, cosine or l2")
        self.assertFalse(self.index.exists())

    def test_bad_queries_are_told(self):
        self.build()
        bad = self.queries.copy()
        bad[2, 5] = np.nan
        for name, array, words in (("nan", bad, ("row 2", "number 5")), ("dimension", self.queries[:, :-1], ("24", "23"))):
            with self.subTest(name):
                np.save(self.folder / "bad.npy", array)
                self.assert_fails(run("index", "search", self.index, "--queries", self.folder / "bad.npy"), "bad.npy", *words)
        for verb in (("search", "--queries", self.folder / "queries.npy"), ("neighbors", "--id", 1),
                     ("bench", "--queries", self.folder / "queries.npy")):
            for k in (0, -1, "ten", 1_000_001):
                code, _, said = run("index", verb[0], self.index, *verb[1:], "-k", k)
                self.assertEqual((code, said), (2, [f"tandem: -k: got '{k}', expected a whole number from 1 to 1000000 "
                                                    "(--help says more)"]))

    def test_what_is_no_index_is_told(self):
        self.build()
        queries = self.folder / "queries.npy"
        self.assert_fails(run("index", "search", queries, "--queries", queries), "queries.npy", "not an index of Tandem")
        self.assert_fails(run("index", "info", self.folder), self.folder)
        self.assert_fails(run("index", "info", self.folder / "none"), "none", "No such file")
        data = self.index.read_bytes()
        for size in (0, 10, 64, 200, len(data) // 2, len(data) - 1):
            self.index.write_bytes(data[:size])
            self.assert_fails(run("index", "search", self.index, "--queries", queries), "i.index")
        self.index.write_bytes(data)
        edit_byte(self.index, len(data) // 2)
        self.assert_fails(run("index", "info", self.index), "i.index", "section", "checksum")

    def test_a_failed_build_leaves_the_old_index(self):
        self.build()
        before = self.index.read_bytes()
        self.assert_fails(run("index", "build", self.folder / "none.npy", "--out", self.index), "none.npy")
        no, queries = self.folder / "no", self.folder / "queries.npy"
        for arguments in (("build", self.folder / "rows.npy", "--out", no / "x"), ("export-annoy", self.index, "--out", no / "x"),
                          ("search", self.index, "--queries", queries, "--out", no / "x"),
                          ("search", self.index, "--queries", queries, "--scores", no / "x")):
            self.assert_fails(run("index", *arguments), f"write '{no}/x': there is no directory '{no}'")
        self.assert_fails(run("index", "build", self.folder / "rows.npy", "--out", self.folder), self.folder)
        self.assertEqual(self.index.read_bytes(), before)
        self.assertEqual(list(self.folder.glob("*.tmp*")), [])


if __name__ == "__main__":
    unittest.main()
