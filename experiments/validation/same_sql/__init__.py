"""Statement log: proof that all loaders send the same statements.

- runs: every loader in every way it has, once through the proxy
- proxy, wire, conversation: recorded traffic of one connection
- statements: the expected log, and its comparison with the server's
- findings, tables: results, and their pages
"""
