"""The rows that the training scenarios use: MovieLens 100K where --data names it, else the bundled ratings; 80,000 to
train, the rest to test, by a shuffle with a fixed seed."""
import random
from pathlib import Path

from harness import EXAMPLE, OUT, SEED, expect


class Ratings:
    """Files and the settings of `tandem train` that read them."""

    def __init__(self, options):
        self.is_ml100k = options.data is not None
        if self.is_ml100k:
            self.folder = Path(options.data).resolve() / "ml-100k"
            expect((self.folder / "u.data").is_file(), f"--data: there is no {self.folder / 'u.data'}")
            header, rows = "", (self.folder / "u.data").read_text().splitlines(keepends=True)
            layout, items = "movielens-100k", self.folder / "u.item"
        else:
            text = (EXAMPLE / "data" / "ratings.csv").read_text().splitlines(keepends=True)
            header, rows = text[0], text[1:]
            layout, items = "movielens-small", EXAMPLE / "data" / "movies.csv"
        random.Random(SEED).shuffle(rows)
        self.train_rows, self.test_rows = 80_000, len(rows) - 80_000
        out = OUT / "ratings" / layout
        out.mkdir(parents=True, exist_ok=True)
        (out / "train").write_text(header + "".join(rows[:self.train_rows]))
        (out / "test").write_text(header + "".join(rows[self.train_rows:]))
        self.settings = [("data.train", out / "train"), ("data.test", out / "test"), ("data.items", items),
                         ("data.layout", layout), ("seed", SEED)]

    @property
    def name(self):
        return "MovieLens 100K" if self.is_ml100k else "the bundled ratings"
