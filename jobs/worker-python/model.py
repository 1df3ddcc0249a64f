"""A worker: reads an item a line, answers a line. What takes long to load is loaded once, before the loop."""
import json
import math
import sys

COSINES = [math.cos(math.pi * k / 50) for k in range(100)]  # of eccentric anomalies all around

for line in sys.stdin:
    item = json.loads(line)  # an empty cell is None
    a, e, at_earth = item["a_au"], item["e"], item["at_earth"]
    mean = sum(math.sqrt(1 - e * c) for c in COSINES) / len(COSINES)  # over time: slow where it is far from the Sun
    answer = {"mean": at_earth * mean / math.sqrt(a), "hottest": at_earth / math.sqrt(a * (1 - e))}
    print(json.dumps({"item": item["item"], **answer}), flush=True)  # or {"error": "why"}; "item" is checked where given
