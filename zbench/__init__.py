"""zbench: is what we were told about these cards and this fabric true here, and how sure are we?"""

__version__: str


def __getattr__(name: str) -> str:
    """The version, looked up once and when it is asked: it takes a third of what a command loads first."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    global __version__
    __version__ = version("zbench")
    return __version__
