"""Run every benchmark, one after the other: `make bench`. Takes about a minute."""

from benchmarks import order_line

if __name__ == "__main__":
    print("Measuring the order line on a stack of its own ...", flush=True)
    order_line.main()
