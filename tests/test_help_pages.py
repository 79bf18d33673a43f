"""Help pages and translations say what the schemas say. The schemas are read from the source of nodes/, so that no host
is needed: what the host makes of them is its own matter."""

from __future__ import annotations

import ast
import importlib
import json
import re
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from nodes import names as titles
from pipelines.ellipse import drawing
from pipelines.media.passes import PASS_SETS
from pipelines.media.stills.formats import STILLS
from pipelines.media.takes.names import Take
from pipelines.media.takes.plan import Plan
from pipelines.media.takes.sidecar import sidecar

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "web" / "docs"
CHINESE = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "nodes").glob("*.py"))]
HELPERS = {each.name: each for tree in TREES for each in tree.body if isinstance(each, ast.FunctionDef)}
MESSAGE_SYNTAX = set("{}@|")
"""What vue-i18n reads as placeholders, links and plurals; older frontends read tooltips so too."""


@dataclass(frozen=True)
class Socket:
    """An input or output of a schema: its id, its type in the menu's words (None for our own), its options."""

    name: str
    kind: str | None
    options: dict[str, object]


@dataclass(frozen=True)
class Node:
    title: str
    inputs: list[Socket]
    outputs: list[Socket]


def _names_of(tree: ast.Module) -> dict[str, object]:
    """What a node file sees without a host: the pure rooms that it imports, and its own constants."""
    names: dict[str, object] = {"torch": torch}
    for each in tree.body:
        if isinstance(each, ast.ImportFrom) and each.level == 2:
            for alias in each.names:
                if ".host" in f"{each.module}.{alias.name}":
                    continue
                module = importlib.import_module(each.module or "")
                found = getattr(module, alias.name, None) or importlib.import_module(f"{each.module}.{alias.name}")
                names[alias.asname or alias.name] = found
        elif isinstance(each, ast.ImportFrom) and each.module == "names":
            names |= {alias.name: getattr(titles, alias.name) for alias in each.names}
        elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            names[each.targets[0].id] = _value(each.value, names)
    return names


def _value(expression: ast.expr, names: dict[str, object]) -> object:
    """The value of an expression in a node file, or None where the host would be needed for it."""
    try:
        return eval(compile(ast.Expression(expression), "schema", "eval"), dict(names))
    except (NameError, TypeError):  # TypeError: built on a value that is None already
        return None


def _arguments(helper: ast.FunctionDef, call: ast.Call, names: dict[str, object]) -> dict[str, object]:
    """What the parameters of a helper are in a call of it."""
    parameters = [each.arg for each in helper.args.args]
    defaults = zip(reversed(parameters), reversed([_value(each, names) for each in helper.args.defaults]))
    by_place = zip(parameters, (_value(each, names) for each in call.args))
    by_name = {each.arg: _value(each.value, names) for each in call.keywords if each.arg}
    return dict(defaults) | dict(by_place) | by_name


def _sockets(of: ast.AST, side: str, names: dict[str, object]) -> list[Socket]:
    """Every X.Input or X.Output call in the order of the source, those of the helpers that are called included."""
    calls = [each for each in ast.walk(of) if isinstance(each, ast.Call)]
    either = {id(each.args[0]) for each in calls if isinstance(each.func, ast.Name) and each.func.id == "or_whole"}
    found: dict[str, Socket] = {}
    for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
        if isinstance(call.func, ast.Name) and call.func.id in HELPERS and call.func.id != "or_whole":
            helper = HELPERS[call.func.id]
            found |= {each.name: each for each in _sockets(helper, side, names | _arguments(helper, call, names))}
        elif isinstance(call.func, ast.Attribute) and call.func.attr == side:
            kind = ast.unparse(call.func.value)
            options = {each.arg: _value(each.value, names) for each in call.keywords if each.arg}
            name = ast.literal_eval(call.args[0])
            kind = kind[3:].upper() if kind.startswith("io.") else None
            found[name] = Socket(name, f"{kind}, INT" if id(call) in either else kind, options)
    return list(found.values())


def _nodes() -> dict[str, Node]:
    nodes = {}
    for tree in TREES:
        names = _names_of(tree)
        for each in tree.body:
            texts = {key.arg: key.value for key in ast.walk(each) if isinstance(key, ast.keyword)}
            if isinstance(each, ast.ClassDef) and "node_id" in texts:
                title = str(_value(texts["display_name"], names))
                sides = (_sockets(each, "Input", names), _sockets(each, "Output", names))
                nodes[ast.literal_eval(texts["node_id"])] = Node(title, *sides)
    return nodes


NODES = _nodes()
PAGES = {f"{node} {language}": (node, language) for node in NODES for language in ("en", "zh")}
each_page = pytest.mark.parametrize(("node", "language"), PAGES.values(), ids=PAGES.keys())
each_node = pytest.mark.parametrize("node", NODES)


def _page(node: str, language: str) -> str:
    path = DOCS / f"{node}.md" if language == "en" else DOCS / node / f"{language}.md"
    return path.read_text(encoding="utf-8")


def _tables(page: str) -> list[dict[str, list[str]]]:
    """The tables of a page, each {first cell: all cells}; a cell may hold an escaped bar."""
    tables, rows = [], dict[str, list[str]]()
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            rows[cells[0]] = cells
        elif rows:
            tables.append(dict(list(rows.items())[2:]))
            rows = {}
    return tables


def _sections(page: str) -> list[str]:
    return re.split(r"^## .*$", page, flags=re.MULTILINE)[1:]


def _rows(page: str, section: int) -> dict[str, list[str]]:
    """{id: cells} of the first table in a section: 0 has the inputs, 1 the outputs."""
    return {_spans(cells[0])[0]: cells for table in _tables(_sections(page)[section])[:1] for cells in table.values()}


def _spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _numbers(cell: str) -> list[float]:
    """Whole numbers stay whole: the limit of a seed has more digits than a float."""
    found = re.findall(r"-?\d+(?:\.\d+)?", cell)
    return [float(number) if "." in number else int(number) for number in found]


def test_the_nodes_are_found_in_the_source():
    assert {"RGBADecode", "RGBASaveSequence"} <= NODES.keys()
    assert [each.name for each in NODES["RGBAEllipsesToSubject"].inputs] == ["ellipses", "width", "height", "length"]
    assert [each.name for each in NODES["RGBADecode"].outputs] == ["image", "rgb", "mask"]


def test_every_node_and_nothing_else_has_pages_and_a_translation():
    assert {path.stem for path in DOCS.glob("*.md")} == NODES.keys()
    assert {path.parent.name for path in DOCS.glob("*/zh.md")} == NODES.keys()
    assert CHINESE.keys() == NODES.keys()


@each_page
def test_a_page_names_the_inputs_and_outputs_of_its_node(node: str, language: str):
    for section, sockets in enumerate((NODES[node].inputs, NODES[node].outputs)):
        rows = _rows(_page(node, language), section)
        assert sorted(rows) == sorted(each.name for each in sockets)
        for each in sockets:
            assert each.kind in (None, rows[each.name][2])
    assert list(_rows(_page(node, language), 1)) == [each.name for each in NODES[node].outputs]


@each_page
def test_a_page_states_the_defaults_ranges_and_options_of_its_node(node: str, language: str):
    rows = _rows(_page(node, language), 0)
    for each in NODES[node].inputs:
        _, _, _, default, allowed = rows[each.name]
        if each.kind in ("INT", "FLOAT", "FLOAT, INT"):
            assert float(default) == each.options["default"]
            limits = [each.options[key] for key in ("min", "max", "step") if key in each.options]
            assert _numbers(allowed) == limits, each.name
        elif each.options.get("options"):
            choices = list(each.options["options"])
            assert _spans(allowed) == choices
            assert _spans(default) == [each.options.get("default", choices[0])]


@each_page
def test_a_page_calls_nodes_as_the_menu_does(node: str, language: str):
    titles = {each: NODES[each].title if language == "en" else CHINESE[each]["display_name"] for each in NODES}
    page = _page(node, language)
    assert page.splitlines()[0] == f"# {titles[node]}"
    assert set(re.findall(r"\*\*(.+?)\*\*", page)) <= set(titles.values())


PICTURED = {path: path.parent for path in ROOT.glob("*.md")} | dict.fromkeys(DOCS.rglob("*.md"), DOCS)
"""Every page that may show pictures, and the folder its links begin in: the host takes a help page's from web/docs."""


def _shown(page: Path) -> list[Path]:
    """The files that a page shows."""
    links = re.findall(r"!\[[^\]]*\]\(([^)\s]+)", page.read_text(encoding="utf-8"))
    return [(PICTURED[page] / link).resolve() for link in links]


@pytest.mark.parametrize("page", PICTURED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_picture_of_a_page_is_there(page: Path):
    for picture in _shown(page):
        assert picture.is_file() and picture.stat().st_size > 1000, picture


@pytest.mark.parametrize("language", ["*.md", "*/zh.md"])
def test_the_help_pages_show_both_widgets_in_both_renderers_and_themes(language: str):
    shown = {picture.name for page in DOCS.glob(language) for picture in _shown(page)}
    looks = [f"{renderer}_{theme}.jpg" for renderer in ("classic", "nodes2") for theme in ("dark", "light")]
    assert {f"{widget}_{look}" for widget in ("editor", "player") for look in looks} <= shown


@each_node
def test_the_translation_has_every_text_of_its_node(node: str):
    texts = CHINESE[node]
    assert texts.keys() == {"display_name", "description", "inputs", "outputs"}
    assert texts["inputs"].keys() == {each.name for each in NODES[node].inputs}
    assert list(texts["outputs"]) == [str(index) for index in range(len(NODES[node].outputs))]
    every = [texts["display_name"], texts["description"]]
    for socket in (*texts["inputs"].values(), *texts["outputs"].values()):
        assert socket.keys() == {"name", "tooltip"}
        every.extend(socket.values())
    assert all(every)
    assert not MESSAGE_SYNTAX.intersection("".join(every))


@each_node
def test_the_chinese_page_shows_the_names_that_the_widgets_bear(node: str):
    page = _page(node, "zh")
    inputs, outputs = CHINESE[node]["inputs"], list(CHINESE[node]["outputs"].values())
    for name, cells in _rows(page, 0).items():
        assert cells[0] == f"`{name}` {inputs[name]['name']}"
    for translated, (name, cells) in zip(outputs, _rows(page, 1).items(), strict=True):
        assert cells[0] == f"`{name}` {translated['name']}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_drawing_on_the_page_parses_and_its_limits_are_the_parsers(language: str):
    page = _page("RGBAEllipseEditor", language)
    (example,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert drawing.parse_drawing(example).ellipses[0].keyframes[1].angle == 15
    rows = {_spans(first)[0]: cells for first, cells in _tables(_sections(page)[4])[0].items()}
    keys = {each.name for kind in (drawing.Drawing, drawing.Ellipse, drawing.Keyframe) for each in fields(kind)}
    assert rows.keys() == keys | {"version"}
    limits = {
        "ellipses": (1, drawing.MAX_ELLIPSES),
        "id": (1, drawing.MAX_ID_CHARACTERS),
        "name": (0, drawing.MAX_NAME_CHARACTERS),
        "keyframes": (1, drawing.MAX_KEYFRAMES),
        "frame": (0, drawing.MAX_FRAME),
        "cx": drawing.CENTRE_RANGE,
        "cy": drawing.CENTRE_RANGE,
        "rx": drawing.SEMI_AXIS_RANGE,
        "ry": drawing.SEMI_AXIS_RANGE,
        "angle": drawing.ANGLE_RANGE,
        "softness": drawing.SOFTNESS_RANGE,
        "weight": drawing.WEIGHT_RANGE,
    }
    for key, (low, high) in limits.items():
        assert _numbers(rows[key][3]) == [low, high], key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_savers_page_explains_every_key_of_the_sidecar_and_every_pass(language: str):
    page = _page("RGBASaveSequence", language)
    passes = PASS_SETS["fg + matte + processed + comp"]
    plan = Plan(Take(Path("a_v001"), "a_v001"), STILLS["png 8-bit"](4), Fraction(16), passes=passes)
    written = json.loads(sidecar(plan, width=8, height=6, count=2, complete=True))
    of_passes, of_sidecar = _tables(_sections(page)[3])
    explained = {_spans(first)[0] for first in of_passes}
    assert explained == {each.name for every in PASS_SETS.values() for each in every}
    rows = {key: cells[1] for first, cells in of_sidecar.items() for key in _spans(first)}
    assert rows.keys() == written.keys()
    for key in ("frames", "fps", "color"):
        assert written[key].keys() <= set(_spans(rows[key])), key
    assert written["passes"][0].keys() <= set(_spans(rows["passes"]))
