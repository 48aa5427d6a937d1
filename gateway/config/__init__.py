"""The config file: read strictly, compiled into a frozen `Snapshot`, swapped whole.

Data flows one way: `parse` (YAML -> `document`, with positions) -> `validate` (the shape) and `references` (the
names) -> `compile` (the snapshot) -> `check` and `exposure` (what is sound but unwise). Each step reports `Finding`s;
`load` runs them all, so that every mistake is shown at once with its line. `reload` keeps the result current while
the gateway runs, `published` describes the file to editors.
"""
