"""No built string reaches a place where the screen library parses markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "console"
PARSING = frozenset({"notify", "update", "Static", "Label", "add_row", "from_markup"})
TITLES = frozenset({"border_title", "border_subtitle", "tooltip"})


def builds_text(node: ast.expr) -> bool:
    """Whether an expression puts text together: an f-string, ``+``, ``%``, ``.format()`` or ``.join()``."""
    if isinstance(node, ast.BinOp):
        return builds_text(node.left) or builds_text(node.right) or isinstance(node.op, ast.Mod)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join"}
    return isinstance(node, ast.JoinedStr)


def faults(source: str) -> Iterator[int]:
    """The lines that hand built text to something that parses markup."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            plain = any(
                keyword.arg == "markup" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                for keyword in node.keywords
            )
            built = any(builds_text(argument) for argument in node.args)
            if not plain and (name == "notify" or (name in PARSING and built)):
                yield node.lineno
        elif isinstance(node, ast.Assign) and builds_text(node.value):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in TITLES:
                    yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        'self.notify(f"{error}", markup=True)',
        'self.notify("plain words")',
        'label.update(f"{reason}")',
        'label.update("limit " + str(reason) + f"{x}")',
        'yield Static(f"{market}")',
        'self.border_title = f"{market}"',
        'table.add_row("%s" % market)',
        'label.update(" ".join(words))',
    ],
)
def test_the_check_finds_what_it_is_for(line: str) -> None:
    assert list(faults(line)) == [1]


@pytest.mark.parametrize(
    "line",
    ['self.notify(f"{error}", markup=False)', "label.update(Text(text))", 'yield Static("words")', 'x = f"{market}"'],
)
def test_the_check_lets_plain_text_be(line: str) -> None:
    assert list(faults(line)) == []


def test_no_screen_or_pane_hands_built_text_to_markup() -> None:
    screens = [*CONSOLE.glob("*.py"), *CONSOLE.glob("screens/*.py"), *CONSOLE.glob("panes/*.py")]
    shown = [path for path in screens if "textual" in path.read_text(encoding="utf-8")]
    assert shown, "there is nothing to look at"
    found = [f"{path.name}:{line}" for path in shown for line in faults(path.read_text(encoding="utf-8"))]
    assert found == []
