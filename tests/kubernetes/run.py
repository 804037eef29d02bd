"""Runs the tests of this folder in the order of reading, one line each; the last line is "N passed, M failed, K skipped".

run.py [WORD]...   only tests whose name has one of these words"""
import inspect
import subprocess
import sys
import time
import unittest

from cluster import OUT, TOOL
from fixture import REPORT

MODULES = ("manifests_test", "apply_test", "session_test", "production_test", "volume_test", "bad_input_test", "numbers_test")


class InOrder(unittest.TestLoader):
    """Tests in the order of their lines."""

    def getTestCaseNames(self, case):
        names = super().getTestCaseNames(case)
        return sorted(names, key=lambda name: inspect.unwrap(getattr(case, name)).__code__.co_firstlineno)


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.begin = time.monotonic()

    def line(self, word, test, more=""):
        name = test.id() if isinstance(test, unittest.TestCase) else str(test)
        seconds = time.monotonic() - getattr(self, "begin", time.monotonic())
        print(f"{word:8} {name} ({seconds:.0f} s){more}", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skipped", test, f": {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.failed(test, self.failures[-1][1])

    def addError(self, test, error):
        super().addError(test, error)
        self.failed(test, self.errors[-1][1])

    def failed(self, test, trace):
        self.line("FAILED", test)
        print("\n".join("    " + line for line in trace.splitlines()), flush=True)
        # What the cluster looked like, before the next test changes it.
        said = subprocess.run([TOOL, "kubectl", "get", "pods", "-A", "-o", "wide"], capture_output=True, text=True).stdout
        print("\n".join("    " + line for line in said.splitlines()), flush=True)


def flat(suite):
    for test in suite:
        yield from flat(test) if isinstance(test, unittest.TestSuite) else (test,)


def main(words):
    result = Result()
    for module in MODULES:
        tests = [t for t in flat(InOrder().loadTestsFromName(module)) if not words or any(word in t.id() for word in words)]
        if tests:
            unittest.TestSuite(tests).run(result)
    (OUT / "report.md").write_text(REPORT.markdown())
    failed = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
