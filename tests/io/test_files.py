"""Whole or absent."""

import pytest

from vocoders.errors import InputError
from vocoders.io.files import append_jsonl, atomic_path, read_json, read_jsonl, remove_partials, sha256, write_json


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    target = tmp_path / "deep" / "file.bin"
    with atomic_path(target) as partial:
        partial.write_bytes(b"whole")
        assert not target.exists() and partial.suffix == ".bin"
    assert target.read_bytes() == b"whole"
    assert [p.name for p in target.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises((OSError, KeyboardInterrupt)), atomic_path(target) as partial:
        partial.write_text("half")
        raise error
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    """/dev/full accepts no byte, and its errors do not say whose they are."""
    with pytest.raises(OSError, match="No space left") as error, atomic_path(tmp_path / "a") as partial:
        partial.write_text("half")
        with open("/dev/full", "w") as full:
            full.write("x")
    assert error.value.filename == str(tmp_path / "a") and not list(tmp_path.iterdir())
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as error:
        append_jsonl(tmp_path / "a.jsonl", {})
    assert error.value.filename == str(tmp_path / "a.jsonl")


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = atomic_path(tmp_path / "step-2.pt")
    left.__enter__().write_text("half")
    for name in ("step-1.pt", ".partial", ".last.link"):
        (tmp_path / name).write_text("not ours")
    remove_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".last.link", ".partial", "step-1.pt"]


def test_json_round_trip_and_damage(tmp_path):
    write_json(tmp_path / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "a.json") == {"é": [1, None]}
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(InputError, match="a.json: not valid JSON"):
        read_json(tmp_path / "a.json")


def test_nan_is_refused_and_the_old_file_stays(tmp_path):
    write_json(tmp_path / "a.json", {})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json") == {}


def test_a_torn_last_line_is_forgotten_and_written_over(tmp_path):
    path = tmp_path / "a.jsonl"
    append_jsonl(path, {"n": 1})
    path.write_bytes(path.read_bytes() + b'{"n": 2, "x')
    assert read_jsonl(path) == [{"n": 1}]
    append_jsonl(path, {"n": 3})
    assert read_jsonl(path) == [{"n": 1}, {"n": 3}]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"n"\n{"n": 3}\n')
    with pytest.raises(InputError, match="a.jsonl:2: not valid JSON"):
        read_jsonl(tmp_path / "a.jsonl")


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
