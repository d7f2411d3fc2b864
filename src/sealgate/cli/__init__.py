"""The command sealgate: one module per command, loaded only when it is called."""
