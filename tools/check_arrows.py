#!/usr/bin/env python3
"""Checks every #include between rooms against the table in docs/architecture.md.

usage: check_arrows.py [ROOT]

A room is a row of the table whose header starts with `| room | may use |`. A file belongs to the
room of its folder, or of the nearest folder above that is a room. It may include its own room and
the rooms of its row; a foo_test.cc also what those rooms may use, and so on down. The arrows of the
table itself must not run in a circle. Prints one line per fault; exit 1 if there is any.
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]tandem/([^">]+)[">]')
HEADER = ("room", "may use")


class TableError(Exception):
    """The table cannot be read, or contradicts itself."""


def read_table(text):
    """Returns {room: set of rooms that it may include}."""
    cells_of = {}
    inside = False
    for line in text.splitlines():
        cells = [cell.strip().strip("*`") for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            inside = False
        elif tuple(cells[:2]) == HEADER:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            if cells[0] in cells_of:
                raise TableError(f"room '{cells[0]}' has two rows")
            cells_of[cells[0]] = cells[1]
    if not cells_of:
        raise TableError("no table with the header '| room | may use |'")

    table = {}
    for room, cell in cells_of.items():
        names = {name for name in re.split(r"[\s,]+", cell) if name not in ("", "–", "-")}
        table[room] = set(cells_of) - {room} if names == {"any"} else names
        for name in sorted(table[room] - set(cells_of)):
            raise TableError(f"room '{room}' may use '{name}', which has no row")
    for room in table:
        if room in below(table, room):
            raise TableError(f"the arrows from '{room}' lead back to it")
    return table


def below(table, room):
    """Every room that can be reached from `room` along the arrows."""
    reached = set()
    waiting = list(table[room])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(table[name])
    return reached


def room_of(table, path):
    """The room of 'index/annoy/reader.h', or None. A new folder beside rooms is not the parent's, but
    for 'testing', which holds what the tests of a room share."""
    parts = path.split("/")[:-1]
    if len(parts) > 1 and parts[-1] == "testing":
        parts.pop()
    for length in range(len(parts), 0, -1):
        room = "/".join(parts[:length])
        if room in table:
            has_rooms_inside = any(other.startswith(room + "/") for other in table)
            return None if length < len(parts) and has_rooms_inside else room
    return None


def check_file(table, name, text):
    """Yields a message for each include of src/tandem/<name> that has no arrow."""
    room = room_of(table, name)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = room_of(table, match[1])
        where = f"src/tandem/{name}:{number}: "
        if target is None:
            yield f'{where}"tandem/{match[1]}" is in no room of docs/architecture.md'
        elif room is not None and target != room:
            allowed = below(table, room) if name.endswith("_test.cc") else table[room]
            if target not in allowed:
                listed = " ".join(sorted(table[room])) or "nothing"
                yield f"{where}{room} may not include {target} (it may use: {listed})"


def check_tree(root):
    """Returns (number of files read, messages)."""
    table = read_table((root / "docs/architecture.md").read_text(encoding="utf-8"))
    source = root / "src/tandem"
    files = sorted(path for path in source.rglob("*") if path.suffix in (".h", ".cc"))
    faults = []
    for path in files:
        name = path.relative_to(source).as_posix()
        if room_of(table, name) is None:
            faults.append(f"src/tandem/{name}: its folder is in no room of docs/architecture.md")
        faults.extend(check_file(table, name, path.read_text(encoding="utf-8")))
    return len(files), faults


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    try:
        count, faults = check_tree(root)
    except (TableError, OSError) as error:
        print(f"check_arrows: docs/architecture.md: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"check_arrows: {count} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
