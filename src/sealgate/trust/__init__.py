"""Trust anchors, path validation at a given moment, and the making of certificates."""
