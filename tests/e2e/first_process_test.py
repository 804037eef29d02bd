"""The program as the first process of a container: the kernel keeps signals without a handler from it."""
import pathlib
import signal
import subprocess
import unittest

from harness import CONFIG, PATIENCE, TANDEM, TestCase, bundle_path, wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"]


def can_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@unittest.skipUnless(can_unshare(), "needs root, for a PID namespace")
class FirstProcessTest(TestCase):
    def start(self, *arguments):
        self.log = self.enterContext(open(self.folder / "log", "w+"))
        process = subprocess.Popen([*UNSHARE, TANDEM, *map(str, arguments)], stdout=self.log, stderr=self.log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def send_signal(self, process, number):
        """To the program; unshare is its parent."""
        child, = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        subprocess.run(["kill", f"-{number}", child], check=True)

    def test_a_training_ends_at_sigterm(self):
        process = self.start("train", CONFIG, "--out", self.folder / "bundles", "--set", "training.epochs=100000")
        wait_until("it trains", lambda: "training" in self.logged())
        self.send_signal(process, signal.SIGTERM.value)
        self.assertEqual(process.wait(PATIENCE), 128 + signal.SIGTERM)

    def test_servers_drain_at_sigterm(self):
        base = bundle_path(1).parent
        for arguments in (("serve-model", "--model_base_path", base), ("serve-app", "--bundle", base)):
            with self.subTest(arguments[0]):
                process = self.start(*arguments, "--address", "127.0.0.1", "--port", 0)
                wait_until("it is ready", lambda: "is available" in self.logged())
                self.send_signal(process, signal.SIGTERM.value)
                self.assertEqual(process.wait(PATIENCE), 0)
                self.assertIn("stopping", self.logged())


if __name__ == "__main__":
    unittest.main()
