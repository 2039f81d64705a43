"""One module per family of sources, each with `read(source, data_root) -> Raw`."""
