"""The gate for every assignment: its tests must tell right from wrong before they are used."""

from __future__ import annotations

from grading.audit.gate import Finding, Outcome, audit_part

__all__ = ["Finding", "Outcome", "audit_part"]
