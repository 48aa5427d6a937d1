"""The pure core: decides, and does no I/O. Time comes in as `now` (seconds, monotonic), chance as `rng`."""
