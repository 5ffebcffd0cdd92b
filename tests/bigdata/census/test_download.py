from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bigdata.census.download import fetch, show_progress
from bigdata.census.source import open_source
from bigdata.census.synthetic import generate
from bigdata.errors import BadInput

FOLDER = "/census_2000/datasets/Summary_File_1/New_York/"
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def whole(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def truncated(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])


def without_length(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(body)


def garbage(request: BaseHTTPRequestHandler, body: bytes) -> None:
    whole(request, b"<html>Scheduled maintenance</html>")


def damaged(request: BaseHTTPRequestHandler, body: bytes) -> None:
    half = len(body) // 2
    whole(request, body[:half] + bytes(byte ^ 1 for byte in body[half : half + 10]) + body[half + 10 :])


def hang_up(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Close the connection without an answer."""


def error(code: int) -> Answer:
    return lambda request, body: request.send_error(code)


class CensusSite:
    """A server on loopback with the files of a generated New York. ``answers``: what the next requests get."""

    def __init__(self, files: Path) -> None:
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self.pauses_s: list[float] = []
        self.progress: list[tuple[str, int, int | None]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append(self.path)
                answer = site.answers.pop(0) if site.answers else whole
                file = files / Path(self.path).name
                if not self.path.startswith(FOLDER) or not file.is_file():
                    self.send_error(404)
                else:
                    answer(self, file.read_bytes())

            def log_message(self, format: str, *arguments: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> CensusSite:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fetch(self, directory: Path, segments: tuple[str, ...] = ("01",), state: str = "New_York") -> list[Path]:
        def record(name: str, received: int, total: int | None) -> None:
            self.progress.append((name, received, total))

        return fetch(state, directory, segments, base_url=self.url, progress=record, sleep=self.pauses_s.append)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    generate(tmp_path / "files", "NY", ["01", "02"], 40, 2014)
    return tmp_path / "files"


@pytest.fixture
def site(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CensusSite]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with CensusSite(files) as served:
        yield served


@pytest.mark.parametrize("state", ["New_York", "New York", "NY"])
def test_a_state_is_fetched_from_the_layout_of_the_census_site(
    site: CensusSite, files: Path, tmp_path: Path, state: str
) -> None:
    paths = site.fetch(tmp_path / "data" / "new", ("02", "01"), state)
    names = ["nygeo_uf1.zip", "ny00001_uf1.zip", "ny00002_uf1.zip"]
    assert site.requests == [FOLDER + name for name in names]
    assert paths == [tmp_path / "data" / "new" / name for name in names]
    for path in paths:
        assert path.read_bytes() == (files / path.name).read_bytes()
    assert open_source(tmp_path / "data" / "new").geo_count == 40


def test_progress_tells_the_bytes_of_each_file(site: CensusSite, files: Path, tmp_path: Path) -> None:
    site.fetch(tmp_path / "data")
    for name in ("nygeo_uf1.zip", "ny00001_uf1.zip"):
        size = (files / name).stat().st_size
        assert (name, size, size) in site.progress


def test_whole_files_are_not_fetched_again_but_damaged_ones_are(site: CensusSite, tmp_path: Path) -> None:
    site.fetch(tmp_path)
    (tmp_path / "ny00001_uf1.zip").write_bytes(b"damaged")
    site.requests.clear()
    site.fetch(tmp_path)
    assert site.requests == [f"{FOLDER}ny00001_uf1.zip"]
    site.requests.clear()
    site.fetch(tmp_path)
    assert site.requests == []


@pytest.mark.parametrize("answer", [error(500), error(503), truncated, hang_up])
def test_a_passing_failure_is_tried_again(
    site: CensusSite, files: Path, tmp_path: Path, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers = [answer, answer]
    site.fetch(tmp_path / "data")
    assert site.pauses_s == [1.0, 2.0]
    assert len(site.requests) == 4
    assert (tmp_path / "data" / "nygeo_uf1.zip").read_bytes() == (files / "nygeo_uf1.zip").read_bytes()
    assert "nygeo_uf1.zip: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(502), "the server answered 502"),
        (truncated, "the answer ended after"),
        (hang_up, "the connection failed"),
    ],
)
def test_a_lasting_failure_is_reported_and_leaves_nothing(
    site: CensusSite, tmp_path: Path, answer: Answer, reason: str
) -> None:
    site.answers = [answer] * 4
    with pytest.raises(BadInput, match=rf"nygeo_uf1.zip: {reason}.*, in 4 attempts; try again later"):
        site.fetch(tmp_path / "data")
    assert site.pauses_s == [1.0, 2.0, 4.0]
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(404), "the server answered 404 Not Found; expected the file: check state and --base-url"),
        (garbage, "the answer is not a complete zip: File is not a zip file; expected a file of Summary File 1"),
        (damaged, "the answer is not a complete zip: nygeo.uf1 in it is damaged; expected a file of Summary File 1"),
    ],
)
def test_an_answer_that_would_be_the_same_again_is_refused_at_once(
    site: CensusSite, tmp_path: Path, answer: Answer, reason: str
) -> None:
    site.answers = [answer]
    with pytest.raises(BadInput) as refused:
        site.fetch(tmp_path / "data")
    assert str(refused.value) == f"{site.url}{FOLDER[1:]}nygeo_uf1.zip: {reason}"
    assert site.pauses_s == []
    assert list((tmp_path / "data").iterdir()) == []


def test_an_answer_that_does_not_tell_its_length_is_taken(site: CensusSite, files: Path, tmp_path: Path) -> None:
    site.answers = [without_length]
    site.fetch(tmp_path / "data")
    size = (files / "nygeo_uf1.zip").stat().st_size
    assert site.progress[0][2] is None
    assert ("nygeo_uf1.zip", size, size) in site.progress


def test_what_was_whole_before_a_failure_stays(site: CensusSite, tmp_path: Path) -> None:
    site.answers = [whole, error(404)]
    with pytest.raises(BadInput):
        site.fetch(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["nygeo_uf1.zip"]


def test_a_server_that_is_not_there_is_bad_input(files: Path, tmp_path: Path) -> None:
    with CensusSite(files) as gone:
        pass
    with pytest.raises(BadInput, match=r"the connection failed: .* in 4 attempts"):
        gone.fetch(tmp_path / "data")


def test_unknown_states_segments_and_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--state: unknown state 'Atlantis'"):
        fetch("Atlantis", tmp_path, ["01"])
    with pytest.raises(BadInput, match="--segments: unknown segment '40'"):
        fetch("NY", tmp_path, ["40"])
    with pytest.raises(BadInput, match=r"--base-url: found .www2\.census\.gov., expected an address"):
        fetch("NY", tmp_path, ["01"], base_url="www2.census.gov")
    with pytest.raises(BadInput, match="--base-url: "):
        fetch("NY", tmp_path, ["01"], base_url="http://127.0.0.1:port/")


def test_progress_without_a_terminal_is_one_line_for_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress("nygeo_uf1.zip", 500, 2000)
    show_progress("nygeo_uf1.zip", 2000, 2000)
    assert capsys.readouterr().err == "nygeo_uf1.zip: 2,000 of 2,000 bytes\n"
