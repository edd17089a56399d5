from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from etl_platform.platforms.log_tail import CHUNK_BYTES, read_lines, tail


def read_all(path: Path) -> list[str]:
    lines: list[str] = []
    offset = 0
    while True:
        some, following = read_lines(path, offset, complete=True)
        if following == offset:
            return lines
        lines, offset = lines + some, following


def test_line_without_its_end_waits_for_it(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"first\nsec")
    lines, offset = read_lines(log, 0, complete=False)
    with log.open("ab") as file:
        file.write(b"ond\n")
    assert (lines, read_lines(log, offset, complete=False)[0]) == (["first"], ["second"])


def test_last_line_of_an_ended_run_needs_no_end(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"first\nlast")
    assert read_all(tmp_path / "log") == ["first", "last"]


def test_file_that_does_not_exist_yet_has_no_lines(tmp_path: Path):
    assert read_lines(tmp_path / "log", 0, complete=False) == ([], 0)


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"caf\xe9 \xff\nnext\n")
    assert read_all(tmp_path / "log") == ["caf\ufffd \ufffd", "next"]


def test_carriage_return_before_a_line_end_is_no_part_of_the_line(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"a\r\n\r\nb\n")
    assert read_all(tmp_path / "log") == ["a", "", "b"]


def test_long_line_comes_in_pieces_that_cut_no_character(tmp_path: Path):
    text = "x" + "€" * CHUNK_BYTES
    (tmp_path / "log").write_text(text, encoding="utf-8")
    pieces = read_all(tmp_path / "log")
    assert len(pieces) > 2 and "".join(pieces) == text


def test_long_line_of_stray_bytes_is_read_to_its_end(tmp_path: Path):
    (tmp_path / "log").write_bytes(b"\x80" * (CHUNK_BYTES + 10))
    assert sum(map(len, read_all(tmp_path / "log"))) == CHUNK_BYTES + 10


@given(lines=st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))))
def test_all_lines_are_read_once_and_in_order(tmp_path_factory, lines: list[str]):
    log = tmp_path_factory.mktemp("logs") / "log"
    log.write_bytes("".join(line + "\n" for line in lines).encode())
    assert read_all(log) == lines


def test_tail_is_the_end_of_the_file(tmp_path: Path):
    (tmp_path / "log").write_text("a" * 100 + " the end\n")
    assert tail(tmp_path / "log", 8) == "the end"
    assert tail(tmp_path / "none") == ""
