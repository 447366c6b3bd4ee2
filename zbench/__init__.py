"""zbench: is what we were told about these cards and this fabric true here, and how sure are we?"""

from importlib.metadata import version

__version__ = version("zbench")
