"""The service's part of one C-STORE, guarded: whatever the service raises becomes a failure status, never an escape."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from structlog.typing import FilteringBoundLogger

from sealgate.errors import StoreRefused
from sealgate.node.dimse import Status, StoreRequest, StoreResponse
from sealgate.node.storage_service import Reception, StorageService

INTERNAL_ERROR: Final = StoreResponse(
    status=Status.PROCESSING_FAILURE, comment="internal error of the gateway, see its log"
)


class GuardedReception:
    """One C-STORE. As a context it discards what has not been finished, whatever the reason."""

    def __init__(self, log: FilteringBoundLogger, refusal: StoreResponse | None = None) -> None:
        """`refusal`: the response, where it is known before the service has been asked."""
        self._log = log
        self._refusal = refusal
        self._reception: Reception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._discard()

    def begin(self, service: StorageService, request: StoreRequest) -> None:
        """Ask the service for a reception, unless the request has been refused before."""
        if self._refusal is not None:
            return
        self._log = self._log.bind(sop_instance_uid=request.sop_instance_uid)
        try:
            self._reception = service.begin(request)
        except Exception as error:  # noqa: BLE001 - the service is not ours, and its fault must not be a Success
            self._refuse(error)

    def write(self, fragment: memoryview) -> None:
        """Hand on a fragment; after a refusal it is dropped."""
        if self._reception is None:
            return
        try:
            self._reception.write(fragment)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(error)

    def finish(self) -> StoreResponse:
        """The response of the service, or the refusal that was decided before."""
        if self._reception is None:
            return self._refusal or INTERNAL_ERROR
        try:
            response = self._reception.finish()
        except Exception as error:  # noqa: BLE001 - as above
            return self._refuse(error)
        self._reception = None
        return response

    def _refuse(self, error: Exception) -> StoreResponse:
        if isinstance(error, StoreRefused):
            refusal = StoreResponse(status=error.status, comment=error.comment)
        else:
            self._log.error("instance could not be taken", exc_info=error)
            refusal = INTERNAL_ERROR
        self._refusal = refusal
        self._discard()
        return refusal

    def _discard(self) -> None:
        reception, self._reception = self._reception, None
        if reception is None:
            return
        try:
            reception.discard()
        except Exception:  # noqa: BLE001 - as above; what is left over is the next start's to remove
            self._log.exception("an incomplete instance could not be removed")
