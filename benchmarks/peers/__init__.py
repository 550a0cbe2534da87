"""The saga of an order by other libraries, each written as its own documentation has it.

python -m benchmarks.peers <name> set_up|place|work
"""
