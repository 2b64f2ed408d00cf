"""Arithmetic over published figures: ``"P001 - P109 - P002"``, evaluated with its units checked.

Only names of rows, numbers, ``+ - * /`` and brackets are understood. The text is parsed, never executed.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from sim.errors import TechnologyError
from sim.spec.published import PublishedRow
from sim.units import NUMBER, Quantity

_SYMBOLS: Final[dict[type[ast.operator], str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def evaluate(expression: str, rows: Mapping[str, PublishedRow]) -> Quantity:
    """Compute an expression over rows.

    Parameters
    ----------
    expression : str
        Row ids, numbers, ``+ - * /``, brackets.
    rows : mapping of str to PublishedRow
        The rows by id.

    Returns
    -------
    Quantity
        In seconds, bytes or as a plain number.

    Raises
    ------
    TechnologyError
        An unknown row, units that cannot be added, division by zero, or anything that is not arithmetic.
    """

    def fail(reason: str, hint: str) -> NoReturn:
        raise TechnologyError(f"evaluate '{expression}': {reason}", hint)

    def walk(node: ast.expr) -> Quantity:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return Quantity(float(number), NUMBER)
            case ast.Name(id=name):
                if name not in rows:
                    near = difflib.get_close_matches(name, rows, n=3)
                    fail(f"no published row '{name}'", f"near it: {', '.join(near)}" if near else "see data/published")
                return rows[name].quantity
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _SYMBOLS:
                return _combine(walk(left), _SYMBOLS[type(operator)], walk(right), fail)
            case _:
                fail(f"'{ast.unparse(node)}' is not arithmetic", "use row ids, numbers, + - * / and brackets only")

    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError) as error:
        raise TechnologyError(
            f"evaluate '{expression}': not an expression", 'write for example from = "P250 - P252"'
        ) from error
    return walk(tree.body)


def row_ids(expression: str) -> tuple[str, ...]:
    """Return the rows that a valid expression names, in order, each once."""
    names = [node for node in ast.walk(ast.parse(expression.strip(), mode="eval")) if isinstance(node, ast.Name)]
    return tuple(dict.fromkeys(node.id for node in sorted(names, key=lambda node: node.col_offset)))


def _combine(left: Quantity, symbol: str, right: Quantity, fail: Callable[[str, str], NoReturn]) -> Quantity:
    if symbol in "+-":
        if left.dimension != right.dimension:
            fail(f"{left.dimension} {symbol} {right.dimension} mixes units", "add only figures of one kind")
        value = left.value + right.value if symbol == "+" else left.value - right.value
        return Quantity(value, left.dimension)
    if symbol == "*":
        if NUMBER not in (left.dimension, right.dimension):
            fail(f"{left.dimension} * {right.dimension} has no unit here", "multiply by a plain number")
        dimension = right.dimension if left.dimension == NUMBER else left.dimension
        return Quantity(left.value * right.value, dimension)
    if right.value == 0:
        fail("division by zero", "divide by a figure that is not 0")
    if right.dimension == left.dimension:
        return Quantity(left.value / right.value, NUMBER)
    if right.dimension != NUMBER:
        fail(f"{left.dimension} / {right.dimension} has no unit here", "divide by a plain number or the same kind")
    return Quantity(left.value / right.value, left.dimension)
