"""Runs check_arrows.py on small trees. Each test is an entry of ctest (tests/CMakeLists.txt)."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import check_arrows

TABLE = """
| room | may use | what |
|---|---|---|
| base | – | |
| math | base | |
| index | base math | |
| training/data | base | |
| training | index, training/data | |
| **cli** | any | |
"""


class CheckArrowsTest(unittest.TestCase):
    def check(self, files, table=TABLE):
        """Returns (exit code, everything printed) for a tree of {path under src/tandem: text}."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "docs").mkdir()
            (root / "docs/architecture.md").write_text(table, encoding="utf-8")
            for name, text in files.items():
                path = root / "src/tandem" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = check_arrows.main(["check_arrows.py", folder])
            return code, said.getvalue()

    def test_allowed_arrows_pass(self):
        code, said = self.check({
            "base/a.h": "#include <vector>\n",
            "math/b.h": '#include "tandem/math/c.h"\n#include "tandem/base/a.h"\n',
            "cli/main.cc": '#include "tandem/training/trainer.h"\n',
        })
        self.assertEqual(code, 0, said)
        self.assertIn("3 files, 0 faults", said)

    def test_an_arrow_upwards_is_found_with_file_and_line(self):
        code, said = self.check({"base/a.cc": '// base\n#include "tandem/math/b.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("src/tandem/base/a.cc:2: base may not include math", said)

    def test_an_arrow_is_not_inherited(self):
        # training may use index, and index math; training itself may not use math.
        code, said = self.check({"training/t.cc": '#include "tandem/math/b.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("training may not include math", said)

    def test_a_test_may_use_what_lies_below(self):
        include = '#include "tandem/math/b.h"\n'
        self.assertEqual(self.check({"training/t_test.cc": include})[0], 0)
        self.assertEqual(self.check({"training/data/t_test.cc": include})[0], 1)

    def test_a_folder_inside_a_room_belongs_to_it(self):
        self.assertEqual(self.check({"index/annoy/r.cc": '#include "tandem/math/b.h"\n'})[0], 0)

    def test_an_unknown_room_is_an_error(self):
        code, said = self.check({"attic/a.h": ""})
        self.assertEqual(code, 1)
        self.assertIn("src/tandem/attic/a.h: its folder is in no room", said)
        code, said = self.check({"math/a.h": '#include "tandem/attic/a.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn('"tandem/attic/a.h" is in no room', said)

    def test_a_new_folder_beside_rooms_needs_a_row(self):
        self.assertEqual(self.check({"training/solver/als.h": ""})[0], 1)

    def test_what_tests_share_belongs_to_the_room_above(self):
        include = '#include "tandem/training/testing/x.h"\n'
        self.assertEqual(self.check({"training/testing/x.h": "", "training/t_test.cc": include})[0], 0)

    def test_a_circle_in_the_table_is_an_error(self):
        code, said = self.check({}, TABLE.replace("| base | – |", "| base | index |"))
        self.assertEqual(code, 1)
        self.assertIn("lead back to it", said)

    def test_a_table_that_names_no_such_room_is_an_error(self):
        code, said = self.check({}, TABLE.replace("| math | base |", "| math | bass |"))
        self.assertEqual(code, 1)
        self.assertIn("may use 'bass', which has no row", said)

    def test_a_document_without_the_table_is_an_error(self):
        code, said = self.check({}, "# Architecture\n")
        self.assertEqual(code, 1)
        self.assertIn("no table", said)


if __name__ == "__main__":
    unittest.main()
