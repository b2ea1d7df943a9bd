"""The layers of the package, read from its import graph: imports inside functions and under TYPE_CHECKING count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlptool

HOME = Path(nlptool.__file__).parent

LAYERS = [
    {"commands"},
    {"cli"},
    {"tasks"},
    {"training"},
    {"models"},
    {"records", "geometry", "plots"},
    {"storage", "terminal"},
    {"errors", "specs", "catalog", "machine", "control_groups", "text", "samples", "builtin"},
]
"""A package imports from those after it alone; ``nlptool`` itself, which holds the version, is below all."""

NEVER = {
    ("models", "records"), ("records", "models"), ("training", "records"), ("plots", "models"), ("tasks", "plots"),
    ("models", "plots"), ("geometry", "plots"), ("plots", "geometry"),
}  # fmt: skip
"""What the order would allow, and what it forbids but is worth a word of its own."""

HEAVY = {
    "ctranslate2", "fugashi", "gensim", "huggingface_hub", "ipadic", "matplotlib", "numpy", "onnx", "onnxruntime",
    "pandas", "pyarrow", "rapidfuzz", "rich", "sacrebleu", "safetensors", "scipy", "sentence_transformers",
    "sentencepiece", "sklearn", "tokenizers", "torch", "transformers", "unidic_lite",
}  # fmt: skip

LIGHT = {
    "errors",
    "specs",
    "catalog",
    "machine",
    "control_groups",
    "text",
    "samples",
    "storage",
    "records",
    "cli",
    "commands",
}

HEAVY_BY_NATURE = {"nlptool.records.formats.vectors"}
"""Modules of light packages that are imported when arrays are at hand."""

Edge = tuple[str, str, bool]  # who imports, what, whether at the top of the file


def _name(path: Path) -> str:
    parts = path.relative_to(HOME.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(HOME.rglob("*.py"))}


def _imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement, and whether it is executed when the module is imported."""
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, id(node) not in lazy


def _targets(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "relative imports are not used here"
    module = node.module or ""
    return [f"{module}.{alias.name}" if f"{module}.{alias.name}" in MODULES else module for alias in node.names]


def edges() -> Iterator[Edge]:
    for name, path in MODULES.items():
        for node, is_at_top in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            for target in _targets(node):
                yield name, target, is_at_top


EDGES = list(edges())

INNER = [edge for edge in EDGES if edge[1].split(".")[0] == "nlptool"]


def package(module: str) -> str:
    """The part of the house that a module belongs to: ``nlptool.models.words.read`` is of ``models``."""
    return module.split(".")[1] if "." in module else ""


def level(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


def test_every_part_of_the_house_has_its_place() -> None:
    known = set().union(*LAYERS) | {"", "__main__"}
    assert {package(name) for name in MODULES} <= known


def test_imports_follow_the_order() -> None:
    wrong = [
        f"{importer} imports {target}"
        for importer, target, _ in INNER
        if package(importer) not in ("", "__main__", package(target))
        and package(target)
        and (package(importer) not in LAYERS[-1] or package(target) not in LAYERS[-1])
        and level(package(importer)) >= level(package(target))
    ]
    assert wrong == []


def test_some_packages_never_meet() -> None:
    wrong = [
        f"{importer} imports {target}" for importer, target, _ in INNER if (package(importer), package(target)) in NEVER
    ]
    assert wrong == []


def test_there_are_no_circles() -> None:
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for importer, target, _ in INNER:
        if target != importer and not importer.startswith(f"{target}."):  # a package does not wait for its modules
            graph[importer].add(target)
    assert list(_circles(graph)) == []


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph.get(name, ())):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == name:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    for name in graph:
        if name not in index:
            visit(name)
    yield from found


def test_click_is_the_command_lines_alone() -> None:
    wrong = [f"{importer} imports {target}" for importer, target, _ in EDGES if target.split(".")[0] == "click"]
    assert [line for line in wrong if not line.startswith(("nlptool.cli", "nlptool.commands"))] == []


def test_rich_is_the_terminals_alone() -> None:
    wrong = [
        importer for importer, target, _ in EDGES if target.split(".")[0] == "rich" and package(importer) != "terminal"
    ]
    assert wrong == []


def test_light_packages_import_nothing_heavy_at_their_top() -> None:
    wrong = [
        f"{importer} imports {target}"
        for importer, target, is_at_top in EDGES
        if is_at_top
        and package(importer) in LIGHT
        and importer not in HEAVY_BY_NATURE
        and (
            target.split(".")[0] in HEAVY
            or target in HEAVY_BY_NATURE
            or package(target) in ("models", "training", "tasks", "geometry")
        )
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["errors", "specs", "catalog", "machine", "control_groups", "text", "samples"])
def test_the_ground_needs_the_standard_library_alone(name: str) -> None:
    wrong = [
        f"{importer} imports {target}"
        for importer, target, _ in EDGES
        if package(importer) == name and target.split(".")[0] not in {*sys.stdlib_module_names, "nlptool"}
    ]
    assert wrong == []


def test_light_modules_import_nothing_heavy_by_others() -> None:
    """Not only by their own import statements: a process that has imported them all has none of the heavy libraries."""
    names = [name for name in MODULES if package(name) in LIGHT and name not in HEAVY_BY_NATURE]
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()} & HEAVY == set()
    assert not any(name.startswith(("nlptool.models", "nlptool.tasks")) for name in done.stdout.split())
