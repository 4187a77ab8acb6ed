"""Nothing is guessed, nothing is swallowed, and nothing is done before every word is understood."""

import pytest

from wfcore.cli import door
from wfcore.cli.root import ROOT
from wfcore.cli.tree import Group, command
from wfcore.errors import UsageError

DONE = []


def make(
    session,
    file: str,
    *,
    tag: str = "x",
    times: int = 1,
    input: list[str] | None = None,
    dry_run: bool = False,
):
    """Make something.

    Args:
        file (FILE): What from.
        tag: A word.
        times: How often.
        input (NAME=VALUE): May be repeated.
        dry_run: Only say so.
    """
    DONE.append(file)


def many(session, *paths: str, port: int | None = None):
    """Take many.

    Args:
        paths (PATH): Some.
        port: A number.
    """


TREE = Group(
    "Root.", lambda: {"make": command(make), "group": Group("A group.", lambda: {"many": command(many)})}
)


def read(*argv):
    return door.read(TREE, argv)


def refused(*argv):
    with pytest.raises(UsageError) as caught:
        read(*argv)
    assert caught.value.remedy
    return caught.value.message


def test_a_request_does_nothing_yet():
    request = read("make", "a.yaml")
    assert (request.path, request.args, request.kwargs) == (("make",), ("a.yaml",), {})
    assert DONE == []


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "1.10",
        "1,2",
        "0x10",
        "{a: b}",
        "a#b",
        "x #y",
        "None",
        "True",
        "[1]",
        "",
        " ",
        "-5",
        "a=b",
        "'a'",
    ],
)
def test_a_text_stays_that_text(text):
    assert read("make", "f", f"--tag={text}").kwargs["tag"] == text
    if not text.startswith("-"):
        assert read("make", text).args == (text,)
        assert read("make", "f", "--tag", text).kwargs["tag"] == text


def test_options_may_stand_anywhere():
    for argv in (
        ("--config", "c", "make", "f", "--tag", "t"),
        ("make", "--config=c", "--tag=t", "f"),
        ("make", "f", "--tag", "t", "--config", "c"),
    ):
        request = read(*argv)
        assert (request.args, request.kwargs["tag"], request.common["config"]) == (("f",), "t", "c")


def test_a_switch_swallows_no_word():
    request = read("make", "--json", "f", "--dry-run", "--times", "3")
    assert request.common["json"] is True
    assert request.args == ("f",)
    assert request.kwargs == {"dry_run": True, "times": 3}


@pytest.mark.parametrize(
    ("word", "value"),
    [("--dry-run", True), ("--no-dry-run", False), ("--dry-run=true", True), ("--dry-run=False", False)],
)
def test_how_a_switch_is_written(word, value):
    assert read("make", "f", word).kwargs == {"dry_run": value}


def test_a_list_may_be_repeated():
    assert read("make", "f", "--input", "a=1", "--input=b=--x").kwargs == {"input": ["a=1", "b=--x"]}
    assert read("make", "f", "--input", '["a"]').kwargs == {"input": ['["a"]']}


def test_a_dash_is_an_argument():
    assert read("make", "-").args == ("-",)
    assert read("make", "--", "-").args == ("-",)
    assert read("make", "f", "--tag", "-").kwargs == {"tag": "-"}


def test_several_arguments():
    assert read("group", "many", "a", "b", "c", "--port=5").args == ("a", "b", "c")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("mkae", "f"), "workflow: there is no command 'mkae' (did you mean make?)"),
        (("group", "keys"), "workflow group: there is no command 'keys'"),
        (("group", "__class__"), "workflow group: there is no command '__class__'"),
        (("make",), "workflow make: FILE is missing"),
        (("group", "many"), "workflow group many: PATH is missing"),
        (("make", "a", "b"), "workflow make: 'b' is one argument too many"),
        (("make", "a", "upper"), "workflow make: 'upper' is one argument too many"),
        (("make", "a", "--bogus=1"), "workflow make: there is no option --bogus"),
        (("make", "a", "--tga=1"), "workflow make: there is no option --tga (did you mean --tag?)"),
        (("make", "a", "--dry_run"), "workflow make: there is no option --dry_run (did you mean --dry-run?)"),
        (("make", "a", "--file=b"), "workflow make: there is no option --file"),
        (("make", "a", "-t", "x"), "workflow make: there is no option -t"),
        (("make", "a", "-j"), "workflow make: there is no option -j"),
        (("make", "a", "--no-tag"), "workflow make: there is no option --no-tag (did you mean --tag?)"),
        (("make", "a", "--tag"), "--tag needs a value"),
        (("make", "a", "--tag", "--json"), "--tag needs a value"),
        (("make", "a", "--tag=x", "--tag", "y"), "--tag is given twice"),
        (("make", "a", "--json", "--json"), "--json is given twice"),
        (("make", "a", "--json=maybe"), "--json is a switch and takes no value, not 'maybe'"),
        (("make", "a", "--no-json=true"), "--json is a switch and takes no value, not 'true'"),
        (("make", "a", "--times", "many"), "--times needs a number, not 'many'"),
        (("make", "a", "--times="), "--times needs a number, not ''"),
        (("make", "a", "--times=1.5"), "--times needs a number, not '1.5'"),
        (("make", "--", "-weird.yaml"), "'-weird.yaml' begins with a dash"),
        (("make", "a", "--", "--interactive"), "'--interactive' begins with a dash"),
        (("make", "a", "\x1f", "x"), "an argument contains a control character"),
        (("--bogus",), "workflow: there is no option --bogus"),
    ],
)
def test_what_is_refused(argv, message):
    assert refused(*argv) == message
    assert DONE == []


def test_help_and_version_ask_for_nothing_else():
    assert read("make", "--help").common["help"]
    assert read("-h", "group", "many").path == ("group", "many")
    assert read("make", "-V").common["version"]
    assert read().node is TREE


def test_words_after_help_must_still_be_known():
    assert refused("make", "--help", "--bogus") == "workflow make: there is no option --bogus"


def test_no_command_has_an_option_that_every_command_has():
    from wfcore.cli.tree import COMMON, Command, walk

    taken = {one.name for one in COMMON}
    for path, node in walk(ROOT):
        if isinstance(node, Command):
            assert not taken & {one.name for one in node.parameters}, path


def test_every_parameter_of_every_command_is_documented():
    from wfcore.cli.tree import Command, walk

    for path, node in walk(ROOT):
        assert node.summary.endswith("."), path
        assert len(node.summary) <= 80, path
        for one in node.parameters if isinstance(node, Command) else ():
            assert one.description.endswith("."), (path, one.name)
            assert one.metavar or one.kind is bool, (path, one.name)
