"""The scenario file: what it means, and one clear line for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc.errors import BadInput
from soc.picture import PictureFormat
from soc.scenario.bugs import BUGS as PLANTED
from soc.scenario.spec import FirmwareRun, KernelRun, Scenario, load_scenario
from tests.scenario.writing import BOARD, LINES, SCENARIOS, load, scenario_text, write_scenario

BUGS = ("display-copies-frames", "display-skips-size-check", "display-unmaps-at-flip")


def problem(folder: Path, text: str) -> str:
    """What is wrong with `text`, without the folder."""
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_scenario(path, BUGS)
    assert str(caught.value).startswith(f"{path}:")
    return str(caught.value).removeprefix(f"{folder}/")


def test_a_kernel_scenario(tmp_path: Path) -> None:
    kernel = "{heap: fb_pool, buffers: 3, sink-lines: 47, bugs: [display-unmaps-at-flip]}"
    scenario = load(
        tmp_path, kernel=kernel, picture="{width: 64, height: 48, format: NV12, pattern: checker}"
    )
    assert (scenario.name, scenario.description) == ("small", LINES["description"])
    assert (scenario.source, scenario.sink, scenario.frames) == ("camera", "lcdif", 5)
    assert (scenario.picture, scenario.pattern) == (PictureFormat(64, 48, "NV12"), "checker")
    assert scenario.time_limit == 1_000_000_000
    software = scenario.software
    assert isinstance(software, KernelRun)
    assert (software.heap, software.buffers) == ("fb_pool", 3)
    assert (software.sink_lines, software.bugs) == (47, ("display-unmaps-at-flip",))
    assert (software.where.line, scenario.where["source"].line, scenario.where["picture"].line) == (8, 3, 5)


def test_a_firmware_scenario(tmp_path: Path) -> None:
    firmware = "{image: fw/a.elf, arguments: [1920, 0x10, 0xffffffffffffffff], buffers: fb_pool}"
    software = load(tmp_path, kernel=None, firmware=firmware).software
    assert isinstance(software, FirmwareRun)
    assert software.image == tmp_path / "fw" / "a.elf"
    assert (software.arguments, software.buffers) == ((1920, 16, 2**64 - 1), "fb_pool")


def test_what_may_be_left_out(tmp_path: Path) -> None:
    scenario = load(tmp_path, description=None, time_limit=None)
    assert (scenario.description, scenario.time_limit, scenario.pattern) == ("", 60_000_000_000, "bars")
    assert isinstance(scenario.software, KernelRun)
    assert (scenario.software.bugs, scenario.software.sink_lines) == ((), None)
    software = load(tmp_path, kernel=None, firmware="{image: a.elf, buffers: b}").software
    assert isinstance(software, FirmwareRun)
    assert software.arguments == ()
    one = load(tmp_path, kernel=None, firmware="{image: a.elf, buffers: b, arguments: 7}").software
    assert isinstance(one, FirmwareRun)
    assert one.arguments == (7,)
    single = load(tmp_path, kernel="{heap: h, buffers: 1, bugs: display-unmaps-at-flip}").software
    assert isinstance(single, KernelRun)
    assert single.bugs == ("display-unmaps-at-flip",)


def test_paths_are_seen_from_the_scenario_and_shown_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    path = write_scenario(tmp_path / "scenarios", board="../boards/b.yaml")
    assert load_scenario(path, BUGS).board == tmp_path.resolve() / "boards" / "b.yaml"
    monkeypatch.chdir(tmp_path)
    assert load_scenario(path, BUGS).board == Path("boards/b.yaml")


@pytest.mark.parametrize("name", sorted(path.name for path in SCENARIOS.glob("*.yaml")))
def test_the_scenarios_that_ship(name: str) -> None:
    scenario = load_scenario(SCENARIOS / name, tuple(PLANTED))
    assert (SCENARIOS / "../boards/rehearsal.yaml").samefile(scenario.board)
    assert scenario.description


SECTION = "must be a section with keys of its own, not"
TOP = "description, board, source, sink, frames, time-limit"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"board": None}, "s.yaml:1: board is missing"),
        ({"source": None}, "s.yaml:1: source is missing"),
        ({"sink": None}, "s.yaml:1: sink is missing"),
        ({"frames": None}, "s.yaml:1: frames is missing"),
        ({"board": "5"}, "s.yaml:2: board must be text, not 5"),
        ({"source": "[a, b]"}, "s.yaml:3: source must be text, not ['a', 'b']"),
        ({"board": "''"}, "s.yaml:2: board must be the name of a file, not ''"),
        ({"board": r'"a\0b"'}, r"s.yaml:2: board must be the name of a file, not 'a\x00b'"),
        (
            {"kernel": None, "firmware": r'{image: "a\0b", buffers: b}'},
            r"s.yaml:8: image must be the name of a file, not 'a\x00b'",
        ),
        ({"description": "true"}, "s.yaml:1: description must be text, not true"),
        (
            {"kernel": "{heap: fb_pool, buffers: 3, bugs: []}"},
            "s.yaml:8: an empty list: leave it out for none",
        ),
        ({"caches": "{percent: 0}"}, "s.yaml:9: percent must be a number from 1 to 100, not 0"),
        ({"caches": "{percent: 101}"}, "s.yaml:9: percent must be a number from 1 to 100, not 101"),
        ({"caches": "{seed: -1}"}, "s.yaml:9: seed must be a number from 0 to 4294967295, not '-1'"),
        ({"caches": "{rate: 1}"}, "s.yaml:9: unknown key 'rate': expected one of seed, percent"),
        ({"frames": "0"}, "s.yaml:6: frames must be a number from 1 to 1000000, not 0"),
        ({"frames": "1000001"}, "s.yaml:6: frames must be a number from 1 to 1000000, not 1000001"),
        ({"frames": "many"}, "s.yaml:6: frames must be a number from 1 to 1000000, not 'many'"),
        ({"frames": "-3"}, "s.yaml:6: frames must be a number from 1 to 1000000, not '-3'"),
        ({"frames": "1.5"}, "s.yaml:6: frames must be a number from 1 to 1000000, not '1.5'"),
        ({"frames": "{a: 1}"}, "s.yaml:6: frames must be a value, not a section"),
        ({"time_limit": "0"}, "s.yaml:7: time-limit must be a number from 1 to 86400, not 0"),
        ({"speed": "1"}, f"s.yaml:9: unknown key 'speed': expected one of {TOP}"),
        (
            {"display": "{a: 1}"},
            "s.yaml:9: unknown section 'display': expected one of picture, kernel, firmware, caches",
        ),
        ({"picture": None}, "s.yaml:1: a scenario needs a `picture` section with width, height and format"),
        ({"picture": "big"}, f"s.yaml:5: picture {SECTION} 'big'"),
        ({"picture": "{}"}, "s.yaml:5: width is missing"),
        ({"picture": "{width: 8, height: 8}"}, "s.yaml:5: format is missing"),
        (
            {"picture": "{width: 8193, height: 8, format: NV12}"},
            "s.yaml:5: width must be a number from 1 to 8192, not 8193",
        ),
        (
            {"picture": "{width: 8, height: 0, format: NV12}"},
            "s.yaml:5: height must be a number from 1 to 8192, not 0",
        ),
        (
            {"picture": "{width: 8, height: 8, format: RGB}"},
            "s.yaml:5: format must be one of XRGB8888, RGB565, NV12, not 'RGB'",
        ),
        (
            {"picture": "{width: 8, height: 8, format: NV12, pattern: snow}"},
            "s.yaml:5: pattern must be one of bars, gradient, checker, not 'snow'",
        ),
        (
            {"picture": "{width: 8, height: 8, format: NV12, stride: 9}"},
            "s.yaml:5: unknown key 'stride': expected one of width, height, format, pattern",
        ),
        (
            {"picture": "{width: {a: 1}, height: 8, format: NV12}"},
            "s.yaml:5: width must be a value, not a section",
        ),
        (
            {"picture": "{width: 8, height: 8, format: NV12, crop: {a: 1}}"},
            "s.yaml:5: unknown section 'crop': there are none here",
        ),
        ({"kernel": None}, "s.yaml:1: a scenario has either a `kernel` or a `firmware` section"),
        (
            {"firmware": "{image: a, buffers: b}"},
            "s.yaml:1: a scenario has either a `kernel` or a `firmware` section",
        ),
        ({"kernel": "true"}, f"s.yaml:8: kernel {SECTION} true"),
        ({"kernel": "{buffers: 3}"}, "s.yaml:8: heap is missing"),
        ({"kernel": "{heap: a}"}, "s.yaml:8: buffers is missing"),
        (
            {"kernel": "{heap: a, buffers: 33}"},
            "s.yaml:8: buffers must be a number from 1 to 32, not 33",
        ),
        (
            {"kernel": "{heap: a, buffers: 3, sink-lines: 0}"},
            "s.yaml:8: sink-lines must be a number from 1 to 8192, not 0",
        ),
        (
            {"kernel": "{heap: a, buffers: 3, bugs: [display-unmaps-at-flip, typo]}"},
            f"s.yaml:8: bugs must be from {', '.join(BUGS)}, not ['display-unmaps-at-flip', 'typo']",
        ),
        (
            {"kernel": "{heap: a, buffers: 3, bugs: 4}"},
            f"s.yaml:8: bugs must be from {', '.join(BUGS)}, not 4",
        ),
        (
            {"kernel": "{heap: a, buffers: 3, pool: b}"},
            "s.yaml:8: unknown key 'pool': expected one of heap, buffers, bugs, sink-lines, generation",
        ),
        ({"kernel": None, "firmware": "{buffers: b}"}, "s.yaml:8: image is missing"),
        ({"kernel": None, "firmware": "{image: a}"}, "s.yaml:8: buffers is missing"),
        (
            {"kernel": None, "firmware": "{image: a, buffers: b, arguments: [1, x]}"},
            "s.yaml:8: arguments must be up to 8 numbers of 64 bits",
        ),
        (
            {"kernel": None, "firmware": "{image: a, buffers: b, arguments: [0x10000000000000000]}"},
            "s.yaml:8: arguments must be up to 8 numbers of 64 bits",
        ),
        (
            {"kernel": None, "firmware": "{image: a, buffers: b, arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9]}"},
            "s.yaml:8: arguments must be up to 8 numbers of 64 bits",
        ),
    ],
)
def test_mistakes_are_one_line_with_their_place(
    tmp_path: Path, changes: dict[str, str | None], expected: str
) -> None:
    assert problem(tmp_path, scenario_text(**changes)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "s.yaml:1: the file is empty: a scenario is a mapping of nodes and properties"),
        ("- a\n", "s.yaml:1: a scenario is a mapping of nodes and properties, not a list"),
        ("a: [\n", "s.yaml:1: not YAML: "),
        (scenario_text() + "frames: 6\n", "s.yaml:9: duplicate property frames, first at "),
        ("a: !!python/object:os.system x\n", "s.yaml:1: tag "),
    ],
)
def test_what_is_no_scenario_at_all(tmp_path: Path, text: str, expected: str) -> None:
    assert problem(tmp_path, text).startswith(expected)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load_scenario(tmp_path / "none.yaml", BUGS)
    assert str(caught.value) == f"{tmp_path}/none.yaml:1: cannot read the scenario: No such file or directory"


@pytest.mark.parametrize("name", [r'"\uFFFD/\x07"', "a" * 5000, "loop/b.yaml", "."])
def test_a_strange_board_name_is_kept_for_whoever_opens_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    scenario = load(tmp_path, board=name)
    with pytest.raises(OSError):
        scenario.board.read_bytes()


def attempt(path: Path, data: bytes) -> None:
    """Load `data`: a scenario, or one line with a place."""
    path.write_bytes(data)
    try:
        assert isinstance(load_scenario(path, BUGS), Scenario)
    except BadInput as error:
        assert error.where is not None and error.where.line >= 1
        assert "\n" not in str(error)


WORDS = [
    *(f"{key}: {value}\n" for key, value in LINES.items()), *(f"{key}: " for key in LINES),
    "  ", "\n", "\n  ", "{", "}", "[", "]", ", ", ": ", "- ", "width: 8", "height: 8", "format: NV12",
    "pattern: bars", "heap: a", "buffers: 3", "bugs: ", "display-unmaps-at-flip", "image: a", "firmware:",
    "arguments: [1]", "&a ", "*a", "'&a'", "true", "0", "7", "99999999", "-1", '"\\0"', "!!str ", "|", "#",
    str(BOARD),
]  # fmt: skip


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_bad_input(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    attempt(tmp_path_factory.getbasetemp() / "any.yaml", text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@settings(max_examples=300)
def test_any_words_are_a_scenario_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    attempt(tmp_path_factory.getbasetemp() / "words.yaml", "".join(words).encode())


VALUES = st.sampled_from(
    ["0", "1", "x", "true", "[1, 2]", "{a: 1}", "''", r'"\0"', "&l", "*l", "''' '", None]
)


@given(st.dictionaries(st.sampled_from([*LINES, "firmware", "typo"]), VALUES, max_size=3))
@settings(max_examples=200)
def test_any_changed_line_is_a_scenario_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, str | None]
) -> None:
    attempt(tmp_path_factory.getbasetemp() / "changed.yaml", scenario_text(**changes).encode())
