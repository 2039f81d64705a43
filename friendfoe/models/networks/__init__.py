"""One file per network: its settings, and the module that they build."""
