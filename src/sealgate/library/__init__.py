"""What a program that uses Sealgate as a library calls: the engine with files, the clock and new UIDs put to it."""
