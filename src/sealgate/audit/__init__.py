"""The register of what was received, verified, signed and delivered."""
