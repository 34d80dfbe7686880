"""utils/download.sh: a file is whole and checked, or not there; and what has come is not fetched twice."""

import hashlib
import os
import shutil
import subprocess
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

DOWNLOAD = Path(__file__).resolve().parents[2] / "utils" / "download.sh"
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT at /file (from where one asks), /whole (always all) and /broken (hangs up halfway)."""

    def __init__(self, *arguments, requests):
        self.requests = requests
        super().__init__(*arguments)

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.requests.append((self.path, wanted))
        if self.path not in ("/file", "/whole", "/broken"):
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path != "/whole" else 0
        if start >= len(CONTENT):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT[start : len(CONTENT) // 2 if self.path == "/broken" else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    requests = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, requests=requests))
    http.requests, http.url = requests, f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http
    http.shutdown()
    thread.join()
    http.server_close()


TOOLS = ["bash", "cut", "dirname", "md5sum", "mkdir", "mv", "rm", "sed", "sha256sum"]


@pytest.fixture(params=["curl", "wget"])
def download(request, tmp_path):
    """Runs download.sh with only curl, or only wget, to be found."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in [request.param, *TOOLS]:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        (programs / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(programs), "HOME": str(tmp_path), "no_proxy": "127.0.0.1"}

    def call(*words):
        command = [shutil.which("bash"), str(DOWNLOAD), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return call


# wget waits between its own attempts, and it cannot start anew by itself.
CURL_ONLY = pytest.mark.parametrize("download", ["curl"], indirect=True)


def failed(result, message):
    """It ended with status 1 and, last, one sentence of ours."""
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("download.sh: error: ") and message in last
    return True


def test_a_file_arrives_whole_in_a_new_folder(server, download, tmp_path):
    file = tmp_path / "new" / "folder" / "corpus.bin"
    assert download(f"{server.url}/file", SHA256, file).returncode == 0
    assert file.read_bytes() == CONTENT
    assert [path.name for path in file.parent.iterdir()] == ["corpus.bin"]


def test_only_what_is_missing_is_fetched(server, download, tmp_path):
    (tmp_path / "f.partial").write_bytes(CONTENT[:1000])
    assert download(f"{server.url}/file", SHA256, tmp_path / "f").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.requests == [("/file", "bytes=1000-")]


def test_a_finished_partial_file_needs_no_network(server, download, tmp_path):
    (tmp_path / "f.partial").write_bytes(CONTENT)
    assert download(f"{server.url}/file", SHA256, tmp_path / "f").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT and server.requests == []


@CURL_ONLY
def test_a_server_that_cannot_continue(server, download, tmp_path):
    (tmp_path / "f.partial").write_bytes(CONTENT[:1000])
    assert download(f"{server.url}/whole", SHA256, tmp_path / "f").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT


@CURL_ONLY
def test_a_broken_transfer_is_continued_by_the_same_command(server, download, tmp_path):
    assert failed(download(f"{server.url}/broken", SHA256, tmp_path / "f"), "run the same command again to go on")
    assert not (tmp_path / "f").exists()
    assert (tmp_path / "f.partial").read_bytes() == CONTENT[: len(CONTENT) // 2]
    assert download(f"{server.url}/file", SHA256, tmp_path / "f").returncode == 0
    assert server.requests[-1] == ("/file", f"bytes={len(CONTENT) // 2}-")
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_wrong_sum_leaves_nothing(server, download, tmp_path):
    other = hashlib.sha256(b"other").hexdigest()
    result = download(f"{server.url}/file", other, tmp_path / "data" / "f")
    assert failed(result, f"has SHA-256 {SHA256}, expected {other}; it was removed")
    assert list((tmp_path / "data").iterdir()) == []


def test_an_md5_where_there_is_no_sha256(server, download, tmp_path):
    (tmp_path / "f.partial").write_bytes(CONTENT[:1000])
    assert download(f"{server.url}/file", MD5, tmp_path / "f").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT
    other = hashlib.md5(b"other").hexdigest()
    assert failed(download(f"{server.url}/file", other, tmp_path / "f"), f"its MD5 is not {other}; move it away")
    assert failed(
        download(f"{server.url}/file", other, tmp_path / "g"), f"has MD5 {MD5}, expected {other}; it was removed"
    )
    assert not (tmp_path / "g").exists() and not (tmp_path / "g.partial").exists()


@CURL_ONLY
def test_a_partial_file_that_is_too_long_is_replaced(server, download, tmp_path):
    (tmp_path / "f.partial").write_bytes(b"x" * len(CONTENT))
    assert download(f"{server.url}/file", SHA256, tmp_path / "f").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_file_that_is_there_is_checked_and_left_alone(server, download, tmp_path):
    (tmp_path / "f").write_bytes(CONTENT)
    assert download(f"{server.url}/file", SHA256, tmp_path / "f").returncode == 0
    (tmp_path / "f").write_bytes(b"something of the user's")
    assert failed(download(f"{server.url}/file", SHA256, tmp_path / "f"), "move it away")
    assert (tmp_path / "f").read_bytes() == b"something of the user's"
    assert server.requests == []


def test_a_file_that_the_server_has_not(server, download, tmp_path):
    result = download(f"{server.url}/nothing", SHA256, tmp_path / "f")
    assert failed(result, "does not give out") and not (tmp_path / "f").exists()


@CURL_ONLY
def test_no_server(server, download, tmp_path):
    server.shutdown()
    server.server_close()
    assert failed(download(f"{server.url}/file", SHA256, tmp_path / "f"), "no answer from")


def test_wrong_use(download, tmp_path):
    for wrong in ("be1a", SHA256[:-1], MD5.upper(), f"{MD5}0"):
        assert failed(download("http://127.0.0.1/file", wrong, tmp_path / "f"), f"'{wrong}' is not a SHA-256")
    result = download("http://127.0.0.1/file")
    assert result.returncode == 2 and "download.sh URL SHA256 FILE" in result.stderr


def test_neither_curl_nor_wget(tmp_path):
    for name in TOOLS:
        os.symlink(shutil.which(name), tmp_path / name)
    command = [shutil.which("bash"), str(DOWNLOAD), "http://127.0.0.1/file", SHA256, str(tmp_path / "f")]
    result = subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert failed(result, "neither curl nor wget is installed")
