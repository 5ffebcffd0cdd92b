from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from experiments.engines.docker.images import Images
from experiments.engines.docker.limits import LOCKED_UP
from experiments.engines.docker.loader import run_container
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.volumes import (
    Account,
    Member,
    find_account,
    make_data_volume,
    make_volume,
    pack,
    pack_folder,
    parse_account,
    volume_mount,
)
from experiments.errors import Failure

PASSWD = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:103:PostgreSQL:/var/lib/postgresql:/bin/bash\n"


def test_an_account_is_found_by_name() -> None:
    assert parse_account(PASSWD, "postgres", "image") == Account(101, 103)
    with pytest.raises(Failure, match="the image image has no user 'mysql', whom PostgreSQL would run as"):
        parse_account(PASSWD, "mysql", "image")


def test_members_belong_to_whom_they_should() -> None:
    packed = pack([Member("key", b"secret", Account(7, 8), 0o400), Member("folder", None, Account(7, 8), 0o700)])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        key, folder = archive.getmembers()
        assert (key.uid, key.gid, key.mode, folder.uid, folder.mode, folder.isdir()) == (7, 8, 0o400, 7, 0o700, True)
        content = archive.extractfile(key)
        assert content is not None
        assert content.read() == b"secret"


def test_a_folder_is_packed_for_everybody_links_followed_and_nothing_but_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "below").mkdir(parents=True, mode=0o700)
    (folder / "below" / "b.zip").write_bytes(b"b")
    (folder / "below" / "b.zip").chmod(0o600)
    (tmp_path / "elsewhere").write_bytes(b"a")
    (folder / "a.zip").symlink_to(tmp_path / "elsewhere")
    target = io.BytesIO()
    pack_folder(folder, target)
    with tarfile.open(fileobj=io.BytesIO(target.getvalue())) as archive:
        found = {entry.name: (entry.isfile(), entry.mode, entry.uid, entry.uname) for entry in archive}
    assert found == {
        "a.zip": (True, 0o644, 0, ""),
        "below": (False, 0o755, 0, ""),
        "below/b.zip": (True, 0o644, 0, ""),
    }


@pytest.mark.docker
@pytest.mark.parametrize("major", ["15", "17"])
def test_the_account_of_an_image_is_read_without_running_it(
    major: str, images: Images, resources: CampaignResources
) -> None:
    assert find_account(resources, images.postgres(major).image_id, "postgres").user_id > 0


@pytest.mark.docker
def test_volumes_hold_what_they_should_and_only_that(
    tmp_path: Path, images: Images, resources: CampaignResources
) -> None:
    (tmp_path / "a.zip").write_bytes(b"content")
    image = images.postgres("15").image_id
    secret = make_volume(resources, "x", image, [Member("key", b"secret", Account(7, 8), 0o400)])
    data = make_data_volume(resources, "files", image, tmp_path)
    api = resources.client.api
    mounts = [volume_mount(secret, "/secret", read_only=True), volume_mount(data, "/data", read_only=True)]
    command = "stat -c '%n %u:%g %a' /secret/* /data/*; cat /data/a.zip; cat /secret/key; touch /data/b"
    container = resources.container(
        "look",
        image,
        user="9:9",
        command=["sh", "-c", command],
        host_config=api.create_host_config(**LOCKED_UP, mounts=mounts, network_mode="none"),
    )
    finished = run_container(resources.client, container, 20)
    assert finished.stdout == "/secret/key 7:8 400\n/data/a.zip 0:0 644\ncontent"
    assert "key: Permission denied" in finished.stderr
    assert "Read-only file system" in finished.stderr
