"""The MAC byte stream, MAC algorithms, keys, and the making and checking of one Digital Signature."""
