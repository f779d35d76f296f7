"""One-line changes of a module, found in its syntax: a new line has its changes by itself."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[2]

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}

_Apply = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    path: str
    line: int
    old: str
    new: str
    source: str

    @property
    def module(self) -> str:
        """The name of the changed module."""
        return self.path.removesuffix(".py").replace("/", ".")

    def __str__(self) -> str:
        """Name the change without the number of its line: other lines move, and it is the same."""
        return f"{self.path}: {self.old}  ->  {self.new}"


@dataclass(frozen=True)
class Change:
    """A place in a file's syntax, and the number of a change that can be made there."""

    path: str
    place: int
    number: int

    @property
    def module(self) -> str:
        """The name of the module."""
        return self.path.removesuffix(".py").replace("/", ".")

    def mutant(self, text: str | None = None) -> Mutant:
        """Make the change; ``text`` stands for the content of the file."""
        tree, node = self._found(text)
        old = _line(node)
        list(_of(node))[self.number](node)
        return Mutant(self.path, getattr(node, "lineno", 0), old, _line(node), ast.unparse(tree))

    def code(self) -> CodeType:
        """Return the changed module's code, each line where it stands in the file."""
        tree, node = self._found(None)
        list(_of(node))[self.number](node)
        return compile(ast.fix_missing_locations(tree), str(ROOT / self.path), "exec")

    def _found(self, text: str | None) -> tuple[ast.Module, ast.AST]:
        tree = _tree(self.path, text)
        # `walk` has one order: a place is the same in every tree of the file.
        return tree, next(islice(ast.walk(tree), self.place, None))


def changes(path: str, text: str | None = None) -> list[Change]:
    """Return every change of a file's functions, in a fixed order; ``text`` is its content.

    The constants beside them stand in a table with their reasons: ``tests/guards/bounds.txt``.
    """
    tree = _tree(path, text)
    decided = _in_functions(tree)
    return [
        Change(path, place, number)
        for place, node in enumerate(ast.walk(tree))
        if node in decided
        for number, _ in enumerate(_of(node))
    ]


def _in_functions(tree: ast.Module) -> set[ast.AST]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, functions))
    return {node for body in bodies for statement in body for node in ast.walk(statement)}


def _tree(path: str, text: str | None) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8") if text is None else text)


def _line(node: ast.AST) -> str:
    """Write a node in one line: of a statement with a block, its head alone."""
    return ast.unparse(node).splitlines()[0]


def _of(node: ast.AST) -> Iterator[_Apply]:
    """Yield the changes that a node can be given."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            yield from (_compared(index, other) for other in _COMPARISONS[type(operator)])
    elif isinstance(node, ast.expr):
        yield from _of_expression(node)
    else:
        yield from _of_statement(node)


def _of_expression(node: ast.expr) -> Iterator[_Apply]:
    match node:
        case ast.BoolOp(op=operator):
            yield _with("op", ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.BinOp(op=ast.Add()):
            yield _with("op", ast.Sub())
        case ast.BinOp(op=ast.Sub()):
            yield _with("op", ast.Add())
        case ast.UnaryOp(op=ast.Not()):
            yield _without_not
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield _called(_CALLS[name])
        case ast.IfExp():
            yield from _decided()
        case ast.Constant(value=int(number) | float(number)) if not isinstance(number, bool):
            yield _with("value", number + 1)


def _of_statement(node: ast.AST) -> Iterator[_Apply]:
    match node:
        case ast.If():
            yield from _decided()
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            # A line of the worker's log is for people who look for a fault: nothing reads it.
            return
        case ast.Expr(value=ast.Call()):
            yield _with("value", ast.Constant(value=None))
        case ast.Assign(targets=[ast.Attribute()], value=ast.Constant(value=bool(value))):
            yield _with("value", ast.Constant(value=not value))


def _decided() -> Iterator[_Apply]:
    yield _with("test", ast.Constant(value=False))
    yield _with("test", ast.Constant(value=True))


def _with(field: str, value: ast.AST | float) -> _Apply:
    return lambda node: setattr(node, field, value)


def _compared(index: int, operator: type[ast.cmpop]) -> _Apply:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[index] = operator()

    return apply


def _called(name: str) -> _Apply:
    return lambda node: setattr(node, "func", ast.Name(id=name, ctx=ast.Load()))


def _without_not(node: ast.AST) -> None:
    # `not (not x)`: the node cannot be taken out of its parent, but it can be denied.
    assert isinstance(node, ast.UnaryOp)
    node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)
