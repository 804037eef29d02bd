"""The app asks a model server for embeddings: what users see while the model server dies, comes back, and gets a new version."""
import shutil
import time
import unittest

import requests

from harness import (Load, TestCase, app, bundle_path, edit_byte, get, model_server, paused, recommended, timing_sensitive, titles,
                     wait_until)


def is_degraded(answer):
    return "X-Tandem-Degraded" in answer.headers


class TwoProcessTest(TestCase):
    def serve(self, base, *arguments):
        model = self.enterContext(model_server(base))
        return model, self.enterContext(app(base, *arguments, model=model))

    def wait_until_whole(self, server):
        wait_until("answers come through the model server", lambda: not is_degraded(get(server, "/recommend/42")))

    def test_both_together_answer_as_the_command_line_does(self):
        _, server = self.serve(bundle_path(1).parent, "--model-server-timeout-seconds", 5)
        for user in ("42", "1", "671"):
            answer = get(server, f"/recommend/{user}")
            self.assertEqual((answer.status_code, is_degraded(answer)), (200, False))
            # Of the newest version, as both serve it.
            self.assertEqual(titles(answer), [title for _, title in recommended(bundle_path(2), user)])
        answer = get(server, "/recommend/nobody")
        self.assertEqual((answer.status_code, is_degraded(answer)), (200, False))

    def test_a_model_server_that_dies_and_comes_back_only_marks_answers(self):
        base = bundle_path(1).parent
        model, server = self.serve(base)
        self.wait_until_whole(server)
        expected = titles(get(server, "/recommend/42"))
        model.kill()
        for _ in range(8):  # over kFailuresBeforePause
            answer = get(server, "/recommend/42")
            self.assertEqual((answer.status_code, answer.headers.get("X-Tandem-Degraded")), (200, "model-server"))
            self.assertEqual(titles(answer), expected)
        self.enterContext(model_server(base, port=model.port))
        self.wait_until_whole(server)
        self.assertEqual(titles(get(server, "/recommend/42")), expected)

    def test_an_app_whose_model_server_is_not_there_yet_serves(self):
        base = bundle_path(1).parent
        model = self.enterContext(model_server(base))
        model.kill()
        server = self.enterContext(app(base, model=model))
        self.assertEqual(get(server, "/readyz").status_code, 200)
        self.assertTrue(is_degraded(get(server, "/recommend/42")))
        self.enterContext(model_server(base, port=model.port))
        self.wait_until_whole(server)

    @timing_sensitive
    def test_a_model_server_that_hangs_costs_its_timeout_at_most(self):
        model, server = self.serve(bundle_path(1).parent, "--model-server-timeout-seconds", 0.2)
        self.wait_until_whole(server)
        with paused(model):
            for _ in range(3):
                begin = time.monotonic()
                self.assertTrue(is_degraded(get(server, "/recommend/42")))
                self.assertLess(time.monotonic() - begin, 2)
        self.wait_until_whole(server)

    def test_a_new_version_is_swapped_in_under_load_in_both(self):
        base = self.new_base(1)
        _, server = self.serve(base)
        self.wait_until_whole(server)
        old, new = ([title for _, title in recommended(bundle_path(n), "42")] for n in (1, 2))
        self.assertNotEqual(old, new)
        with Load(lambda: requests.get(f"http://127.0.0.1:{server.port}/recommend/42", timeout=20)) as load:
            load.wait_for_more(50)
            self.publish(base, 2)
            published = time.monotonic()
            wait_until("the new version answers", lambda: titles(get(server, "/recommend/42")) == new)
            self.wait_until_whole(server)
            settled = time.monotonic()
            load.wait_for_more(50)
        swapped = False
        for when, answer in load.answers:
            self.assertEqual(getattr(answer, "status_code", answer), 200)
            # The old list until one moment, the new one after it: never a mix of both.
            swapped = swapped or (when > published and titles(answer) == new)
            self.assertIn(titles(answer), (old, new))
            self.assertFalse(is_degraded(answer))  # the app waits for its model server
            if when > settled:
                self.assertEqual(titles(answer), new)
        self.assertTrue(swapped)

    def test_a_bad_new_version_is_refused_and_the_one_before_serves_on(self):
        base = self.new_base(1)
        model, server = self.serve(base)
        self.wait_until_whole(server)
        expected = titles(get(server, "/recommend/42"))
        bad = self.folder / "3"
        shutil.copytree(bundle_path(2), bad)
        edit_byte(bad / "items.safetensors", -1)
        bad.rename(base / "3")
        for process in (model, server):
            wait_until("the version is refused", lambda p=process: "version 3" in p.logged())
        answer = get(server, "/recommend/42")
        self.assertEqual((answer.status_code, titles(answer)), (200, expected))


if __name__ == "__main__":
    unittest.main()
