"""Certified timestamps (RFC 3161): query, response, token, insertion; and, apart, a client that asks for one."""
