"""What dcmsign says of a signature that is not good."""

from __future__ import annotations

NO_MAC_PARAMETERS = "signature verification failed: MAC parameters not be found or incomplete"
NO_CERTIFICATE = "signature verification failed: certificate is missing or unreadable"
WRONG_TRANSFER_SYNTAX = "unable to use the selected transfer syntax for MAC computation"
UNKNOWN_MAC_ALGORITHM = "signature verification failed: MAC algorithm not supported"
NO_DATA_ELEMENTS_SIGNED = "signature verification failed: DataElementsSigned missing or incorrect"
NO_SIGNATURE = "signature verification failed: signature item incomplete"
NOT_SIGNABLE = "signature verification failed: signature contains attribute that is not signable"
CORRUPTED = "signature verification failed: signature is invalid (document corrupted)"
EXPIRED_AT_SIGNATURE = "signature verification failed: certificate was expired at signature creation date"
NOT_YET_VALID_AT_SIGNATURE = "signature verification failed: certificate was not yet valid at signature creation date"
ILLEGAL_DATE = "Illegal parameter"
NO_TRUST = "signature is OK but certificate verification failed: "

HAS_EXPIRED = "certificate has expired"
"""OpenSSL's text for the one failure of a certificate that a timestamp can mend."""
