"""From matrix.yaml to a plan: read, validate, expand and shuffle; touches nothing but the text.

- ``yaml_document``: YAML with the line of every value
- ``spec``, ``network``, ``values``: matrix.yaml as types; ``messages``: errors
- ``references``, ``settings``: checks between its parts
- ``selection``: the options of the command line, applied to the matrix
- ``expand``, ``combinations``: the cells of a matrix; ``cell``: one cell and its key
- ``plan``: the order of the runs
"""
