"""Limits on what comes from a Time Stamping Authority, or lies in a file under the name of a timestamp."""

from __future__ import annotations

MAX_QUERY_BYTES = 16 << 10
"""A query has some 80 bytes; extensions could add a few hundred."""

MAX_RESPONSE_BYTES = 1 << 20
"""A response has 2 to 10 kB, most of it certificates; one with CRLs in it may have some hundred kB."""

MAX_UID_FILE_BYTES = 64 << 10
"""A UID file has some 400 bytes: preamble, File Meta Information and one UID."""

MAX_CERTIFICATES = 32
"""Certificates in one token; a chain has two to four."""

MAX_CRLS = 16
"""Certificate revocation lists in one token; hardly any has one."""

MAX_ATTRIBUTES = 32
"""Signed attributes of a token; RFC 3161 and RFC 5816 name four."""

MAX_EXTENSIONS = 32
"""Extensions of a query or of TSTInfo; hardly any has one."""

MAX_STATUS_TEXTS = 16
"""Texts in the status of a response."""

MAX_STATUS_TEXT_CHARACTERS = 200
"""What is kept of each of these texts: they are shown to people, and somebody else wrote them."""

MAX_INTEGER_BYTES = 256
"""Serial numbers have up to 20 bytes (RFC 5280 4.1.2.2) and nonces 8; Python will not print numbers of any size."""

MAX_ACCURACY_SECONDS = 366 * 86_400
"""An accuracy of more than a year is none."""

MAX_POLICY_CHARACTERS = 200
"""Written form of an object identifier."""
