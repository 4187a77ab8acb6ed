"""A manifest becomes a value, or all of its faults with their places."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfcore.errors import InvalidPackage, PluginError
from wfcore.packages import versions
from wfcore.packages.manifest import MIB, accepted, expect_usable, parse_manifest

LEAST = "plugin: 1\nname: a/b\nversion: 0.0.1\nactions: {do: {}}\n"


def test_all_it_says(manifest):
    found = parse_manifest(manifest)
    assert (found.name, found.version, found.author, found.license) == (
        "community/slack",
        "1.2.0",
        "Ada",
        "MIT",
    )
    assert (found.memory, found.timeout, found.runtime, found.abi) == (32 * MIB, 10.0, "wasm", "wf/1")
    assert found.actions["send"].inputs["channel"] == {"type": "string", "required": True}
    assert found.actions["send"].output == {"type": "dict"}
    assert found.permissions.words()[0] == "may connect to https://slack.com/api/*"
    assert found.types == ("community/slack.send",)
    assert found.file_name == "community-slack-1.2.0.wfp"


def test_what_was_accepted_is_read_again_the_same(manifest):
    found = parse_manifest(manifest)
    assert accepted(found.text) == found
    assert json.loads(found.text)["name"] == found.name


def test_one_that_was_kept_as_it_came_can_be_read(manifest):
    assert accepted(manifest) == parse_manifest(manifest)


@pytest.mark.parametrize("text", ["null", "[]", "{}", '"x"', '{"name": 1}'])
def test_what_no_release_has_stored_is_one_clear_error(text):
    with pytest.raises(InvalidPackage, match="it is not what any release has stored"):
        accepted(text)


def test_aliases_cannot_make_more_of_it_than_can_be_kept():
    again = f"&a {'x' * 50_000}{', *a' * 90}"
    text = LEAST.replace("do: {}", f"do: {{inputs: {{a: {{type: list, allowed: [{again}]}}}}}}")
    assert "says more than 4194304 characters, with what its aliases repeat" in faults(text)


def test_little_is_needed():
    found = parse_manifest(LEAST.encode())
    assert (found.memory, found.timeout, found.engine) == (64 * MIB, 30.0, "")
    assert found.permissions.words() == []
    expect_usable(found)


def faults(text):
    with pytest.raises(InvalidPackage) as caught:
        parse_manifest(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("plugin: 2", "plugin.yaml:1:9: plugin: must be one of 1"),
        ("name: Slack", "name: 'Slack' is no name of a plugin"),
        ("name: a/b/c", "is no name of a plugin"),
        ("version: 1.2", "version: must be text"),
        ("version: '1.2'", "'1.2' is no version"),
        ("version: 01.2.3", "'01.2.3' is no version"),
        ("runtime: {memory: 1}", "runtime.memory: must be from 1MiB to 1GiB"),
        ("runtime: {memory: 2GiB}", "runtime.memory: must be from 1MiB to 1GiB"),
        ("runtime: {memory: lots}", "'lots' is not a size"),
        ("runtime: {timeout: 0s}", "runtime.timeout: must be longer than 0 s"),
        ("runtime: {timeout: 2h}", "at most 1h"),
        ("runtime: {timeout: soon}", "'soon' is no duration"),
        ("runtime: {module: other.wasm}", "runtime.module: must be one of plugin.wasm"),
        ("runtime: {type: ../x}", "is no name of a runtime"),
        ("requires: {abi: wf/2}", "requires.abi: must be one of wf/1"),
        ("requires: {engine: ~1}", "'~1' is no comparison of versions"),
        ("actions: {}", "actions: must not be empty"),
        ("actions: {a b: {}}", "'a b' is no name of an action"),
        ("actions: {do: 3}", "actions.do: must be a mapping"),
        ("actions: {do: {input: {}}}", "actions.do.input: unknown key (did you mean 'inputs'?)"),
        ("actions: {do: {inputs: {a: {type: str}}}}", "inputs.a.type: must be one of string"),
        (
            "actions: {do: {inputs: {a: {requird: true}}}}",
            "a.requird: unknown rule (did you mean 'required'?)",
        ),
        ("actions: {do: {inputs: {a: 3}}}", "inputs.a: must be a mapping of rules"),
        ("actions: {do: {inputs: {a: {regex: '(a+)+$'}}}}", "inputs.a.regex: unknown rule"),
        ("actions: {do: {inputs: {a: {check_with: x}}}}", "a.check_with: unknown rule"),
        ("actions: {do: {inputs: {a: {coerce: x}}}}", "a.coerce: unknown rule"),
        ("actions: {do: {inputs: {a: {default_setter: x}}}}", "a.default_setter: unknown rule"),
        ("actions: {do: {inputs: {a: {required: 3}}}}", "these input rules are not valid"),
        ("actions: {do: {inputs: {a: {type: list, schema: {regex: a}}}}}", "a.schema.regex: unknown rule"),
        (
            "actions: {do: {inputs: {a: {type: dict, schema: {b: {regex: a}}}}}}",
            "a.schema.b.regex: unknown rule",
        ),
        ("actions: {do: {inputs: {a: {anyof: [{regex: a}]}}}}", "a.anyof[0].regex: unknown rule"),
        ("actions: {do: {inputs: {a: {valuesrules: {regex: a}}}}}", "a.valuesrules.regex: unknown rule"),
        ("actions: {do: {output: {type: text}}}", "actions.do.output.type: must be one of string"),
        ("permissions: {network: [slack.com]}", "permissions.network[0]: 'slack.com' is no pattern"),
        ("permission: {}", "permission: unknown key (did you mean 'permissions'?)"),
    ],
)
def test_each_fault_has_its_place(line, told):
    key = line.partition(":")[0]
    rest = "".join(f"{each}\n" for each in LEAST.splitlines() if not each.startswith(f"{key}:"))
    assert told in faults(f"{line}\n{rest}")


def test_all_at_once():
    assert len(faults("plugin: 1\nname: X\nversion: y\nactions: {}\nkind: z\n").splitlines()) == 4


@pytest.mark.parametrize(
    "text", ["", "  \n", "[1]", "3", "a: [", "a: !!python/object:x {}", "\0", b"\xff\xfe"]
)
def test_what_is_no_manifest(text):
    assert faults(text)


def test_rules_are_not_nested_without_end():
    deep = "{type: list, schema: " * 20 + "{type: string}" + "}" * 20
    assert "nested more than 16 levels" in faults(
        LEAST.replace("{do: {}}", f"{{do: {{inputs: {{a: {deep}}}}}}}")
    )


@pytest.mark.parametrize("bounds", [">=9", "<0.1", ">=0.1,<0.1", "==0.2.0"])
def test_a_plugin_for_another_release_is_refused(bounds):
    found = parse_manifest(LEAST + f"requires: {{engine: '{bounds}'}}\n")
    with pytest.raises(PluginError, match="needs workflow"):
        expect_usable(found)


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("0.1.0", "", True),
        ("0.1.0", ">=0.1", True),
        ("0.2.0", ">=0.1, <0.2", False),
        ("1.10.0", ">1.9.9", True),
        ("1.0.0-rc.1", "<1.0.0", True),
        ("1.0.0-rc.1", ">1.0.0-beta.2", True),
        ("1.0.0-rc.10", ">1.0.0-rc.9", True),
        ("1.0.0", "==1.0", True),
        ("1.0.0", "!=1", False),
    ],
)
def test_ranges_of_versions(version, bounds, fits):
    assert versions.within(version, bounds) is fits


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["string", "list"])
keys = st.sampled_from(
    [
        "plugin",
        "name",
        "actions",
        "inputs",
        "type",
        "schema",
        "anyof",
        "permissions",
        "network",
        "secrets",
        "do",
    ]
)
trees = st.recursive(
    leaves,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=200)
@given(trees, trees, trees)
def test_any_document_is_accepted_or_refused(actions, permissions, inputs):
    import json

    document = {"plugin": 1, "name": "a/b", "version": "1.0.0", "permissions": permissions}
    for each in (actions, {"do": {"inputs": inputs}}):
        try:
            parse_manifest(json.dumps({**document, "actions": each}))
        except InvalidPackage as error:
            assert error.problems
