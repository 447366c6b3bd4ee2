"""The cases, as pytest files: `pytest suites --benchmark`, or installed `pytest --pyargs zbench.suites`."""
