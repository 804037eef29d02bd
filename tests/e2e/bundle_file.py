"""Reads a .safetensors file without Tandem: eight bytes of length, a JSON header, raw little-endian arrays."""
import json

import numpy

KINDS = {"F32": "<f4", "I64": "<i8", "U8": "u1"}


def read_safetensors(path):
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, array in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = (begin + offset for offset in array["data_offsets"])
            arrays[name] = numpy.frombuffer(data[first:last], KINDS[array["dtype"]]).reshape(array["shape"])
    return arrays
