"""What is no expression, and where it goes wrong."""

import pytest

from wfcore.errors import ExpressionError
from wfcore.language.expression import compile
from wfcore.model.values import Scope


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("{{ }}", 3, "the template is empty"),
        ("{{", 2, "a value was expected, not the end"),
        ("a {{ 1", 6, "'}}' was expected, not the end"),
        ("{{ 1 }", 5, "'}}' was expected, not '}'"),
        ("{{ 1 } }", 5, "'}}' was expected, not '}'"),
        ("{{ 1 2 }}", 5, "'}}' was expected, not '2'"),
        ("{{ 1 + }}", 7, "a value was expected, not '}'"),
        ("{{ * 2 }}", 3, "a value was expected, not '*'"),
        ("{{ 2 ** 3 }}", 6, "a value was expected, not '*'"),
        ("{{ (1 }}", 6, "')' was expected, not '}'"),
        ("{{ [1 }}", 6, "',' was expected, not '}'"),
        ("{{ {a 1} }}", 6, "':' was expected, not '1'"),
        ("{{ {1: 1} }}", 4, "a key is a name or a text in quotes"),
        ("{{ {a: 1, a: 2} }}", 10, "the key 'a' is there twice"),
        ("{{ 'abc }}", 3, "the text has no closing quote"),
        ("{{ 'a\\qb' }}", 5, "unknown escape '\\\\q'; a backslash is written twice"),
        ("{{ '\\ud800' }}", 4, "'\\ud800' is no character"),
        ("{{ '\\U00110000' }}", 4, "'\\U00110000' is no character"),
        ("{{ a & b }}", 5, "unexpected character '&'; write 'and'"),
        ("{{ a && b }}", 5, "unexpected character '&'; write 'and'"),
        ("{{ a || b }}", 6, "the name of a filter after '|' was expected, not '|'"),
        ("{{ !a }}", 3, "unexpected character '!'; write 'not' or '!='"),
        ("{{ a = b }}", 5, "'}}' was expected, not '='; write '==' to compare"),
        ("{{ $x }}", 3, "unexpected character '$'"),
        ("{{ a; b }}", 4, "unexpected character ';'"),
        ("{{ ａ }}", 3, "unexpected character 'ａ'"),
        ("{{ 1x }}", 4, "a number runs into a name"),
        ("{{ 1_000 }}", 4, "a number runs into a name"),
        (f"{{{{ {'9' * 39} }}}}", 3, "a number has at most 38 digits"),
        ("{{ 1e999 }}", 3, "the number is too large"),
        ("{{ 1 < 2 < 3 }}", 9, "comparisons cannot be chained; join them with 'and'"),
        ("{{ a.1 }}", 5, "a name after '.' was expected, not '1'"),
        ("{{ a. }}", 6, "a name after '.' was expected, not '}'"),
        ("{{ a[] }}", 5, "a value was expected, not ']'"),
        ("{{ a[1 }}", 7, "']' was expected, not '}'"),
        ("{{ a[1:2:3] }}", 8, "']' was expected, not ':'"),
        ("{{ and }}", 3, "unexpected 'and'; a value was expected"),
        ("{{ a ? b }}", 9, "':' was expected, not '}'"),
        ("{{ a.b() }}", 6, "only filters can be called; there are no methods"),
        ("{{ (a)() }}", 6, "only filters can be called"),
        ("{{ 'a'() }}", 6, "only filters can be called"),
        ("{{ a | }}", 7, "the name of a filter after '|' was expected"),
        ("{{ a | 5 }}", 7, "the name of a filter after '|' was expected"),
        ("{{ a | uper }}", 7, "unknown filter 'uper' (did you mean 'upper'?)"),
        ("{{ uper(a) }}", 3, "unknown filter 'uper' (did you mean 'upper'?)"),
        ("{{ a | upper(1) }}", 7, "'upper': too many positional arguments; write value | upper"),
        (
            "{{ a | replace('x') }}",
            7,
            "'replace': missing a required argument: 'new'; write value | replace(old, new)",
        ),
        (
            "{{ a | join(sep=1) }}",
            7,
            "'join': got an unexpected keyword argument 'sep'; write value | join(separator=''",
        ),
        ("{{ a | join(separator=1, separator=2) }}", 25, "the argument 'separator' is given twice"),
        ("{{ a | join(separator=1, 2) }}", 25, "an argument without a name cannot follow a named one"),
        ("{{ a | join(evaluation=1) }}", 7, "'join': multiple values for argument 'evaluation'"),
        ("{{ a | default }}", 7, "'default' takes one argument"),
        ("{{ upper() }}", 3, "'upper': missing a required argument"),
        ("{{ now(1) }}", 3, "'now': too many positional arguments; write now()"),
        ("{{ tasks }}", 3, "'tasks' needs the name of a task: tasks.NAME"),
        ("{{ tasks[0] }}", 3, "'tasks' needs the name of a task"),
        ("{{ tasks[inputs.x] }}", 8, "a task is named as tasks.NAME or tasks['NAME']"),
        ("{{ (tasks)['a'] | string }}", 3, None),
        ("{{ " + "(" * 65 + "1" + ")" * 65 + " }}", 67, "the expression is nested too deeply"),
        ("{{ " + "-" * 70 + "1 }}", 67, "the expression is nested too deeply"),
        ("{{ " + "1 ? 2 : " * 70 + "1 }}", None, "the expression is nested too deeply"),
        ("{{ " + "not " * 70 + "1 }}", None, "the expression is nested too deeply"),
        ("{{ " + "1 ?? " * 70 + "1 }}", None, "the expression is nested too deeply"),
        ("{{ " + "1 + " * 250 + "1 }}", None, "the expression is nested too deeply"),
        ("{{ 1" + " | string" * 250 + " }}", None, "the expression is nested too deeply"),
        ("{{ [" + "1," * 2001 + "] }}", None, "the expression has more than 2000 parts"),
        ("{{ x" + ".a" * 2001 + " }}", None, "the expression has more than 2000 parts"),
    ],
)
def test_what_cannot_be_parsed_says_where_and_why(text, offset, message):
    if message is None:
        assert compile(text).evaluate(Scope({"tasks": {"a": 1}}))
        return
    with pytest.raises(ExpressionError) as caught:
        compile(text)
    assert caught.value.message.startswith(message), caught.value.message
    assert offset in (None, caught.value.offset)
