"""batch_worker.py - worker.py for a job with batch: N: a line has arrays, for up to N items."""
import json
import sys

for line in sys.stdin:
    items = json.loads(line)
    print(json.dumps({"y": [x * x for x in items["x"]]}), flush=True)
