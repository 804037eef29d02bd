"""The items of `tandem index`: their ids and attributes, how they come in, change and go, and those of a bundle."""
import json
import unittest

import numpy as np

from harness import bundle_path, run
from index_case import IndexCase, D, K, N, ranking, scores_of


class IndexItemsTest(IndexCase):
    def test_ids_may_be_any_strings(self):
        names = [f"item {row} é" for row in range(N)]
        self.build("--ids", self.write("ids.txt", "\n".join(names)))
        rows = self.search()  # an .npy has row numbers
        np.testing.assert_array_equal(rows, ranking(scores_of("dot", self.rows, self.queries), K))
        self.succeeds("search", self.index, "--queries", self.folder / "queries.npy", "--out", self.folder / "ids.tsv")
        lines = (self.folder / "ids.tsv").read_text().splitlines()
        self.assertEqual([line.split("\t") for line in lines], [[names[row] for row in line] for line in rows])
        np.testing.assert_array_equal(np.array(self.vector(self.index, names[4]), np.float32), self.rows[4])
        out = self.succeeds("neighbors", self.index, "--id", names[4], "-k", 3)
        scores = scores_of("dot", self.rows, self.rows[4:5])
        scores[0, 4] = -np.inf
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()], [names[row] for row in ranking(scores, 3)[0]])
        for verb in ("get", "neighbors"):
            self.assert_fails(run("index", verb, self.index, "--id", "nobody"), self.index, "'nobody'")
        for text, words in (("a\n" * N, ("'a' occurs twice", "0", "1")), ("a\nb\n", (f"each of {N} vectors, got 2",)),
                            ("\n".join(names[:5] + [""] + names[6:]), ("ids.txt:6", "empty"))):
            self.assert_fails(run("index", "build", self.folder / "rows.npy", "--out", self.index, "--ids",
                                  self.write("ids.txt", text)), "ids.txt", *words)

    def test_get_tells_the_vector_and_the_attributes_of_an_item(self):
        table = self.write("items.csv", "id,genre,year,size\n7,War|Comedy,1990,0.1\n8,,,-2\n")
        self.build("--attributes", table)
        lines = self.succeeds("get", self.index, "--id", 7).splitlines()
        np.testing.assert_array_equal(np.array(lines[0].split(), np.float32), self.rows[7])
        self.assertEqual(lines[1:], ["genre\tComedy|War", "year\t1990", "size\t0.1"])
        self.assertEqual(self.succeeds("get", self.index, "--id", 8).splitlines()[1:], ["genre\t", "year\t", "size\t-2"])
        told = json.loads(self.succeeds("get", self.index, "--id", 7, "--json"))
        np.testing.assert_array_equal(np.array(told["vector"], np.float32), self.rows[7])
        self.assertEqual((told["id"], told["attributes"]), ("7", {"genre": ["Comedy", "War"], "year": 1990, "size": 0.1}))
        told = json.loads(self.succeeds("get", self.index, "--id", 9, "--json"))
        self.assertEqual(told["attributes"], {"genre": [], "year": None, "size": None})

    def test_attributes_may_name_their_items(self):
        names = [f"m{row}" for row in range(N)]
        table = self.write("items.tsv", "id\tgenre\n" + "".join(f"{name}\t{'AB'[row % 2]}\n" for row, name in
                                                                reversed(list(enumerate(names)))))
        self.build("--ids", self.write("ids.txt", "\n".join(names)), "--attributes", table)
        found = self.search("--filter", "genre = B")
        self.assertTrue((found % 2 == 1).all())

    def test_add_appends_and_replaces_as_a_build_of_all_would(self):
        more = np.random.default_rng(9).standard_normal((40, D)).astype(np.float32)
        np.save(self.folder / "more.npy", more)
        changed = self.folder / "j.index"
        for metric, rows, engine in (("dot", "float", "exact"), ("cosine", "int8", "exact"), ("l2", "float", "exact"),
                                     ("dot", "float", "ivf")):
            with self.subTest(f"{metric} {rows} {engine}"):
                self.build("--metric", metric, "--rows", rows, "--engine", engine)
                before = self.index.read_bytes()
                said = self.succeeds("add", self.index, self.folder / "more.npy", "--out", changed)
                self.assertIn(f"{changed}: {N + 40} vectors of dimension {D}, {metric}, ", said)
                self.assertIn("40 added, 0 replaced", said)
                self.assertEqual(self.index.read_bytes(), before)
                told = json.loads(self.succeeds("info", changed, "--json", "--verify"))
                self.assertEqual((told["engine"], told["metric"], told["ids"], told["exact"]),
                                 (engine, metric, "row numbers", rows == "float" and engine == "exact"))
                ids = self.write("ids.txt", f"{N + 40}\n7\n" + "".join(f"{N + row}\n" for row in range(38)))
                self.succeeds("add", changed, self.folder / "more.npy", "--ids", ids)  # in its place
                told = json.loads(self.succeeds("info", changed, "--json", "--verify"))
                self.assertEqual((told["items"], told["ids"]), (N + 41, "row numbers"))
                everything = np.concatenate([self.rows, more[2:], more[38:], more[:1]])
                everything[7] = more[1]
                np.save(self.folder / "everything.npy", everything)
                self.build("--metric", metric, "--rows", rows, "--engine", engine, vectors="everything.npy")
                want = self.search()
                self.index = changed
                found = self.search()
                if rows == "float" and engine == "exact":
                    np.testing.assert_array_equal(found, want)
                    np.testing.assert_array_equal(found, ranking(scores_of(metric, everything, self.queries), K))
                else:  # what is rounded or found by other lists may differ where scores are near
                    self.assertGreater(np.mean([len(set(a) & set(b)) for a, b in zip(found, want)]), 0.9 * K)
                self.index = self.folder / "i.index"

    def test_items_of_any_ids_are_added_replaced_and_removed_with_their_attributes(self):
        names = [f"item {row}" for row in range(N)]
        table = self.write("items.tsv", "zip:category\tyear\n" + "".join(f"{row % 5}\t{1950 + row % 70}\n" for row in range(N)))
        self.build("--ids", self.write("ids.txt", "\n".join(names)), "--attributes", table)
        np.save(self.folder / "more.npy", self.queries[:3])
        more = ("add", self.index, self.folder / "more.npy")
        self.assert_fails(run("index", *more), "i.index", "--ids", "more.npy")
        ids = self.write("more.txt", "new\nitem 4\nitem 9\n")
        self.succeeds(*more, "--ids", ids, "--attributes", self.write("more.tsv", "id\tzip\nnew\t77\nitem 4\t77\n"))

        def found(expression):
            out = self.succeeds("search", self.index, "--queries", self.folder / "queries.npy", "-k", N, "--filter", expression)
            return set(out.splitlines()[0].split("\t"))

        self.assertEqual(found("zip = 77"), {"new", "item 4"})
        self.assertEqual(found("zip IS MISSING"), {"item 9"})
        self.assertEqual(found("year = 1954"), {f"item {row}" for row in range(4, N, 70)})  # a column that was not given
        self.assertEqual(found("year IS MISSING"), {"new"})
        gone = self.write("gone.txt", "item 4\nitem 0\nitem 4\n")
        smaller = self.folder / "j.index"
        self.assertIn("2 removed", self.succeeds("remove", self.index, "--ids", gone, "--out", smaller))
        self.assert_fails(run("index", "remove", smaller, "--ids", gone), "gone.txt:1", "'item 4'", "j.index")
        self.assertEqual(found("zip = 77"), {"new", "item 4"})
        self.index = smaller
        self.assertEqual(found("zip = 77"), {"new"})
        np.testing.assert_array_equal(np.array(self.vector(smaller, "item 3"), np.float32), self.rows[3])
        before = smaller.read_bytes()
        for text, words in (("id\tyaer\nnew\t1\n", ("yaer", "zip, year")), ("zip:number\n1\n1\n1\n", ("zip", "category")),
                            ("id\tyear\nitem 1\t1\n", ("bad.tsv", "line 2", "item 1"))):
            self.assert_fails(run("index", "add", smaller, self.folder / "more.npy", "--ids", ids, "--attributes",
                                  self.write("bad.tsv", text)), *words)
        self.assert_fails(run("index", "add", smaller, self.folder / "more.npy", "--ids", ids, "--threads", 1), "--threads", "exact")
        self.assert_fails(run("index", "add", smaller, self.folder / "more.npy", "--ids", self.write("two.txt", "a\nb\na\n")),
                          "two.txt", "'a' occurs twice")
        np.save(self.folder / "bad.npy", self.queries[:3, 1:])
        self.assert_fails(run("index", "add", smaller, self.folder / "bad.npy", "--ids", ids), "bad.npy", "24", "23")
        self.assertEqual(smaller.read_bytes(), before)

    def test_where_row_numbers_go_the_others_keep_their_ids(self):
        self.build()
        said = self.succeeds("remove", self.index, "--ids", self.write("gone.txt", "3\n499\n"))
        self.assertIn("ids are no longer row numbers", said)
        scores = scores_of("dot", self.rows, self.queries)
        scores[:, [3, 499]] = -np.inf
        lines = self.succeeds("search", self.index, "--queries", self.folder / "queries.npy", "-k", K).splitlines()
        np.testing.assert_array_equal([line.split("\t") for line in lines], ranking(scores, K).astype(str))
        self.assert_fails(run("index", "get", self.index, "--id", 3), "'3'")
        everyone = self.write("everyone.txt", "".join(f"{row}\n" for row in range(N - 1) if row != 3))
        self.succeeds("remove", self.index, "--ids", everyone)
        self.assertTrue((self.search() == -1).all())
        self.succeeds("add", self.index, self.folder / "rows.npy")
        np.testing.assert_array_equal(self.search(), ranking(scores_of("dot", self.rows, self.queries), K))

    def test_a_bundle_becomes_an_index_and_an_annoy_file(self):
        base = bundle_path(2).parent  # its newest version is 2
        said = self.succeeds("build", base, "--out", self.index)
        told = json.loads(self.succeeds("info", self.index, "--json"))
        self.assertEqual((told["metric"], told["ids"]), ("dot", "strings"))
        self.assertEqual([a["name"] for a in told["attributes"]], ["category", "popularity"])
        of_base = self.index.read_bytes()
        self.succeeds("build", bundle_path(2), "--out", self.index)
        self.assertEqual(self.index.read_bytes(), of_base)
        comedies = ("--filter", "category = Comedy AND popularity > 50")
        code, recommended, _ = run("recommend", base, "--user", 42, "-n", 5, "--include-seen", *comedies)
        best = [line.split("\t")[0] for line in recommended.splitlines()]
        self.assertEqual((code, len(best)), (0, 5))
        for film in best:
            near = self.succeeds("neighbors", self.index, "--id", film, "-k", told["items"], *comedies).splitlines()
            self.assertLess(set(best) - {film}, {line.split("\t")[0] for line in near})
        from_bundle, from_index = self.folder / "b.ann", self.folder / "i.ann"
        ids = self.folder / "ids.txt"
        said = self.succeeds("export-annoy", base, "--trees", 3, "--out", from_bundle, "--ids-out", ids)
        self.assertIn("its ids are row numbers, lines of " + str(ids), said)
        self.assertIn("--ids-out writes", self.succeeds("export-annoy", self.index, "--trees", 3, "--out", from_index))
        self.assertEqual(from_bundle.read_bytes(), from_index.read_bytes())
        lines = ids.read_text().splitlines()
        self.assertEqual(len(lines), told["items"])
        back = self.folder / "j.index"
        self.succeeds("import-annoy", from_bundle, "--out", back)
        for row in (0, 77, len(lines) - 1):
            self.assertEqual(self.vector(back, row), self.vector(self.index, lines[row]))
        self.assert_fails(run("index", "add", back, base), "no attribute \"category\"")
        self.assertIn(f"0 added, {told['items']} replaced", self.succeeds("add", self.index, bundle_path(1)))
        self.assertNotEqual(self.vector(back, 0), self.vector(self.index, lines[0]))
        for flag in ("--ids", "--attributes", "--tensor"):
            self.assert_fails(run("index", "build", base, "--out", self.index, flag, "x"), flag, "is a bundle")
        self.assert_fails(run("index", "build", base, "--out", self.index, "--dimension", 3), "dimension 3")
        self.assert_fails(run("index", "build", self.folder, "--out", self.index), self.folder)


if __name__ == "__main__":
    unittest.main()
