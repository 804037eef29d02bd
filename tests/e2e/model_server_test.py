"""The model server, asked by clients that nobody here wrote."""
import signal
import unittest

import grpc
import numpy
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from bundle_file import read_safetensors
from harness import MODEL, PATIENCE, Load, TestCase, app, bundle_path, model_server, paused, wait_until

SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
INPUT, OUTPUT = "string_lookup_1_input", "embedding_1"


def embedding_of(number, user):
    """What the bundle's files hold, read without Tandem."""
    row = (bundle_path(number) / "vocabulary" / "users.txt").read_text().splitlines().index(user)
    return read_safetensors(bundle_path(number) / "users.safetensors")["embedding"][row]


class ModelServerTest(TestCase):
    def serve(self, *numbers, arguments=()):
        server = self.enterContext(model_server(self.new_base(*numbers), *arguments))
        for number in numbers:
            wait_until("each is available", lambda n=number: f"version {n} is available" in server.logged())
        self.channel = self.enterContext(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
        self.client = TensorServingClient(host="127.0.0.1", port=server.port)
        return server

    def predict(self, users, **options):
        answer = self.client.predict_request(MODEL, {INPUT: numpy.array(users)}, timeout=PATIENCE, **options)
        return tensor_proto_to_ndarray(answer.outputs[OUTPUT])

    def health(self, service=""):
        stub = health_pb2_grpc.HealthStub(self.channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status

    # The original app: one id in, 32 floats out of float_val.
    def test_original_client_gets_the_embedding_that_the_bundle_holds(self):
        self.serve(1)
        answer = self.client.predict_request(MODEL, {INPUT: numpy.array(["42"])}, timeout=PATIENCE)
        tensor = answer.outputs[OUTPUT]
        self.assertEqual([d.size for d in tensor.tensor_shape.dim], [1, 32])
        self.assertEqual(len(tensor.float_val), 32)
        numpy.testing.assert_array_equal(numpy.float32(tensor.float_val), embedding_of(1, "42"))
        self.assertEqual((answer.model_spec.name, answer.model_spec.version.value), (MODEL, 1))

    def test_a_batch_is_answered_in_order_and_unknown_users_alike(self):
        self.serve(1)
        rows = self.predict(["7", "nobody", "42", "no one"])
        numpy.testing.assert_array_equal(rows[0], embedding_of(1, "7"))
        numpy.testing.assert_array_equal(rows[2], embedding_of(1, "42"))
        unknown = read_safetensors(bundle_path(1) / "users.safetensors")["unknown"]
        numpy.testing.assert_array_equal(rows[1], unknown)
        numpy.testing.assert_array_equal(rows[3], unknown)

    def test_each_loaded_version_answers_with_its_own_embedding(self):
        self.serve(1, 2)
        self.assertFalse(numpy.array_equal(embedding_of(1, "42"), embedding_of(2, "42")))
        numpy.testing.assert_array_equal(self.predict(["42"])[0], embedding_of(2, "42"))
        numpy.testing.assert_array_equal(self.predict(["42"], model_version=1)[0], embedding_of(1, "42"))

    def test_errors_have_the_codes_of_tensorflow_serving(self):
        self.serve(1)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        users = {INPUT: numpy.array(["42"])}
        big = predict_pb2.PredictRequest()
        big.model_spec.name = MODEL
        big.inputs[INPUT].tensor_content = bytes(5 << 20)
        cases = (
            (grpc.StatusCode.NOT_FOUND, lambda: self.client.predict_request("other", users, timeout=PATIENCE)),
            (grpc.StatusCode.NOT_FOUND, lambda: self.predict(["42"], model_version=9)),
            (grpc.StatusCode.INVALID_ARGUMENT, lambda: self.client.predict_request(MODEL, {}, timeout=PATIENCE)),
            (grpc.StatusCode.INVALID_ARGUMENT, lambda: self.predict(numpy.float32([1]))),
            (grpc.StatusCode.UNIMPLEMENTED, lambda: stub.Regress(RegressionRequest(), timeout=PATIENCE)),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: stub.Predict(big, timeout=PATIENCE)),
        )
        for number, (code, call) in enumerate(cases):
            with self.subTest(number), self.assertRaises(grpc.RpcError) as raised:
                call()
            self.assertEqual(raised.exception.code(), code, f"case {number}: {raised.exception.details()}")
        numpy.testing.assert_array_equal(self.predict(["42"])[0], embedding_of(1, "42"))

    def test_status_and_metadata_describe_what_is_served(self):
        self.serve(1, 2)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = MODEL
        status = model_service_pb2_grpc.ModelServiceStub(self.channel).GetModelStatus(request, timeout=PATIENCE)
        available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        self.assertEqual({s.version: s.state for s in status.model_version_status}, {1: available, 2: available})

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = MODEL
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        answer = stub.GetModelMetadata(request, timeout=PATIENCE)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self.assertTrue(answer.metadata["signature_def"].Unpack(signatures))
        default = signatures.signature_def["serving_default"]
        self.assertEqual((list(default.inputs), list(default.outputs)), ([INPUT], [OUTPUT]))
        self.assertEqual([d.size for d in default.outputs[OUTPUT].tensor_shape.dim], [-1, 32])

    def test_reflection_lists_the_services_and_their_files(self):
        self.serve(1)
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        asked = reflection_pb2.ServerReflectionRequest
        services, file = stub.ServerReflectionInfo(
            iter([asked(list_services=""), asked(file_containing_symbol="tensorflow.serving.PredictionService")]),
            timeout=PATIENCE)
        self.assertLessEqual(
            {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"},
            {service.name for service in services.list_services_response.service})
        described = descriptor_pb2.FileDescriptorProto.FromString(
            file.file_descriptor_response.file_descriptor_proto[0])
        self.assertIn("Predict", [method.name for method in described.service[0].method])

    # gRPC takes the number of its threads from a function of its library, which the program replaces.
    def test_grpc_counts_the_processors_of_the_container(self):
        for serve, arguments in ((model_server, ()), (app, ("--model-server", "127.0.0.1:1"))):
            with self.subTest(serve.__name__), \
                    serve(bundle_path(1).parent, *arguments, environment={"LD_DEBUG": "bindings"}) as server:
                self.assertRegex(server.logged(), r"libgrpc\.so\S* \[0\] to \S*tandem \[0\]: \S+ symbol `gpr_cpu_num_cores'")

    def test_sigterm_flips_health_while_requests_are_still_answered(self):
        server = self.serve(1, arguments=["--shutdown-delay", 1])
        for service in ("", *SERVICES):
            self.assertEqual(self.health(service), health_pb2.HealthCheckResponse.SERVING)
        server.send_signal(signal.SIGTERM)
        for service in SERVICES:
            wait_until("health flips", lambda s=service: self.health(s) == health_pb2.HealthCheckResponse.NOT_SERVING)
        self.assertEqual(self.health(), health_pb2.HealthCheckResponse.SERVING)  # it lives
        numpy.testing.assert_array_equal(self.predict(["42"])[0], embedding_of(1, "42"))
        self.assertEqual(server.exit_code(), 0)

    def test_requests_in_flight_at_sigterm_finish(self):
        server = self.serve(1, arguments=["--shutdown-delay", 0.5])
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = MODEL
        request.inputs[INPUT].dtype = 7
        request.inputs[INPUT].tensor_shape.dim.add().size = 1000
        request.inputs[INPUT].string_val.extend([b"42"] * 1000)
        stub.Predict(request, timeout=PATIENCE)  # the connection is up
        with paused(server):
            sent = [stub.Predict.future(request, timeout=PATIENCE) for _ in range(8)]
            server.send_signal(signal.SIGTERM)
        for answer in sent:
            self.assertEqual(len(answer.result().outputs[OUTPUT].float_val), 1000 * 32)
        self.assertEqual(server.exit_code(), 0)

    def test_sigterm_under_load_turns_only_new_requests_away(self):
        server = self.serve(1)
        with Load(lambda: self.predict(["42"])) as load:
            load.wait_for_more()
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.exit_code(), 0)
        expected = embedding_of(1, "42")
        for _, answer in load.answers:
            if isinstance(answer, grpc.RpcError):  # CANCELLED: it came between the server's end and the client's notice
                self.assertIn(answer.code(), (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), answer)
            else:
                numpy.testing.assert_array_equal(answer[0], expected)


if __name__ == "__main__":
    unittest.main()
