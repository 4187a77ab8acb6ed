"""community/telegram against a server that answers as Telegram does."""

import pytest

from .calls import caller, delayed, refused
from .servers import Answer, TelegramServer
from .servers.telegram import TOKEN


@pytest.fixture
def telegram(plugin):
    with TelegramServer() as server:
        hosts = {"api.telegram.org": server}
        yield server, caller(plugin("community-telegram"), hosts, TELEGRAM_TOKEN=TOKEN)


def test_telegram_sends_and_answers(telegram):
    server, call = telegram
    sent = call("send", chat="@operations", message="<b>done</b>", format="HTML", silent=True)
    assert sent == {"message_id": 1, "chat_id": -1001, "date": 1767225600}
    call("send", chat=-1001, message="again", reply_to=1, preview=False)
    assert [one["said"]["disable_notification"] for one in server.messages] == [True, False]


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"chat": 9, "message": "a"}, "bad_request"),
        ({"chat": 7, "message": "<b>a", "format": "HTML"}, "bad_request"),
        ({"chat": 7, "message": "a" * 4097}, "bad_request"),
        ({"chat": 7, "message": "a", "reply_to": 5}, "bad_request"),
        ({"chat": 8, "message": "a"}, "forbidden"),
        ({"chat": -77, "message": "a"}, "chat_migrated"),
    ],
)
def test_what_telegram_refuses_is_final(telegram, inputs, error):
    assert refused(telegram[1], "send", **inputs) == error


@pytest.mark.parametrize(
    ("token", "error"), [("1:" + "x" * 34, "unauthorized"), ("nonsense", "unauthorized"), ("a b", "secret")]
)
def test_a_token_of_telegram_has_to_be_good(telegram, token, error):
    assert refused(telegram[1], "send", secrets={"TELEGRAM_TOKEN": token}, chat=7, message="a") == error


def test_telegram_is_waited_for(telegram):
    server, call = telegram
    server.answer_next(server.limited(9), Answer(502, "<html>"))
    assert delayed(call, "send", chat=7, message="a") == ("rate_limit", 9)
    assert delayed(call, "send", chat=7, message="a") == ("service", None)
