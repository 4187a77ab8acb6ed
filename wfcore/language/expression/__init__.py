"""The expression language: ``{{ … }}`` in any text of a workflow, parsed once, evaluated within limits."""

from wfcore.language.expression.template import (
    Constant,
    Template,
    Tree,
    Use,
    compile,
    compile_condition,
    compile_tree,
)

__all__ = ["Constant", "Template", "Tree", "Use", "compile", "compile_condition", "compile_tree"]
