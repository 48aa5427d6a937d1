"""A study made readable: as a page for people who decide, as Markdown, as JUnit XML for CI and as JSON.

Data flows one way: `words` (values) -> `summary` (what follows from the study) -> `tables` (every table, once) ->
`html` with its `charts`, and `markdown`. `junit` and `json` take the study as it is.
"""
