from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient

from experiments.engines.docker.cgroup import ask_cpu_s, cpu_file, read_cpu_s
from experiments.engines.docker.server import DockerServer
from experiments.errors import Failure

VERSION_1 = "12:memory:/docker/0a\n4:cpu,cpuacct:/docker/0a\n1:name=systemd:/docker/0a\n0::/system.slice/x\n"
VERSION_2 = "0::/system.slice/docker-0a.scope\n"


def make(tmp_path: Path, cgroup: str, file: str, text: str) -> tuple[Path, Path, Path]:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text(cgroup)
    path = groups / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return proc, groups, path


def test_version_1_counts_nanoseconds_of_cpuacct(tmp_path: Path) -> None:
    proc, groups, path = make(tmp_path, VERSION_1, "cpuacct/docker/0a/cpuacct.usage", "1500000000\n")
    assert cpu_file(7, proc, groups) == path
    assert read_cpu_s(path) == 1.5


def test_version_2_counts_microseconds(tmp_path: Path) -> None:
    text = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
    proc, groups, path = make(tmp_path, VERSION_2, "system.slice/docker-0a.scope/cpu.stat", text)
    assert cpu_file(7, proc, groups) == path
    assert read_cpu_s(path) == 2.5


def test_a_process_of_another_machine_has_no_file(tmp_path: Path) -> None:
    assert cpu_file(7, tmp_path, tmp_path) is None


def test_control_groups_that_are_mounted_elsewhere_are_no_file(tmp_path: Path) -> None:
    proc, _, _ = make(tmp_path, VERSION_1, "somewhere/cpuacct.usage", "1\n")
    assert cpu_file(7, proc, tmp_path) is None


def test_what_has_gone_counts_nothing(tmp_path: Path) -> None:
    assert read_cpu_s(tmp_path / "cpuacct.usage") is None


def engine(api_version: str, answer: object, asked: list[dict[str, Any]]) -> Any:
    def stats(container: str, **options: Any) -> object:
        asked.append(options)
        return answer

    return SimpleNamespace(api=SimpleNamespace(api_version=api_version, stats=stats))


def test_an_engine_elsewhere_is_asked_in_the_quickest_way_that_it_has() -> None:
    asked: list[dict[str, Any]] = []
    answer = {"cpu_stats": {"cpu_usage": {"total_usage": 3_000_000_000}}}
    assert ask_cpu_s(engine("1.41", answer, asked), "0a") == 3.0
    assert ask_cpu_s(engine("1.40", answer, asked), "0a") == 3.0
    assert asked == [{"stream": False, "one_shot": True}, {"stream": False}]


def test_a_container_that_has_ended_counts_nothing() -> None:
    assert ask_cpu_s(engine("1.41", {"cpu_stats": {"cpu_usage": {"total_usage": 0}}}, []), "0a") is None


def test_an_answer_without_cpu_time_is_a_failure() -> None:
    with pytest.raises(Failure, match="the engine does not say how much CPU time a container has used"):
        ask_cpu_s(engine("1.41", {}, []), "0a")


@pytest.mark.docker
def test_file_and_engine_say_the_same_of_a_real_server(server: DockerServer, docker_client: DockerClient) -> None:
    before = server.cpu_s()
    asked = ask_cpu_s(docker_client, server.container)
    after = server.cpu_s()
    assert asked is not None
    # The engine may answer with what it read up to a second ago.
    assert before - 1.0 < asked <= after
    assert before > 0
