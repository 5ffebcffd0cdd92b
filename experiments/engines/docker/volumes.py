"""Volumes filled by archives, so that the engine may be remote."""

import io
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docker.types import Mount

from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.resources import CampaignResources
from experiments.errors import Failure

_MOUNTED_AT = "/volume"
# An image without one of its own, such as an imported one, is refused without a command, even if it never runs.
_NEVER_RUN = ["true"]
# All files have the same, so that equal data makes equal archives.
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644


@dataclass(frozen=True)
class Account:
    """Numbers of a user and their group."""

    user_id: int
    group_id: int


@dataclass(frozen=True)
class Member:
    """A file of a volume, or a folder where ``content`` is None, and whose it is."""

    name: str
    content: bytes | None
    account: Account
    mode: int


def volume_mount(volume: str, path: str, *, read_only: bool) -> Mount:
    """Return a mount of a volume into which nothing of the image is copied."""
    return Mount(path, volume, type="volume", read_only=read_only, no_copy=True)


def make_volume(resources: CampaignResources, purpose: str, image: str, members: Iterable[Member]) -> str:
    """Make a volume that holds the members; return its name. ``image`` is any present one; it is not run."""
    return _fill(resources, purpose, image, io.BytesIO(pack(members)))


def make_data_volume(resources: CampaignResources, purpose: str, image: str, folder: Path) -> str:
    """Make a volume with the folder's contents, readable for every user; return its name."""
    with tempfile.TemporaryFile() as archive:
        pack_folder(folder, archive)
        archive.seek(0)
        return _fill(resources, purpose, image, archive)


def pack(members: Iterable[Member]) -> bytes:
    """Pack members into an archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            entry = tarfile.TarInfo(member.name)
            entry.uid, entry.gid, entry.mode = member.account.user_id, member.account.group_id, member.mode
            if member.content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(member.content)
            archive.addfile(entry, io.BytesIO(member.content or b""))
    return packed.getvalue()


def pack_folder(folder: Path, target: IO[bytes]) -> None:
    """Write the archive of a folder's files and folders, links followed, whoever's they are."""
    with tarfile.open(fileobj=target, mode="w", dereference=True) as archive:
        for entry in sorted(folder.iterdir()):
            archive.add(entry, arcname=entry.name, filter=_for_everybody)


def find_account(resources: CampaignResources, image: str, name: str) -> Account:
    """Find a user's ids in the image's /etc/passwd. Raises Failure if there is no such user."""
    container = resources.container("look", image, command=_NEVER_RUN, network_disabled=True)
    try:
        with docker_errors(f"read /etc/passwd of {image}"):
            stream, _ = resources.client.api.get_archive(container, "/etc/passwd")
            packed = io.BytesIO(b"".join(stream))
    finally:
        resources.remove_container(container)
    with tarfile.open(fileobj=packed) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        text = "" if file is None else file.read().decode(errors="replace")
    return parse_account(text, name, image)


def parse_account(passwd: str, name: str, image: str) -> Account:
    """Parse a user's ids in the text of an /etc/passwd (passwd(5))."""
    for line in passwd.splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return Account(int(fields[2]), int(fields[3]))
    raise Failure(f"docker: the image {image} has no user {name!r}, whom PostgreSQL would run as")


def _fill(resources: CampaignResources, purpose: str, image: str, archive: IO[bytes]) -> str:
    volume = resources.volume(purpose)
    api = resources.client.api
    # Its volumes can be written to from outside, without it ever being started.
    mounts = [volume_mount(volume, _MOUNTED_AT, read_only=False)]
    container = resources.container(
        f"fill-{purpose}",
        image,
        command=_NEVER_RUN,
        host_config=api.create_host_config(mounts=mounts, network_mode="none"),
    )
    try:
        with docker_errors(f"put files into the volume for {purpose}"):
            api.put_archive(container, _MOUNTED_AT, archive)
    finally:
        resources.remove_container(container)
    return volume


def _for_everybody(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if not entry.isfile() and not entry.isdir():
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = _FOLDER_MODE if entry.isdir() else _FILE_MODE
    return entry
