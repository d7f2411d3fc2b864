"""Execution of the statements that spool and register write in SQLAlchemy Core."""
