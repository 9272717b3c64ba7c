"""Staff, their roles, their sessions, and the audit trail."""
