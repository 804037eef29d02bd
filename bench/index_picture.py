"""Draws recall against time per query as SVG, a panel for each data set: the best that each peer reaches, and Tandem.

  python3 bench/index_picture.py build/bench/index/*.jsonl --out docs/benchmarks/index.svg

Colour tells the kind of method, a marker the peer. The colours are those of Okabe and Ito, which differ for all
eyes and in grey: https://jfly.uni-koeln.de/color/
"""
import argparse
import math

from index_peers import read_rows

KINDS = [  # name, colour, peers
    ("Tandem", "#000000", ["tandem-exact", "tandem-ivf"]),
    ("full scans", "#7f7f7f", ["faiss-flat", "faiss-panorama", "faiss-sq8", "scann-bf", "numpy", "usearch-exact"]),
    ("codes", "#cc79a7", ["scann-ah", "faiss-pqfs"]),
    ("lists", "#d55e00", ["scann-tree", "faiss-ivf", "faiss-ivfsq8", "faiss-ivfpqfs"]),
    ("graphs", "#0072b2", ["hnswlib", "nmslib", "faiss-hnsw", "svs", "usearch", "voyager", "usearch-i8"]),
    ("trees", "#009e73", ["annoy"]),
]
MARKERS = ("circle", "square", "up", "diamond", "down", "cross", "plus")
STYLES = {peer: (colour, MARKERS[i]) for _, colour, peers in KINDS for i, peer in enumerate(peers)}
STYLES["tandem-exact"] = ("#000000", "star")
NAMES = {"tandem-exact": "Tandem, exact", "tandem-ivf": "Tandem, lists (ivf)"}
ORDER = ("ml-100k-ials32", "kind0-100k-32", "kind0-1m-32", "unit-100k-64", "unit-1m-128")
TITLES = {"ml-100k-ials32": "implicit ALS factors of MovieLens 100K", "kind0-100k-32": "items of different lengths",
          "kind0-1m-32": "items of different lengths", "unit-100k-64": "normalised", "unit-1m-128": "normalised"}

WIDTH, COLUMNS = 980, 2
PLOT_WIDTH, PLOT_HEIGHT = 400, 280
LEFT, TOP = 66, 64
CELL_WIDTH, CELL_HEIGHT = 490, 390
LEGEND_ROW, LEGEND_INDENT, LETTER = 22, 100, 6.9
LEAST_RECALL = 0.8
TICKS = (0.8, 0.85, 0.9, 0.95, 0.99, 1.0)
HIGHEST = 30  # times the fastest point: what is slower is not drawn


def pareto(rows):
    """Ascending in recall: the points that none is both faster and better than."""
    kept = []
    for row in sorted(rows, key=lambda row: (-row["recall"], row["us_cpu"])):
        if not kept or row["us_cpu"] < kept[-1]["us_cpu"]:
            kept.append(row)
    return kept[::-1]


def text(x, y, words, size=12, anchor="middle", more=""):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{more}>{words}</text>'


def polygon(points, colour):
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{corners}" fill="{colour}" stroke="#fff" stroke-width=".6"/>'


def marker(x, y, peer, size=4.2):
    colour, shape = STYLES.get(peer, ("#7f7f7f", "plus"))
    s = size
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{s * .9:.1f}" fill="{colour}" stroke="#fff" stroke-width=".6"/>'
    if shape == "star":
        angles = [math.pi * i / 5 for i in range(10)]
        return polygon([(x + (2.1, 0.9)[i % 2] * s * math.sin(a), y - (2.1, 0.9)[i % 2] * s * math.cos(a))
                        for i, a in enumerate(angles)], colour)
    if shape in ("cross", "plus"):
        d = s * 0.9
        ends = [((-d, -d), (d, d)), ((-d, d), (d, -d))] if shape == "cross" else [((-s, 0), (s, 0)), ((0, -s), (0, s))]
        lines = " ".join(f"M{x + a:.1f} {y + b:.1f}L{x + c:.1f} {y + e:.1f}" for (a, b), (c, e) in ends)
        return f'<path d="{lines}" stroke="{colour}" stroke-width="1.9" fill="none"/>'
    s *= 1.15
    corners = {"square": [(-.8, -.8), (.8, -.8), (.8, .8), (-.8, .8)], "up": [(0, -1.1), (1, .8), (-1, .8)],
               "down": [(0, 1.1), (1, -.8), (-1, -.8)], "diamond": [(0, -1.2), (1, 0), (0, 1.2), (-1, 0)]}[shape]
    return polygon([(x + s * a, y + s * b) for a, b in corners], colour)


class Panel:
    """One data set at k=10; (left, top) is the corner of its plot."""

    def __init__(self, dataset, rows, left, top, number):
        self.rows = [row for row in rows if row["dataset"] == dataset and row["k"] == 10 and "filter" not in row]
        self.dataset, self.left, self.top, self.number = dataset, left, top, number
        times = [row["us_cpu"] for row in self.rows if row["recall"] >= LEAST_RECALL]
        self.low = min(times) / 1.5
        self.high = min(max(times) * 1.2, min(times) * HIGHEST)

    def shows(self, row):
        return row["recall"] >= LEAST_RECALL and row["us_cpu"] <= self.high

    def x(self, recall):
        return self.left + PLOT_WIDTH * (recall - LEAST_RECALL) / (1.005 - LEAST_RECALL)

    def y(self, us):
        return self.top + PLOT_HEIGHT * (1 - math.log(us / self.low) / math.log(self.high / self.low))

    def draw(self):
        n, d = self.rows[0]["n"], self.rows[0]["d"]
        parts = [text(self.left, self.top - 26, self.dataset, 14, "start", ' font-weight="bold"'),
                 text(self.left, self.top - 9, f"{n:,} items, d = {d}: {TITLES.get(self.dataset, '')}", 11.5, "start"),
                 *self._axes(), f'<g clip-path="url(#plot{self.number})">']
        peers = dict.fromkeys(row["peer"] for row in self.rows if self.shows(row))
        for peer in sorted(peers, key=lambda peer: peer.startswith("tandem")):
            parts += self._curve(peer)
        return parts + ["</g>", *self._label_exact()]

    def clip(self):
        return f'<clipPath id="plot{self.number}"><rect {self._frame()}/></clipPath>'

    def _frame(self):
        return f'x="{self.left}" y="{self.top}" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}"'

    def _axes(self):
        bottom, right = self.top + PLOT_HEIGHT, self.left + PLOT_WIDTH
        parts = []
        for tick in TICKS:
            x = self.x(tick)
            parts.append(f'<path d="M{x:.1f} {self.top}V{bottom}" stroke="#e4e4e4"/>')
            parts.append(text(x, bottom + 17, f"{tick:g}"))
        for power in range(7):
            for digit in (1, 2, 5):
                us = digit * 10 ** power
                if self.low < us < self.high:
                    y = self.y(us)
                    parts.append(f'<path d="M{self.left} {y:.1f}H{right}" stroke="#e4e4e4"/>')
                    parts.append(text(self.left - 7, y + 4, f"{us:,}", 12, "end"))
        parts.append(f'<rect {self._frame()} fill="none" stroke="#888"/>')
        parts.append(text((self.left + right) / 2, bottom + 36, "recall of the true 10 best"))
        x, y = self.left - 48, (self.top + bottom) / 2
        parts.append(text(x, y, "CPU µs a query", 12, "middle", f' transform="rotate(-90 {x} {y})"'))
        return parts

    def _curve(self, peer):
        rows = pareto([row for row in self.rows if row["peer"] == peer])
        points = [(self.x(row["recall"]), self.y(row["us_cpu"])) for row in rows]
        colour, _ = STYLES.get(peer, ("#7f7f7f", ""))
        width = 2.4 if peer.startswith("tandem") else 1.3
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts = [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}" opacity=".75"/>']
        return parts + [marker(x, y, peer, 5 if peer.startswith("tandem") else 4.2) for (x, y), row in zip(points, rows)
                        if self.shows(row)]

    def _points_at(self, right, middle, width=180, height=24):
        """How many points a label would cover, and many where it would leave the plot."""
        if not self.top + height <= middle <= self.top + PLOT_HEIGHT - height:
            return len(self.rows)
        spots = ((self.x(row["recall"]), self.y(row["us_cpu"])) for row in self.rows if self.shows(row))
        return sum(right - width <= x < right - 6 and abs(middle - y) <= height / 2 + 4 for x, y in spots)

    def _label_exact(self):
        for row in self.rows:
            if row["peer"] == "tandem-exact":
                x, y = self.x(row["recall"]), self.y(row["us_cpu"])
                words = f"Tandem, exact: {row['us_cpu']:.3g} µs"
                down = min((22, -16), key=lambda shift: self._points_at(x, y + shift))
                halo = ' font-weight="bold" stroke="#fff" stroke-width="4" paint-order="stroke"'
                return [text(x + 6, y + down, words, 12, "end", halo)]
        return []


def legend(rows, left, top, width):
    """The kinds of method, each with its peers that are drawn; the lowest line of it."""
    present = {row["peer"] for row in rows}
    parts, y = [], top
    for kind, colour, peers in KINDS:
        shown = [peer for peer in peers if peer in present]
        if not shown:
            continue
        parts.append(text(left, y + 4, kind, 12.5, "start", f' fill="{colour}" font-weight="bold"'))
        x = left + LEGEND_INDENT
        for peer in shown:
            words = NAMES.get(peer, peer)
            if x + 11 + LETTER * len(words) > left + width:
                x, y = left + LEGEND_INDENT, y + LEGEND_ROW
            parts += [marker(x, y, peer, 5), text(x + 11, y + 4, words, 12, "start")]
            x += 34 + LETTER * len(words)
        y += LEGEND_ROW + 4
    return parts, y


def draw(rows):
    """The whole picture; "" where nothing was measured."""
    present = [name for name in ORDER if any(row["dataset"] == name for row in rows)]
    if not present:
        return ""
    panels = [Panel(name, rows, LEFT + CELL_WIDTH * (i % COLUMNS), TOP + CELL_HEIGHT * (i // COLUMNS), i)
              for i, name in enumerate(present)]
    bottom = TOP - 46 + CELL_HEIGHT * math.ceil(len(panels) / COLUMNS)
    shown = [row for panel in panels for row in panel.rows if panel.shows(row)]
    if len(panels) % COLUMNS:  # a cell is free
        key, _ = legend(shown, LEFT + CELL_WIDTH, bottom - CELL_HEIGHT + 60, PLOT_WIDTH)
    else:
        key, bottom = legend(shown, LEFT, bottom + 26, WIDTH - 2 * LEFT)
    body = [line for panel in panels for line in panel.draw()] + key
    clips = "".join(panel.clip() for panel in panels)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" height="{bottom}" '
        f'font-family="Helvetica, Arial, sans-serif" fill="#222">',
        "<title>Recall against CPU time of a query, one thread, one query a call; lower and to the right is better"
        "</title>",
        f'<rect width="{WIDTH}" height="{bottom}" fill="#fff"/>', f"<defs>{clips}</defs>", *body, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="lines of ann_peers.py and of script/bench index")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    with open(options.out, "w", encoding="utf-8") as file:
        file.write(draw(read_rows(options.files)))


if __name__ == "__main__":
    main()
