"""The recommender app by itself: users are encoded in process."""
import concurrent.futures
import csv
import signal
import time
import unittest

import requests

from harness import (EXAMPLE, Load, RawConnection, TestCase, app, bundle_path, get, model_server, paused, recommended, run,
                     titles, wait_until)


def read_csv(name):
    with open(EXAMPLE / "data" / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class AppTest(TestCase):
    def serve(self, *arguments, **options):
        return self.enterContext(app(bundle_path(1), *arguments, **options))

    def test_answers_as_the_command_line_does_and_leaves_out_what_was_rated(self):
        server = self.serve()
        seen = {row["movieId"] for row in read_csv("ratings.csv") if row["userId"] == "42"}
        title_of = {row["movieId"]: row["title"] for row in read_csv("movies.csv")}
        self.assertGreater(len(seen), 10)
        expected = recommended(bundle_path(1), "42", "-n", 1000)
        self.assertEqual(len(expected), 1000)
        self.assertTrue(seen.isdisjoint(item for item, _ in expected))
        self.assertEqual([title for _, title in expected], [title_of[item] for item, _ in expected])

        answer = get(server, "/recommend/42?n=1000")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], "application/json")
        self.assertEqual(answer.json()["user_id"], ["42"])
        self.assertEqual(titles(answer), [title for _, title in expected])
        self.assertEqual(titles(get(server, "/recommend/42")), titles(answer)[:10])
        # With what was rated, the list begins otherwise: the test above could have failed.
        with_seen = [item for item, _ in recommended(bundle_path(1), "42", "-n", 1000, "--include-seen")]
        self.assertFalse(seen.isdisjoint(with_seen))

    # Popular: rated most often.
    def test_an_unknown_user_gets_what_is_popular_and_a_mark(self):
        server = self.serve()
        counts = {}
        for row in read_csv("ratings.csv"):
            counts[row["movieId"]] = counts.get(row["movieId"], 0) + 1
        title_of = {row["movieId"]: row["title"] for row in read_csv("movies.csv")}
        count_of = {title_of[item]: count for item, count in counts.items()}
        answer = get(server, "/recommend/nobody?n=20")
        self.assertEqual((answer.status_code, answer.headers["X-Tandem-Fallback"]), (200, "unknown-user"))
        self.assertEqual([count_of[title] for title in titles(answer)], sorted(counts.values(), reverse=True)[:20])
        self.assertNotIn("X-Tandem-Fallback", get(server, "/recommend/42").headers)

    def test_names_of_users_may_be_anything_that_a_path_can_say(self):
        server = self.serve()
        for path, user in (("%34%32", "42"), ("a%20%22b%22", 'a "b"'), ("%C3%A9", "\u00e9"), ("a%2Fb", "a/b")):
            with self.subTest(path):
                answer = get(server, "/recommend/" + path)
                self.assertEqual((answer.status_code, answer.json()["user_id"]), (200, [user]))

    def test_thirty_two_clients_at_once_get_their_own_answers(self):
        server = self.serve()
        users = [str(user) for user in range(1, 33)]
        alone = {user: titles(get(server, f"/recommend/{user}")) for user in users}

        def ask(first):
            with requests.Session() as session:
                for i in range(32):
                    user = users[(first + i) % 32]
                    answer = session.get(f"http://127.0.0.1:{server.port}/recommend/{user}", timeout=20)
                    if (answer.status_code, titles(answer)) != (200, alone[user]):
                        return user, answer.status_code, answer.text
            return None

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.assertEqual(set(pool.map(ask, range(32))), {None})

    def test_what_is_wrong_with_a_request_is_told_as_json(self):
        server = self.serve()
        for n in ("0", "-1", "1001", "ten", "", "1.5", "99999999999999999999", "5%00"):
            with self.subTest(n=n):
                self.assert_error(get(server, f"/recommend/42?n={n}"), 400)
        self.assert_error(get(server, "/recommend/" + "x" * 257), 400)
        self.assertEqual(get(server, "/recommend/" + "x" * 256).status_code, 200)
        with RawConnection(server.port) as connection:
            for target in (b"/recommend/%zz", b"/recommend/%", b"/recommend/%00", b"*", b"recommend/42"):
                connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assert_error(connection.answer(), 400)
        for path in ("/", "/recommend", "/recommend/", "/recommend/42/more", "/etc/passwd"):
            with self.subTest(path=path):
                self.assert_error(get(server, path), 404)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            with self.subTest(method=method):
                answer = requests.request(method, f"http://127.0.0.1:{server.port}/recommend/42", timeout=20)
                self.assert_error(answer, 405)
                self.assertIn("GET", answer.headers["Allow"])
        self.assertEqual(get(server, "/recommend/42").status_code, 200)

    def test_too_much_header_or_body_and_what_is_not_http_are_refused(self):
        server = self.serve()
        start = b"GET /recommend/42 HTTP/1.1\r\nHost: a\r\n"
        for name, status, data in (
                ("header", 431, start + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n"),
                ("many headers", 431, start + b"X-Some: x\r\n" * 1000 + b"\r\n"),
                ("target", 431, b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
                ("body", 413, b"POST /recommend/42 HTTP/1.1\r\nHost: a\r\nContent-Length: 16385\r\n\r\n"),
                ("huge body", 413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
                ("chunk", 413, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4001\r\n" + b"x" * 9000),
                ("noise", 400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")):
            with self.subTest(name), RawConnection(server.port) as connection:
                connection.send(data)
                self.assert_error(connection.answer(), status)
        self.assertEqual(get(server, "/recommend/42").status_code, 200)

    def test_sigterm_flips_readyz_while_requests_are_still_answered(self):
        server = self.serve("--shutdown-delay", 1)
        self.assertEqual((get(server, "/healthz").status_code, get(server, "/readyz").status_code), (200, 200))
        server.send_signal(signal.SIGTERM)
        wait_until("readyz flips", lambda: get(server, "/readyz").status_code == 503)
        self.assertEqual((get(server, "/healthz").status_code, get(server, "/recommend/42").status_code), (200, 200))
        self.assertEqual(server.exit_code(), 0)

    # Half of a request is there, and the model server of another is slow, when the signal comes.
    def test_requests_in_flight_at_sigterm_finish(self):
        model = self.enterContext(model_server(bundle_path(1).parent))
        server = self.serve("--model-server-timeout-seconds", 2, model=model)
        wait_until("the model server is asked",
                   lambda: "X-Tandem-Degraded" not in get(server, "/recommend/42").headers)
        expected = titles(get(server, "/recommend/42"))
        with RawConnection(server.port) as half, RawConnection(server.port) as waiting, paused(model):
            waiting.send(b"GET /recommend/42 HTTP/1.1\r\nHost: a\r\n\r\n")
            half.send(b"GET /recommend/42 HTTP/1.1\r\nHo")
            time.sleep(0.2)  # both are read
            server.send_signal(signal.SIGTERM)
            wait_until("the drain begins", lambda: not can_connect(server))
            half.send(b"st: a\r\n\r\n")
            for connection in (waiting, half):
                status, headers, body = connection.answer()
                self.assertEqual((status, headers["connection"]), (200, "close"))
                for title in expected:
                    self.assertIn(title.encode(), body)
                self.assertIsNone(connection.answer())
            self.assertEqual(server.exit_code(), 0)

    def test_sigterm_under_load_cuts_no_answer(self):
        server = self.serve()
        session = requests.Session()
        expected = titles(get(server, "/recommend/42"))
        with Load(lambda: session.get(f"http://127.0.0.1:{server.port}/recommend/42", timeout=20), threads=4) as load:
            load.wait_for_more(40)
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.exit_code(), 0)
        answered = 0
        for _, answer in load.answers:
            if isinstance(answer, requests.ConnectionError):  # refused, or an idle connection that was closed
                self.assertNotIn("IncompleteRead", str(answer))
                continue
            self.assertEqual((answer.status_code, titles(answer)), (200, expected))
            answered += 1
        self.assertGreaterEqual(answered, 40)

    def test_a_port_in_use_is_one_clear_line(self):
        server = self.serve()
        at = ("--address", "127.0.0.1", "--port", server.port)
        for arguments in (("serve-app", "--bundle", bundle_path(1)),
                          ("serve-model", "--model_base_path", bundle_path(1).parent)):
            with self.subTest(arguments[0]):
                self.assert_fails(run(*arguments, *at), server.port, "in use")
        self.assertEqual(get(server, "/recommend/42").status_code, 200)


def can_connect(server):
    try:
        with RawConnection(server.port):
            return True
    except ConnectionError:
        return False


if __name__ == "__main__":
    unittest.main()
