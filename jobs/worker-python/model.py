"""A worker: reads one item a line, answers one line. What takes long to load is loaded here, once."""
import json
import math
import sys

for line in sys.stdin:
    item = json.loads(line)  # an empty cell is None
    a, e = item["a_au"], item["e"]
    E = math.acos(max(-1, min(1, (1 - item["mars"] / a) / e)))  # the eccentric anomaly at Mars' distance
    period = a**1.5
    answer = {"item": item["item"], "period": period, "inside": period * (E - e * math.sin(E)) / math.pi}
    print(json.dumps(answer), flush=True)  # or {"error": "why"}; where the item is given back, it is checked
