"""Numbers from records.

- ``summary``: one row per cell, one summary per experiment and campaign
- ``stats``, ``precision``: medians and ratios with their intervals, and how narrow these are
- ``effects``, ``factors``, ``balanced_cells``: what each factor of a crossed experiment explains
- ``comparison``, ``differences``: two campaigns compared, and what differs behind them
- ``matching``, ``pooling``: cells that campaigns have in common, and their combined ratios
- ``machines``: the spread between the machines of a cluster
- ``utilization``, ``usable_cores``, ``time_breakdown``: the use of cores and of the workers' time
- ``verdict``, ``disturbance``, ``disturbed_runs``, ``ceilings``: bottlenecks, disturbed runs, their share, upper bounds
- ``queueing``: the model that predicts other pools and cores
"""
