"""pool.py FILE PROCESSES CHUNKSIZE - what worker.py computes, by Python's process pool; prints the seconds of the pool
and the sum of the results."""
import csv
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def square(x):
    return x * x


if __name__ == "__main__":
    with open(sys.argv[1], newline="") as file:
        values = [float(row["x"]) for row in csv.DictReader(file)]
    began_s = time.perf_counter()
    with ProcessPoolExecutor(int(sys.argv[2])) as pool:
        results = list(pool.map(square, values, chunksize=int(sys.argv[3])))
    print(time.perf_counter() - began_s, sum(results))
