import pytest

from vocoders.errors import InputError
from vocoders.io.tables import read_table, scan_table, write_table


def test_round_trip_is_sorted_in_byte_order(tmp_path):
    table = {"b_1": "x.wav", "B-1": "sox a.flac -t wav - |", "a.10": "two  blanks", "a.9": "y"}
    write_table(tmp_path / "wav.scp", table)
    assert (tmp_path / "wav.scp").read_text().split("\n")[0] == "B-1 sox a.flac -t wav - |"
    assert list(read_table(tmp_path / "wav.scp")) == ["B-1", "a.10", "a.9", "b_1"]
    assert read_table(tmp_path / "wav.scp") == table


def test_tabs_separate_too(tmp_path):
    (tmp_path / "text").write_text("a\tone two\n")
    assert read_table(tmp_path / "text") == {"a": "one two"}


def test_only_line_ends_end_lines(tmp_path):
    """Unicode has more characters that str.splitlines takes for ends; transcripts have them."""
    table = {"a": "one\u2028two", "b": "three\u0085four\x0cfive"}
    write_table(tmp_path / "text", table)
    assert read_table(tmp_path / "text") == table
    (tmp_path / "text").write_bytes((tmp_path / "text").read_bytes().replace(b"\n", b"\r\n"))
    assert read_table(tmp_path / "text") == table
    with pytest.raises(InputError, match="line break"):
        write_table(tmp_path / "text", {"a": "one\rtwo"})


@pytest.mark.parametrize(
    "text, message",
    [
        ("a 1\na 2\n", r"text:2: id 'a' stands twice"),
        ("b 1\na 2\n", r"text:2: 'a' comes after 'b'; sort the file with LC_ALL=C sort"),
        ("a 1\nB 2\n", r"text:2: 'B' comes after 'a'"),
        ("a 1\nc/d 2\n", r"text:2: id 'c/d' has characters other than"),
        ("a 1\nb\n", r"text:2: id 'b' has no value"),
        ("a 1\n\nb 2\n", r"text:2: empty line"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    (tmp_path / "text").write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "text")


def test_missing_and_binary_tables_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such table"):
        read_table(tmp_path / "nothing")
    (tmp_path / "text").write_bytes(b"a \xff\xfe\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_table(tmp_path / "text")


def test_what_could_not_be_read_is_not_written(tmp_path):
    for table in ({"a b": "1"}, {"a": ""}, {"a": "1\n2"}):
        with pytest.raises(InputError):
            write_table(tmp_path / "t", table)
    assert list(tmp_path.iterdir()) == []


def test_a_scan_goes_on_after_a_bad_line_and_says_once_that_a_table_is_not_sorted(tmp_path):
    path = tmp_path / "text"
    path.write_text("c x\na y\nb z\n\na again\nd\n")
    table, faults = scan_table(path)
    assert table == {"c": "x", "a": "y", "b": "z"}
    assert [fault.removeprefix(f"{path}:")[:2] for fault in faults] == ["2:", "4:", "5:", "6:"]
    assert scan_table(tmp_path / "none") == ({}, [f"{tmp_path}/none: no such table; run the stage that writes it"])
