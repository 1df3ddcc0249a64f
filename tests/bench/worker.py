"""worker.py - a worker as a user would write it: a line of JSON in, a line of JSON out."""
import json
import sys

for line in sys.stdin:
    item = json.loads(line)
    print(json.dumps({"y": item["x"] * item["x"]}), flush=True)
