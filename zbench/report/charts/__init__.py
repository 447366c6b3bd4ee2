"""One file a chart; each is a pure function of data. matplotlib is loaded when one is drawn."""
