"""Fetching the CRLs and OCSP responses that certificates point to; only ever when a person asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealgate.trust.fetch import Fetched, FetchOptions, fetch_crls, fetch_ocsp
from sealgate.trust.store import TrustStore
from sealgate.verification.report import DataSetReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """Fetches, for the paths of reports, what their certificates point to, and keeps it for the next report."""

    options: FetchOptions = field(default_factory=FetchOptions)
    _known: dict[tuple[bytes, ...], Fetched] = field(default_factory=dict, repr=False)

    def completed(self, store: TrustStore, report: DataSetReport) -> tuple[TrustStore, tuple[str, ...]]:
        """The store with what could be fetched for the paths of the report, and a sentence for each that could not.

        Never raises for what the network does: what is missing is missing in the report too.
        """
        failures: list[str] = []
        paths = [path for one in report.signatures for path in (one.path, one.tsa_path) if path]
        for path in dict.fromkeys(paths):
            fetched = self._fetched(path)
            store = fetched.added_to(store)
            failures += fetched.failures
        return store, tuple(dict.fromkeys(failures))

    def _fetched(self, path: tuple[bytes, ...]) -> Fetched:
        if path not in self._known:
            ocsp, crls = fetch_ocsp(path, self.options), fetch_crls(path, self.options)
            self._known[path] = Fetched(
                crls=crls.crls, ocsp_responses=ocsp.ocsp_responses, failures=(*ocsp.failures, *crls.failures)
            )
        return self._known[path]
