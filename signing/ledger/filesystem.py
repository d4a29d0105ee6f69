"""Where a ledger's file may lie: a local file system, in a folder that can be written to, readable by its owner alone."""

import os
import stat
from pathlib import Path
from typing import Final

from orderseal.signing.ledger.errors import LedgerError

__all__ = ["NETWORK_FILE_SYSTEMS", "create_private", "mount_type", "refuse_place", "sync_folder"]

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
        "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb",
        "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
"""The mount types on which SQLite's locks or its shared memory are not to be relied on (sqlite.org, *Write-Ahead Logging*)."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


def read_mounts() -> str | None:
    """The mounts of this process, or ``None`` where the system does not list them so."""
    try:
        return _MOUNTS.read_text("utf-8", errors="surrogateescape")
    except OSError:
        return None


def mount_type(path: Path, mountinfo: str) -> str | None:
    """The type of the file system that an absolute path lies on, from the text of ``/proc/self/mountinfo`` (proc(5))."""
    best: tuple[int, str] | None = None
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        columns, kind = left.split(" "), right.split(" ")[0]
        if len(columns) < 5:
            continue
        mount = Path(_unescaped(columns[4]))
        # A later line lies over an earlier one with the same place.
        if path.is_relative_to(mount) and (best is None or len(mount.parts) >= best[0]):
            best = len(mount.parts), kind
    return None if best is None else best[1]


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def refuse_place(path: Path) -> None:
    """Raise unless a ledger may lie at an absolute path, whether or not it does already."""
    folder = path.parent
    if not folder.is_dir():
        raise LedgerError("directory", f"{folder} is no folder: make it first")
    mounts = read_mounts()
    kind = None if mounts is None else mount_type(folder, mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            "network_file_system",
            f"{path} lies on a network file system ({kind}), where locks do not hold: keep the ledger on a local disk",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LedgerError("directory", f"the folder {folder} cannot be written to, and the database keeps two more files there")
    if not path.exists():
        return
    if not path.is_file():
        raise LedgerError("open_elsewhere", f"{path} is no regular file")
    if not os.access(path, os.R_OK | os.W_OK):
        raise LedgerError(
            "read_only", f"{path} cannot be read and written by this account: a ledger that cannot be written to protects nothing"
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerError("file_mode", f"{path} has mode {mode:04o}, and is a bag of live orders: chmod 600 it")


def create_private(path: Path, *, exclusive: bool) -> None:
    """Make an empty file that its owner alone can read and write."""
    try:
        # Not by the database, which would make it by the umask, and readable for a moment.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | (os.O_EXCL if exclusive else 0), 0o600))
    except FileExistsError:
        raise LedgerError("address_taken", f"{path} exists already: name a new file") from None
    except OSError as error:
        raise LedgerError("directory", f"{path} cannot be made ({(error.strerror or 'no reason given').lower()})") from None


def sync_folder(folder: Path) -> None:
    """Write a folder's list of names through to the disk, so that a new file is there after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
