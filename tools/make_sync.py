"""Writes the sync twins of async clients: one logic, and no second copy that is kept by hand.

    python tools/make_sync.py            writes them
    python tools/make_sync.py --check    says which are not what it would write, and exits with 1

An async client becomes a class that runs it on a :class:`~orderseal.api.transport.BackgroundLoop`: the same signatures, defaults and
docstrings; ``async def`` is a plain method, an async generator a plain iterator, ``async with`` is ``with``, ``aclose`` is ``close``. An
async context manager that a method gives, such as a stream, is wrapped likewise if its class is among those named.

What the source must keep to: its public methods take no ``*args``; an async iterator is an ``AsyncGenerator``; a public attribute
is annotated in the class body, or a property; ``__init__`` opens nothing; it has ``async def aclose``.
"""

import argparse
import ast
import copy
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Target:
    """A module of async clients, and where their twins go.

    Attributes:
        source, output: paths below the root of the repository.
        classes: the twin's name by the async class's, in the order of the file.
        elsewhere: the same for classes of other modules whose twins exist: ``module:Name``, made of the async object and the loop.
    """

    source: str
    output: str
    classes: Mapping[str, str]
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])


TARGETS: list[Target] = [
    Target("api/brokerstr/client.py", "api/brokerstr/sync.py", {"AsyncClient": "Client"}),
    Target("api/tokenizationtr/client.py", "api/tokenizationtr/sync.py", {"AsyncClient": "Client"}),
    Target("api/licenserocks/client.py", "api/licenserocks/sync.py", {"AsyncClient": "Client"}),
    Target(
        "api/stove/taker.py", "api/stove/sync_taker.py", {"AsyncTaker": "Taker"}, {"AsyncTakerFeed": "orderseal.api.stove.feeds:TakerFeed"}
    ),
    Target("api/stove/public.py", "api/stove/sync_public.py", {"AsyncPublic": "Public"}),
]
"""Every generated module. Stove's client and maker were written by hand before, and stay."""

_ASYNC_GIVERS = {"AsyncGenerator", "AsyncIterator", "AsyncIterable"}
_WORDS = ((r"\basync with\b", "with"), (r"\basync for\b", "for"), (r"\bAsync(?=[A-Z])", ""), (r"\baclose\b", "close"), (r"\bawait ", ""))


class CannotWrite(Exception):
    """The source holds something that has no twin; the text says where and what."""


def generate(
    source: str, module: str, classes: Mapping[str, str], path: str = "source", elsewhere: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The text of the sync module.

    Args:
        source: text of the async module.
        module: its dotted name, for the import.
        classes: the twin's name by the async class's.
        path: for error messages and the head comment.
        elsewhere: as of :class:`Target`.
    """
    tree = ast.parse(source)
    found = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if missing := set(classes) - set(found):
        raise CannotWrite(f"{path}: no class {', '.join(sorted(missing))}")
    every = {**classes, **{name: twin.partition(":")[2] for name, twin in elsewhere.items()}}
    twins = [_twin(found[name], twin, every, path) for name, twin in classes.items()]
    imports = _imports(tree, module, classes, twins, elsewhere.values())
    names = ", ".join(f'"{name}"' for name in sorted(classes.values()))
    head = (
        '"""For callers without an event loop: each client runs its async twin on a loop of its own.\n\n'
        f'The async ones are in :mod:`{module}`.\n"""\n\n'
        f"# Written by tools/make_sync.py from {path}: change that file, and run the tool again.\n\n"
    )
    body = "\n\n\n".join(twins)
    return f"{head}{imports}\n\n__all__ = [{names}]\n\n\n{body}\n"


def _twin(node: ast.ClassDef, name: str, classes: Mapping[str, str], path: str) -> str:
    members: list[ast.stmt] = []
    init: ast.FunctionDef | None = None
    has_close = opened = iterated = False
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and not item.target.id.startswith("_"):
            members.append(_property(item.target.id, item.annotation, classes))
        elif not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif item.name == "__init__" and isinstance(item, ast.FunctionDef):
            init = item
        elif item.name == "aclose":
            has_close = True
        elif item.name == "__aenter__":
            opened = True
        elif item.name in ("__aiter__", "__anext__"):
            iterated = True
        elif not item.name.startswith("_"):
            members.append(_method(item, classes, f"{path}:{item.lineno}"))
    if init is None and not (opened or iterated):
        raise CannotWrite(f"{path}:{node.lineno}: {node.name} has no __init__ to copy")
    given = not has_close
    text = [f"class {name}:"]
    if doc := ast.get_docstring(node):
        text.append(_indent(_docstring(_rename(doc, classes))))
    text.append(_indent(_given_start(node.name) if given else _start(init, node.name, classes, f"{path}:{node.lineno}")))
    text += [_indent(ast.unparse(member)) for member in members]
    text.append(_indent(_GIVEN_ENDS if given else _ENDS))
    if iterated:
        text.append(_indent(_iteration(node, classes)))
    return "\n\n".join(text).replace(':\n\n    """', ':\n    """', 1)


_ENDS = '''def close(self) -> None:
    """Close what is open, and end the background thread; more than once is fine.

    Example::

        client.close()
    """
    self._loop.stop()

def __enter__(self) -> Self:
    return self

def __exit__(self, *_: object) -> None:
    self.close()

def __repr__(self) -> str:
    return repr(self._async).replace(type(self._async).__name__, type(self).__name__, 1)'''

_GIVEN_ENDS = """def __enter__(self) -> Self:
    self._loop.call(self._async.__aenter__())
    return self

def __exit__(self, *_: object) -> None:
    if not self._loop.stopped:
        self._loop.call(self._async.__aexit__(None, None, None))"""


def _given_start(name: str) -> str:
    return f"def __init__(self, stream: {name}, loop: BackgroundLoop) -> None:\n    self._async, self._loop = stream, loop"


def _start(init: ast.FunctionDef | None, name: str, classes: Mapping[str, str], where: str) -> str:
    assert init is not None
    head = copy.deepcopy(init)
    call = ast.unparse(_call(ast.Name(name), init, where))
    head.body = ast.parse(f"self._async = {call}\nself._loop = BackgroundLoop(self._async.aclose)").body
    _plain(head, classes)
    return ast.unparse(head)


def _iteration(node: ast.ClassDef, classes: Mapping[str, str]) -> str:
    following = next(item for item in node.body if isinstance(item, ast.AsyncFunctionDef) and item.name == "__anext__")
    gives = ast.unparse(_annotation(following.returns, classes)) if following.returns else "object"
    return f"""def __iter__(self) -> Self:
    return self

def __next__(self) -> {gives}:
    try:
        return self._loop.call(self._async.__anext__())
    except StopAsyncIteration:
        raise StopIteration from None"""


def _property(name: str, annotation: ast.expr, classes: Mapping[str, str]) -> ast.stmt:
    text = f"@property\ndef {name}(self) -> {ast.unparse(_annotation(annotation, classes))}:\n    return self._async.{name}"
    return ast.parse(text).body[0]


def _method(item: ast.FunctionDef | ast.AsyncFunctionDef, classes: Mapping[str, str], where: str) -> ast.stmt:
    kinds = {ast.unparse(decorator) for decorator in item.decorator_list}
    doc = ast.get_docstring(item)
    head = ast.FunctionDef(item.name, copy.deepcopy(item.args), [], list(item.decorator_list), copy.deepcopy(item.returns))
    if kinds == {"property"}:
        body = f"return self._async.{item.name}"
    elif kinds:
        raise CannotWrite(f"{where}: {item.name} has a decorator that is not known: {', '.join(sorted(kinds))}")
    else:
        call = ast.unparse(_call(ast.parse(f"self._async.{item.name}", mode="eval").body, item, where))
        given = _given(item.returns, classes)
        if isinstance(item, ast.AsyncFunctionDef) and not _yields(item):
            body = f"return self._loop.call({call})"
        elif isinstance(item, ast.AsyncFunctionDef) or _outer(item.returns) in _ASYNC_GIVERS:
            body = f"return self._loop.iterate({call})"
        elif given is not None:
            body = f"return {given}({call}, self._loop)"
        else:
            body = f"return {call}"
    _plain(head, classes)
    head.body = ast.parse(body).body
    if doc:
        head.body.insert(0, ast.Expr(ast.Constant(_indented_doc(_rename(doc, classes)))))
    return ast.fix_missing_locations(head)


def _call(function: ast.expr, item: ast.FunctionDef | ast.AsyncFunctionDef, where: str) -> ast.Call:
    """A call that hands every argument on, as it came."""
    arguments = item.args
    if arguments.vararg or arguments.kwarg:
        raise CannotWrite(f"{where}: {item.name} takes *args or **kwargs")
    places = [*arguments.posonlyargs, *arguments.args][1:]
    keywords = [ast.keyword(one.arg, ast.Name(one.arg)) for one in arguments.kwonlyargs]
    return ast.Call(function, [ast.Name(one.arg) for one in places], keywords)


def _yields(item: ast.AsyncFunctionDef) -> bool:
    """Whether it is a generator: a ``yield`` of its own, not of a function within."""
    stack: list[ast.AST] = list(item.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Yield):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack += list(ast.iter_child_nodes(node))
    return False


def _outer(annotation: ast.expr | None) -> str | None:
    """``AsyncGenerator`` of ``AsyncGenerator[Row]``."""
    inner = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return inner.id if isinstance(inner, ast.Name) else None


def _given(annotation: ast.expr | None, classes: Mapping[str, str]) -> str | None:
    return classes.get(annotation.id) if isinstance(annotation, ast.Name) else None


class _Plainer(ast.NodeTransformer):
    def __init__(self, classes: Mapping[str, str]) -> None:
        self._classes = classes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self._classes.get(node.id, node.id))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in _ASYNC_GIVERS:
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return ast.Subscript(ast.Name("Iterator"), first)
        return node


def _annotation(annotation: ast.expr, classes: Mapping[str, str]) -> ast.expr:
    plain: ast.expr = _Plainer(classes).visit(copy.deepcopy(annotation))
    return plain


def _plain(head: ast.FunctionDef, classes: Mapping[str, str]) -> None:
    for one in [*head.args.posonlyargs, *head.args.args, *head.args.kwonlyargs]:
        one.annotation = _annotation(one.annotation, classes) if one.annotation else None
    head.returns = _annotation(head.returns, classes) if head.returns else None


def _imports(tree: ast.Module, module: str, classes: Mapping[str, str], twins: Iterable[str], elsewhere: Iterable[str]) -> str:
    """The source's imports that the twins need, and what they need besides. Constants of the source are imported from it."""
    used = {node.id for twin in twins for node in ast.walk(ast.parse(twin)) if isinstance(node, ast.Name)}
    groups: dict[str, set[str]] = {"orderseal.api.transport": {"BackgroundLoop"}, "typing": {"Self"}}
    if "Iterator" in used:
        groups.setdefault("collections.abc", set()).add("Iterator")
    lines: set[str] = set()
    own: set[str] = set(classes) & used
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                if (name.asname or name.name) in used:
                    groups.setdefault(node.module, set()).add(ast.unparse(name))
        elif isinstance(node, ast.Import):
            lines |= {f"import {ast.unparse(name)}" for name in node.names if (name.asname or name.name.partition(".")[0]) in used}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            own |= {node.name} & used - set(classes.values())
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            own |= {target.id for target in targets if isinstance(target, ast.Name)} & used
    groups.setdefault(module, set()).update(own)
    for twin in elsewhere:
        groups.setdefault(twin.partition(":")[0], set()).add(twin.partition(":")[2])
    lines |= {f"from {name} import {', '.join(sorted(names))}" for name, names in groups.items() if names}
    return "\n".join(sorted(lines))


def _rename(text: str, classes: Mapping[str, str]) -> str:
    for name, twin in classes.items():
        text = re.sub(rf"\b{name}\b", twin, text)
    for pattern, plain in _WORDS:
        text = re.sub(pattern, plain, text)
    return text


def _docstring(text: str) -> str:
    return f'"""{text.replace(chr(92), chr(92) * 2)}\n"""' if "\n" in text else f'"""{text.replace(chr(92), chr(92) * 2)}"""'


def _indented_doc(text: str) -> str:
    """As it stands in the source, so that ``ast.unparse`` writes it with its indentation."""
    lines = text.splitlines()
    if len(lines) == 1:
        return text
    return "\n".join([lines[0], *(f"    {line}" if line else "" for line in lines[1:]), "    "])


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def formatted(text: str, output: Path) -> str:
    """The text as ruff writes it, its imports in order."""
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--fix-only", "--quiet", "--select", "I"], ["format", "--quiet"]):
        done = subprocess.run(
            [str(ruff), *command, "--stdin-filename", str(output), "-"], input=text, capture_output=True, text=True, check=False, cwd=ROOT
        )
        if done.returncode:
            raise CannotWrite(f"{output}: ruff refuses what was written: {done.stderr}")
        text = done.stdout
    return text


def written(target: Target, root: Path = ROOT) -> str:
    """What a target's output should hold."""
    module = "orderseal." + target.source.removesuffix(".py").replace("/", ".")
    source = (root / target.source).read_text("utf-8")
    return formatted(generate(source, module, target.classes, target.source, target.elsewhere), root / target.output)


def main(arguments: Sequence[str] | None = None, targets: Sequence[Target] = TARGETS, root: Path = ROOT) -> int:
    """Write or check every target."""
    parser = argparse.ArgumentParser(description="Writes the sync twins of async clients.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is not what would be written")
    check = parser.parse_args(arguments).check
    stale = 0
    for target in targets:
        output = root / target.output
        try:
            text = written(target, root)
        except (CannotWrite, OSError, SyntaxError) as error:
            print(error, file=sys.stderr)
            return 1
        if output.is_file() and output.read_text("utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"{target.output} is not what {target.source} gives: run python tools/make_sync.py", file=sys.stderr)
        else:
            output.write_text(text, "utf-8")
            print(f"wrote {target.output}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
