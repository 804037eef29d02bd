"""What the tests of `tandem index` share: a folder of vectors, the verbs, and numpy's sort as the reference."""
import numpy as np

from harness import TestCase, run

N, D, Q, K = 500, 24, 30, 10


def scores_of(metric, rows, queries):
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "l2":
        return -((queries[:, None, :] - rows[None, :, :]) ** 2).sum(2)
    dots = queries @ rows.T
    if metric == "cosine":
        dots /= np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(rows, axis=1)[None, :]
    return dots


def ranking(scores, k):
    """The k best rows of each query, ties by smaller row; -1 where a score is -inf."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.where(np.isfinite(np.take_along_axis(scores, order, 1)), order, -1)


class IndexCase(TestCase):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(5)
        self.rows = rng.standard_normal((N, D)).astype(np.float32)
        self.queries = rng.standard_normal((Q, D)).astype(np.float32)
        np.save(self.folder / "rows.npy", self.rows)
        np.save(self.folder / "queries.npy", self.queries)
        self.index = self.folder / "i.index"

    def succeeds(self, *arguments):
        code, out, said = run("index", *arguments)
        self.assertEqual((code, said), (0, []))
        return out

    def assert_misused(self, result, *words):
        """Exit code 2, nothing on stdout, and one line that has these words."""
        self.assertEqual((result[0], result[1], len(result[2])), (2, "", 1), result)
        for word in ("tandem: ", *words):
            self.assertIn(str(word), result[2][0])

    def build(self, *arguments, vectors="rows.npy"):
        return self.succeeds("build", self.folder / vectors, "--out", self.index, *arguments)

    def search(self, *arguments, k=K):
        out = self.folder / "ids.npy"
        self.succeeds("search", self.index, "--queries", self.folder / "queries.npy", "-k", k, "--out", out, *arguments)
        return np.load(out)

    def vector(self, index, item):
        return [float(x) for x in self.succeeds("get", index, "--id", item).splitlines()[0].split()]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path
