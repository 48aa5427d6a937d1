"""Where decisions are kept: the ledger, the writer that feeds it off the request path, the spool behind it."""
