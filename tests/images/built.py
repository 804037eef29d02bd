"""The images as `run.sh` built them, unpacked: what the tests of this folder look at and run.

The environment names the folder with the layouts (IMAGES_OUT); the process has a network of its own, with nothing on any port."""
import fcntl
import os
import pathlib
import socket
import struct

from container import Container
from image import Image

SOURCE = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(os.environ["IMAGES_OUT"])
NAMES = ("user-model", "recommender-app", "tandem")
NONROOT = 65532
MODEL = "models/user_model"

# By name; figures are what was measured, for people.
images, roots, figures = {}, {}, {}


def prepare():
    """Unpacks the images, and takes loopback up."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
    for name in NAMES:
        images[name] = Image(OUT / "layout" / name)
        roots[name] = images[name].unpack(OUT / "root" / name)


def run(name, **options):
    return Container(images[name], roots[name], **options)
