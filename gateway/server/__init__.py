"""The running gateway: the data port, the admin port, and what ties the parts together."""
