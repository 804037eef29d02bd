"""From exec to ready, and resident memory, of both servers on the example bundle. Ready is SERVING of gRPC's health
service, and 200 of /readyz; it is asked every half millisecond."""
import http.client
import json

from grpc_client import GrpcConnection, predict_request, predicted_floats
from harness import bundle_of_example, expect
from servers import MODEL_NAME, app_server, expect_answer, expected_titles, model_server

NAME = "start"
ABOUT = "milliseconds from exec to ready, and MiB resident, of both servers"
STARTS = 10
REQUESTS = 1000
USERS = 671  # of the bundled ratings: "1" to "671"


def run_scenario(options, report):
    report.no_peer("the article's stack starts within `serve`")
    base = bundle_of_example(report)
    manifest = json.loads((base / "1" / "manifest.json").read_text())
    titles = expected_titles(base, "42")

    def ask_model(port):
        ask_model_server(port, manifest)

    def ask_app(port):
        ask_app_server(port, titles)

    for verb, make, ask in (("serve-model", model_server, ask_model), ("serve-app", app_server, ask_app)):
        milliseconds, cpu, resident = [], [], []
        for _ in range(STARTS):
            with make(base) as server:
                milliseconds.append(server.seconds * 1e3)
                cpu.append(server.ready_cpu_seconds * 1e3)
                resident.append(server.resident_mib())
        report.add(f"{verb}, ready", milliseconds, "ms", at_most=200)
        report.add(f"{verb}, CPU until ready", cpu, "ms")
        report.add(f"{verb}, resident when ready", resident, "MiB", at_most=64)
        with make(base) as server:
            ask(server.port)
            report.add(f"{verb}, resident after {REQUESTS} requests", server.resident_mib(), "MiB", at_most=64)
            report.add(f"{verb}, most it ever was", server.resident_mib("VmHWM"), "MiB", at_most=64)


def ask_model_server(port, manifest):
    names, dimension = manifest["signatures"], manifest["model"]["dimension"]
    with GrpcConnection(port) as connection:
        for i in range(REQUESTS):
            request = predict_request(MODEL_NAME, names["user_input"], str(1 + i % USERS))
            answer = connection.call("/tensorflow.serving.PredictionService/Predict", request)
            got = len(predicted_floats(answer, names["embedding_output"]))
            expect(got == dimension, f"Predict gives {got} floats, expected {dimension}")


def ask_app_server(port, titles):
    expect_answer(port, "42", titles)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for i in range(REQUESTS):
        user = str(1 + i % USERS)
        connection.request("GET", f"/recommend/{user}")
        response = connection.getresponse()
        body = json.loads(response.read())
        expect(response.status == 200, f"/recommend/{user} answers {response.status}")
        expect(body["user_id"] == [user] and len(body["recommendations"][0]) == 10, f"/recommend/{user}: {body}")
    connection.close()
