"""How collective algorithms move data: one source that is compiled, proved and drawn.

`steps` yields a rank's own ordered steps; `compile` flattens them to a plan, `check` proves them.
"""
