"""A container of an image, run for real by runc: as `docker run --read-only --cap-drop ALL
--security-opt no-new-privileges --network host` would, process 1 of a PID namespace of its own."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

PATIENCE = 60  # seconds until a wait is given up


def wait_until(what, condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.005)


def _mount(destination, kind, source, *options):
    return {"destination": destination, "type": kind, "source": source, "options": ["nosuid", *options]}


class Container:
    """Starts `root`, the unpacked files of `image`. `command` replaces the image's own, `environment` adds to it, `volumes`
    maps places inside to (directory, "ro" or "rw"), `user` replaces the image's. Killed at the end at the latest."""

    def __init__(self, image, root, command=None, environment=None, volumes=None, user=None):
        config = image.config["config"]
        uid, gid = (user or config["User"]).split(":")
        self._bundle = tempfile.TemporaryDirectory()
        self._name = f"tandem-images-{uuid.uuid4().hex[:12]}"
        hosts = pathlib.Path(self._bundle.name) / "hosts"
        hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
        mounts = [
            _mount("/proc", "proc", "proc", "noexec", "nodev"),
            _mount("/dev", "tmpfs", "tmpfs", "strictatime", "mode=755", "size=65536k"),
            _mount("/tmp", "tmpfs", "tmpfs", "noexec", "nodev", "mode=1777", "size=64m"),
            _mount("/etc/hosts", "bind", str(hosts), "bind", "ro"),
        ]
        for inside, (outside, mode) in (volumes or {}).items():
            mounts.append(_mount(inside, "bind", str(outside), "rbind", mode))
        specification = {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": int(uid), "gid": int(gid)},
                "args": config.get("Entrypoint", []) + (config.get("Cmd", []) if command is None else list(map(str, command))),
                "env": config.get("Env", []) + [f"{name}={value}" for name, value in (environment or {}).items()],
                "cwd": config.get("WorkingDir") or "/",
                "capabilities": {},
                "noNewPrivileges": True,
            },
            "root": {"path": str(pathlib.Path(root).resolve()), "readonly": True},
            "hostname": "container",
            "mounts": mounts,
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                "maskedPaths": ["/proc/kcore", "/proc/keys"],
                "readonlyPaths": ["/proc/sys"],
            },
        }
        (pathlib.Path(self._bundle.name) / "config.json").write_text(json.dumps(specification))
        self._stdout = tempfile.TemporaryFile("w+")
        self._stderr = tempfile.TemporaryFile("w+")
        self.started = time.monotonic()
        self._runc = subprocess.Popen(["runc", "run", "--bundle", self._bundle.name, self._name],
                                      stdin=subprocess.DEVNULL, stdout=self._stdout, stderr=self._stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["runc", "delete", "--force", self._name], capture_output=True)
        self._runc.wait(PATIENCE)
        self._bundle.cleanup()
        self._stdout.close()
        self._stderr.close()

    def pid(self):
        """Of process 1 of the container, as this machine counts."""
        return self._state()["pid"]

    def _state(self):
        return json.loads(subprocess.run(["runc", "state", self._name], capture_output=True, check=True, text=True).stdout)

    def is_running(self):
        return self._runc.poll() is None

    def signal(self, number):
        os.kill(self.pid(), number)

    def execute(self, *command):
        """Exit code and output of a further process inside, as of a health check."""
        done = subprocess.run(["runc", "exec", self._name, *command], capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """Exit code after SIGTERM, and the seconds that it took."""
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.wait(), time.monotonic() - begin

    def wait(self, seconds=PATIENCE):
        return self._runc.wait(seconds)

    def stdout(self):
        return self._read(self._stdout)

    def stderr(self):
        return self._read(self._stderr)

    @staticmethod
    def _read(file):
        # A descriptor of its own: the container writes on where this one stands.
        with open(f"/proc/self/fd/{file.fileno()}") as again:
            return again.read()
