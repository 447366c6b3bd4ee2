"""zbench: is what we were told about these cards and this fabric true here, and how sure are we?"""

__version__: str


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # slow to load, and ranks, each a process, do not ask
    from importlib.metadata import version

    return version("zbench")
