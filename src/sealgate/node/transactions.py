"""What the receiving side needs of the database, which may be in this process or in another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Submitted(Protocol[T_co]):
    """A function on its way into a transaction."""

    def result(self) -> T_co:
        """What it returned, once that is committed. Raises StorageFull or StorageError where nothing was stored."""


class Transactions(Protocol):
    """`spool.database.Database`, or what stands for it in a worker process."""

    @property
    def failure(self) -> str | None:
        """Why nothing is taken any more, as a sentence; None as long as the disk has kept its word."""

    def submit(self, function: Callable[[Connection], T]) -> Submitted[T]:
        """Let `function`, made of plain values and functions of modules, be executed in one transaction with others."""

    def run(self, function: Callable[[Connection], T]) -> T:
        """The result of `function`, submitted and committed."""
