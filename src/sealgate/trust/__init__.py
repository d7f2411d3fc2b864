"""Trust stores, path validation and revocation at a proven moment, and the making of certificates."""
