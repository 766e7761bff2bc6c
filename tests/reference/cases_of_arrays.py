"""Cases of ``test_every_op.py``: tables and selections, cumulative sums, spread, arrangement, einsum."""

from collections.abc import Callable
from typing import Any

LOGIC = ["logical_and", "logical_or", "logical_not"]


def of_arrays(case: Callable[..., Any], normal: Callable[..., Any], integers: Callable[..., Any]) -> list[Any]:
    """Made with the functions of the file that asks for them."""
    return [
        case("embedding", integers(4, 2, 3), normal(5, 3)),
        case("embedding", integers(4, 3), normal(5, 1), padding_idx=-1),
        *(case("cumsum", normal(3, 4), rest=(axis,)) for axis in (None, 0, 1)),
        case("top_k", normal(3, 5), rest=(2,)),
        case("top_k", normal(4, 2, 3), rest=(3, 0), largest=False),
        case("clip", normal(3, 4), rest=(-0.5, 0.75)),
        case("clip", normal(3, 4), max=0.1),
        case("square", normal(3, 4)),
        *(case(op, normal(3, 4), rest=(1, True), ddof=1) for op in ("var", "std")),
        *(case(op, normal(2, 3, 2)) for op in ("var", "std")),
        case("stack", normal(2, 3), normal(2, 3), rest=(1,)),
        case("expand_dims", normal(2, 3), rest=((0, -1),)),
        case("squeeze", normal(1, 3, 1)),
        case("squeeze", normal(1, 3, 1), rest=(0,)),
        case("swapaxes", normal(2, 3, 4), rest=(0, -1)),
        case("flip", normal(2, 3), rest=(-1,)),
        case("flip", normal(2, 3)),
        case("einsum", normal(2, 3), normal(3, 4), rest=("ij,jk->ik",)),
        case("einsum", normal(3, 3, 2), normal(2, 1), normal(3), rest=("iij,j...,k->...i",)),
        case("einsum", normal(2, 3, 3), rest=("...ii",)),
        case("einsum", normal(1, 3), normal(2, 3), rest=("ij,ij->j",)),
    ]


def logic(case: Callable[..., Any], integers: Callable[..., Any]) -> list[Any]:
    """Ops without gradients."""
    return [
        *(case(op, integers(2, 2, 3), integers(2, 3)) for op in LOGIC[:2]),
        case("logical_not", integers(2, 2, 3)),
        case("one_hot", integers(3, 2), rest=(3,)),
    ]
