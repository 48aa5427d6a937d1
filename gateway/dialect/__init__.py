"""Pure wire knowledge: how a dialect asks, answers, streams, fails. Bytes in, values out; no I/O."""
