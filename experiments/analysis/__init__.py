"""From records to numbers: statistics, summaries, bottlenecks, comparisons."""
