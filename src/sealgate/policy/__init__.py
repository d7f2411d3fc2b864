"""Rules over the facts of a verification, and the verdict accept, hold or reject."""
