"""One cell in detail: profiles, flame graphs and counters.

- explain: pages of chosen cells; files: where they are
- runs: one run for each instrument; explanation: all results of a cell
- count: instructions and system calls of cells, by counters
- stacks, thread_time: profiles read and summed up
- overhead: loaders against minimal scripts, by the same counters
- page, sentences, flame_graph: the page of a cell
"""
