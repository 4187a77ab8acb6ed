"""From text to workflow: located YAML, its shape, the expression language and the graph."""
