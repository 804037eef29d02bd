"""What a server tells of itself before it can serve: alive, not ready, and why."""
import os
import shutil
import signal
import unittest

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness import MODEL, PATIENCE, TestCase, app, bundle_path, edit_byte, get, model_server, monitor, run, wait_until

SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


class ProbesTest(TestCase):
    def both_servers(self, base):
        """Each at its start, by its verb."""
        for serve in (model_server, app):
            with self.subTest(serve.__name__), serve(base, "--metrics-port", 0, ready=False) as server:
                yield serve, server

    def health(self, server, service):
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            return health_pb2_grpc.HealthStub(channel).Check(request, timeout=PATIENCE).status

    def assert_ready(self, serve, server, ready, reason=""):
        """Readiness is this in every form, and the process is alive in every form."""
        probes = [monitor] if serve is model_server else [monitor, get]
        for probe in probes:
            self.assertEqual(probe(server, "/healthz").status_code, 200)
            answer = probe(server, "/readyz")
            self.assertEqual(answer.status_code, 200 if ready else 503)
            if not ready:
                self.assertIn(reason, answer.json()["error"]["message"])
        if serve is model_server:
            status = health_pb2.HealthCheckResponse
            self.assertEqual(self.health(server, ""), status.SERVING)
            for service in SERVICES:
                self.assertEqual(self.health(server, service), status.SERVING if ready else status.NOT_SERVING)

    def test_without_a_version_it_lives_is_not_ready_and_says_so_until_one_comes(self):
        base = self.new_base()
        for serve, server in self.both_servers(base):
            wait_until("the log says why", lambda s=server: "holds no version" in s.logged())
            self.assert_ready(serve, server, False, "holds no version")
            self.assertEqual(server.logged().count("holds no version"), 1)
            self.publish(base, 1)
            wait_until("it is ready", lambda s=server: monitor(s, "/readyz").status_code == 200)
            self.assertEqual(monitor(server, "/readyz").json()["model_version"], 1)
            self.assert_ready(serve, server, True)
            shutil.rmtree(base / "1")

    def test_with_a_refused_version_alone_the_reason_is_in_the_log_and_in_readyz(self):
        base = self.new_base(1)
        edit_byte(base / "1" / "users.safetensors", -1)
        for serve, server in self.both_servers(base):
            wait_until("the log says why", lambda s=server: "version 1 is refused" in s.logged())
            self.assertIn("users.safetensors", server.logged())
            self.assert_ready(serve, server, False, "version 1 is refused")

    # A pipe without a writer in place of a file is as slow a disk as there can be.
    def test_while_a_version_is_read_it_lives_and_is_not_ready(self):
        base = self.new_base(1)
        manifest = base / "1" / "manifest.json"
        manifest.unlink()
        os.mkfifo(manifest)
        for serve, server in self.both_servers(base):
            wait_until("it reads", lambda s=server: "being loaded" in monitor(s, "/readyz").text)
            self.assert_ready(serve, server, False, "version 1 is being loaded")
            whole = self.folder / "manifest.json"
            shutil.copyfile(bundle_path(1) / "manifest.json", whole)
            pipe = os.open(manifest, os.O_RDWR)  # lets the reader in
            whole.rename(manifest)
            os.close(pipe)
            wait_until("it is ready", lambda s=server: monitor(s, "/readyz").status_code == 200)
            manifest.unlink()
            os.mkfifo(manifest)

    def test_sigterm_while_a_version_is_read_ends_it(self):
        base = self.new_base(1)
        manifest = base / "1" / "manifest.json"
        manifest.unlink()
        os.mkfifo(manifest)
        for _, server in self.both_servers(base):
            wait_until("it reads", lambda s=server: "being loaded" in monitor(s, "/readyz").text)
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.exit_code(), 0)

    def test_a_base_path_that_is_not_there_is_one_clear_line(self):
        missing = self.folder / "missing"
        for arguments in (("serve-app", "--bundle", missing), ("serve-model", "--model_base_path", missing)):
            with self.subTest(arguments[0]):
                self.assert_fails(run(*arguments, "--port", 0, "--metrics-port", 0), missing)

    def test_a_port_of_metrics_in_use_is_one_clear_line(self):
        with app(self.new_base(1), "--metrics-port", 0) as server:
            for arguments in (("serve-app", "--bundle"), ("serve-model", "--model_name", MODEL, "--model_base_path")):
                with self.subTest(arguments[0]):
                    self.assert_fails(run(*arguments, bundle_path(1), "--address", "127.0.0.1", "--port", 0,
                                          "--metrics-port", server.metrics_port), server.metrics_port, "in use")


if __name__ == "__main__":
    unittest.main()
