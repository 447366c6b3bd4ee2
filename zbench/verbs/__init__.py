"""What can be said to `zbench`: one file a verb, each with `add` (its options) and `main` (what it does).

Heavy imports stand inside `main`, so that `zbench --help` is quick.
"""
