"""Query parameters: read, checked and described from one declaration."""

import falcon
import pytest
from falcon.testing import create_environ

from wfcore.errors import UsageError
from wfcore.service import params


def read(param, query):
    return param.read(falcon.Request(create_environ("/", query_string=query)))


@pytest.mark.parametrize(
    ("param", "query", "value"),
    [
        (params.COUNT, "", 50),
        (params.COUNT, "limit=", 50),
        (params.COUNT, "limit=7", 7),
        (params.COUNT, "limit=1000", 1000),
        (params.AFTER, "after=0", 0),
        (params.WAIT_NEWS, "wait=2.5", 2.5),
        (params.WAIT_NEWS, "", 0.0),
        (params.DRY_RUN, "", False),
        (params.DRY_RUN, "dry_run=true", True),
        (params.DRY_RUN, "dry_run=false", False),
        (params.STATE, "", ()),
        (params.STATE, "state=FAILED,RUNNING", ("FAILED", "RUNNING")),
        (params.NAMESPACE, "namespace=a.b", "a.b"),
        (params.FILE, "", "workflow.yaml"),
        (params.FILE, "file=caf%C3%A9.yaml", "café.yaml"),
    ],
)
def test_read(param, query, value):
    assert read(param, query) == value


@pytest.mark.parametrize(
    ("param", "query"),
    [
        (params.COUNT, "limit=0"),
        (params.COUNT, "limit=1001"),
        (params.COUNT, "limit=-1"),
        (params.COUNT, "limit=1.5"),
        (params.COUNT, "limit=1_0"),
        (params.COUNT, "limit=%D9%A3"),
        (params.COUNT, "limit=abc"),
        (params.COUNT, "limit=" + "9" * 5000),
        (params.COUNT, "limit=1&limit=2"),
        (params.WAIT_NEWS, "wait=31"),
        (params.WAIT_NEWS, "wait=nan"),
        (params.WAIT_NEWS, "wait=inf"),
        (params.WAIT_END, "wait=10.1"),
        (params.DRY_RUN, "dry_run=yes"),
        (params.STATE, "state=failed"),
        (params.STATE, "state=FAILED,"),
        (params.STATE, "state=SKIPPED"),
        (params.FILE, "file=a%0Ab"),
        (params.FILE, "file=" + "x" * 256),
        (params.FILE, "file=%ff%00"),
    ],
)
def test_refused(param, query):
    with pytest.raises(UsageError, match=param.name) as caught:
        read(param, query)
    assert caught.value.remedy.startswith("it must be")
