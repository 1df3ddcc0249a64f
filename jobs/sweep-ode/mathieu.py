#!/usr/bin/env python3
"""Growth of x'' + (a - 2 q cos 2t) x = 0, Mathieu's equation of a pendulum whose support shakes: by what power of e a
solution grows in a period, 0 where it stays bounded. Reads an item on each line, answers on one."""
import json
import math
import sys

STEPS = 400  # of Runge and Kutta's fourth order, in a period


def advance(a, q, x, v):
    """The solution from (x, v) after a period of pi."""
    h = math.pi / STEPS
    for step in range(STEPS):
        t = step * h
        k0, k1, k2 = (2 * q * math.cos(2 * (t + part * h)) - a for part in (0, 0.5, 1))
        x1, v1 = v, k0 * x
        x2, v2 = v + h / 2 * v1, k1 * (x + h / 2 * x1)
        x3, v3 = v + h / 2 * v2, k1 * (x + h / 2 * x2)
        x4, v4 = v + h * v3, k2 * (x + h * x3)
        x, v = x + h / 6 * (x1 + 2 * x2 + 2 * x3 + x4), v + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
    return x, v


for line in sys.stdin:
    item = json.loads(line)
    trace = advance(item["a"], item["q"], 1, 0)[0] + advance(item["a"], item["q"], 0, 1)[1]
    growth = math.acosh(max(abs(trace) / 2, 1))  # Floquet's exponent, as the determinant is 1
    print(json.dumps({"growth": growth}), flush=True)
