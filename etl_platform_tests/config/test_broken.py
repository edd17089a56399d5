from pathlib import Path

import pytest

from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load

BROKEN = Path(__file__).parent / "broken"
FILES = sorted(path.name for path in BROKEN.iterdir() if path.suffix in {".json", ".yaml"})
ENVIRON = {"PASSWORD": "hunter2", "DPU": "10", "CITY": "Kyiv"}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_configuration_says_exactly_what_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BROKEN)
    with pytest.raises(ConfigError) as caught:
        load(name, environ=ENVIRON, strict=name.endswith("_strict.json"))
    expected = (BROKEN / name).with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
    assert str(caught.value).replace(str(BROKEN), "…") == expected


def test_no_message_shows_a_secret() -> None:
    shown = [path.name for path in BROKEN.glob("*.txt") if "hunter2" in path.read_text(encoding="utf-8")]
    assert shown == []


def test_there_are_as_many_expectations_as_broken_files() -> None:
    assert len(FILES) >= 40
    assert {Path(name).stem for name in FILES} == {path.stem for path in BROKEN.glob("*.txt")}
