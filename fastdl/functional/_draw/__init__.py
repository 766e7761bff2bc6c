"""How to draw random valid arguments of each op: one file a family, functions ``draw(rng, dtype) -> (args, kwargs)``.

Shapes are small (a reference written as loops must keep up) and reach the corners: size 1, empty, broadcast.
"""
