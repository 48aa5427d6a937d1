"""The rules of the house that a linter does not know, checked on the syntax tree."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "gateway"
FILES = sorted(GATEWAY.rglob("*.py"))

# Each may import from those further down; those of one row do not know each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("server",),
    ("simulator", "emulator"),
    ("config", "upstream", "store"),
    ("dialect",),
    ("core",),
)
# For everyone above core.
SHARED = {"errors", "settings"}
PURE_THIRD_PARTY = {"core": set[str](), "dialect": {"msgspec", "orjson"}}
IMPURE = {"asyncio", "logging", "os", "pathlib", "selectors", "socket", "ssl", "subprocess", "sys", "threading", "time"}
CLOCKS = {("random", "random"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
# Rims: an unforeseen error becomes an answer there and nowhere else.
BROAD_EXCEPT = {"server/data_plane.py"}
STAR_STAR = {"upstream/translate.py"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50

# Tested under another name than their own.
COVERED_BY = {
    "__main__.py": "server/test_start.py",
    "cli.py": "server/test_start.py",
    "errors.py": "server/test_bad_input.py",
    "settings.py": "server/test_start.py",
    "core/actions.py": "core/test_failover.py",
    "core/decision.py": "store/test_codec.py",
    "store/base.py": "store/test_sql.py",
    "store/schema.py": "store/test_migrate.py",
    "store/migrations/env.py": "store/test_migrate.py",
    "store/migrations/versions/0001_decisions.py": "store/test_migrate.py",
    "simulator/result.py": "simulator/test_simulate.py",
    "upstream/base.py": "upstream/test_http.py",
    "emulator/completion.py": "emulator/test_chat.py",
    "emulator/fleet.py": "emulator/test_run.py",
    "emulator/render.py": "emulator/test_replies.py",
    "emulator/twist.py": "emulator/test_kinds.py",
    "emulator/wire.py": "emulator/test_replies.py",
    "server/admin.py": "server/test_metrics.py",
    "server/data_plane.py": "server/test_answers.py",
    "server/drive.py": "server/test_streams.py",
    "server/failure.py": "server/test_answers.py",
    "server/gateway.py": "server/test_reload.py",
    "server/heartbeat.py": "server/test_streams.py",
    "server/inbound.py": "server/test_bad_input.py",
    "server/ledger_view.py": "server/test_ledger.py",
    "server/log.py": "server/test_secrets.py",
    "server/protocol.py": "server/test_bad_input.py",
    "server/relay.py": "server/test_streams.py",
    "server/reply.py": "server/test_answers.py",
    "server/serve.py": "server/test_start.py",
}


def name(file: Path) -> str:
    return file.relative_to(GATEWAY).as_posix()


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part(module: str) -> str:
    """`core` for gateway.core.model."""
    return module.split(".")[1] if "." in module else ""


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), file.name)


def imported(file: Path) -> Iterator[str]:
    """Full names, also of imports inside functions."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: a relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda]:
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return (node for node in ast.walk(tree(file)) if isinstance(node, nodes))


def inside(*parts: str) -> list[Path]:
    return [file for file in FILES if part(module(file)) in parts]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_imports_run_one_way(file: Path) -> None:
    own = part(module(file))
    if own in SHARED or not own:
        allowed = set[str]()
    else:
        (row,) = [index for index, layer in enumerate(LAYERS) if own in layer]
        allowed = {own, *(below for layer in LAYERS[row + 1 :] for below in layer)}
        allowed |= SHARED if own not in PURE_THIRD_PARTY else set()
    used = {part(target) for target in imported(file) if target.startswith("gateway.")}
    assert used - allowed - {"__version__"} == set()


@pytest.mark.parametrize("file", inside("core", "dialect"), ids=name)
def test_core_and_dialect_are_pure(file: Path) -> None:
    found = [node for node in ast.walk(tree(file)) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    assert not found, "no await"
    outside = {target.split(".")[0] for target in imported(file)} - {"gateway"}
    assert not outside & IMPURE
    calls = [node.func for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    named = {(f.value.id, f.attr) for f in calls if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name)}
    assert not named & CLOCKS
    third_party = outside - set(standard_library())
    assert third_party <= PURE_THIRD_PARTY[part(module(file))]


def standard_library() -> frozenset[str]:
    import sys

    return sys.stdlib_module_names


def test_no_import_cycle() -> None:
    known = {module(file) for file in FILES}
    graph = {
        module(file): {target for target in imported(file) if target in known and target != module(file)}
        for file in FILES
    }
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_global(file: Path) -> None:
    assert not [node.lineno for node in ast.walk(tree(file)) if isinstance(node, ast.Global)]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_signatures_say_what_they_take(file: Path) -> None:
    catching_all = [function.lineno for function in functions(file) if function.args.kwarg]
    assert not catching_all or name(file) in STAR_STAR


@pytest.mark.parametrize("file", FILES, ids=name)
def test_broad_except_only_at_the_rims(file: Path) -> None:
    def broad(handler: ast.ExceptHandler) -> bool:
        caught = [handler.type] if not isinstance(handler.type, ast.Tuple) else handler.type.elts
        return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in caught)

    found = [node.lineno for node in ast.walk(tree(file)) if isinstance(node, ast.ExceptHandler) and broad(node)]
    assert not found or name(file) in BROAD_EXCEPT


@pytest.mark.parametrize("file", FILES, ids=name)
def test_sizes(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_FILE
    long = {f.lineno: f.end_lineno - f.lineno + 1 for f in functions(file) if f.end_lineno}
    assert {line: size for line, size in long.items() if size > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_file_with_logic_has_its_test(file: Path) -> None:
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree(file))):
        return
    own = Path(name(file))
    twin = COVERED_BY.get(own.as_posix()) or (own.parent / f"test_{own.name}").as_posix()
    assert (ROOT / "tests" / twin).exists(), f"{own} has no tests/{twin}"


def test_the_list_of_exceptions_is_not_stale() -> None:
    known = {name(file) for file in FILES}
    assert set(COVERED_BY) <= known


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / path for path in listed.stdout.decode().split("\0") if path and (ROOT / path).is_file()]


def test_no_file_names_a_package_registry() -> None:
    # In pieces, so that this file does not find itself.
    forbidden = [first + second for first, second in (("--index", "-url"), ("--extra-index", "-url"), ("py", "pi.org"))]
    forbidden += [first + second for first, second in (("registry.", "npmjs"), ("pythonhosted", ".org"))]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in committed()
        for word in forbidden
        if word.encode() in path.read_bytes().replace(b"--no-emit-index-url", b"")
    ]
    assert found == []
