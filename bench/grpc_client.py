"""As much of gRPC as the scenarios need, without a library: unary calls one after another over one connection without
TLS, and the messages of Predict. HTTP/2 is RFC 9113; headers are sent as plain HPACK literals, RFC 7541, 6.2.2."""
import socket
import struct

from harness import Wrong, expect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


class GrpcConnection:
    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = -1
        self.authority = f"127.0.0.1:{port}"
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def call(self, path, message):
        """The message that answers; Wrong where the server sends none."""
        self.stream += 2
        headers = b"".join(literal(*h) for h in (
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", self.authority),
            ("te", "trailers"), ("content-type", "application/grpc")))
        body = struct.pack(">BI", 0, len(message)) + message
        self.socket.sendall(frame(HEADERS, END_HEADERS, self.stream, headers) +
                            frame(DATA, END_STREAM, self.stream, body))
        answer = b""
        while True:
            kind, flags, stream, payload = self.read_frame()
            if kind == SETTINGS and not flags & ACK:
                self.socket.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.socket.sendall(frame(PING, ACK, 0, payload))
            elif kind in (RST_STREAM, GOAWAY):
                raise Wrong(f"{path}: the server ended the call (frame {kind}, {payload!r})")
            elif stream == self.stream and kind == DATA:
                answer += payload
            if stream == self.stream and flags & END_STREAM and kind in (DATA, HEADERS):
                break
        if len(answer) < 5:
            raise Wrong(f"{path}: the answer has no message")
        return answer[5:]

    def read_frame(self):
        head = self.read(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, self.read(length)

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        return data


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


# Protocol buffers: the wire types 0 and 2, which are all that these messages have.

def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """(number, value) of each field."""
    at = 0

    def read_varint():
        nonlocal at
        shift = value = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = read_varint()
        value = read_varint()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        yield key >> 3, value


def is_serving(connection, service):
    """Whether grpc.health.v1.Health/Check says SERVING of the service."""
    return dict(fields(connection.call("/grpc.health.v1.Health/Check", field(1, service.encode())))).get(1) == 1


def predict_request(model, input_name, user):
    shape = field(2, field(1, 1))                                    # one dimension of size 1
    tensor = field(1, 7) + field(2, shape) + field(8, user.encode())  # DT_STRING
    return field(1, field(1, model.encode())) + field(2, field(1, input_name.encode()) + field(2, tensor))


def predicted_floats(answer, output_name):
    """The values of one output of a PredictResponse."""
    for number, entry in fields(answer):
        parts = dict(fields(entry)) if number == 1 else {}
        if parts.get(1) == output_name.encode():
            tensor = dict(fields(parts[2]))
            raw = tensor.get(5) or tensor.get(4)  # float_val packed, or tensor_content
            expect(raw is not None and len(raw) % 4 == 0, f"{output_name} holds no floats")
            return struct.unpack(f"<{len(raw) // 4}f", raw)
    raise Wrong(f"Predict: the answer has no output {output_name}")
