"""The seam to a chat server: any that speaks OpenAI's protocol.

Foreign errors become ours here, each with a hint.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from storyanim.config import PlanSettings, public_url
from storyanim.errors import ServiceError
from storyanim.planning.chat_protocol import (
    Answer,
    ProtocolError,
    RefusalError,
    read_answer,
    start_of,
    words_of_error,
)
from storyanim.planning.replies import Form, Reply, strict_schema

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from tenacity import RetryCallState

Message = dict[str, Any]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "prose")     # from the strictest down
TRIES = 3                                            # of a request that met a busy or broken server
FIRST_WAIT_S = 0.5                                   # before the second try; twice as long before the third
MAX_WAIT_S = 60.0                                    # who asks for more (Retry-After) is not waited for
_TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_REFUSES_FORM = frozenset({400, 415, 422, 500, 501})

# what the server's words are about → what it means, what to do; before the status, in which servers differ
_ABOUT: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"insufficient|\bbalance\b|\bcredits?\b|billing|payment", re.I), "wants to be paid",
     "top up the account, or use another server or `--planner rules`"),
    (re.compile(r"max_(completion_)?tokens", re.I), "asks for another max_tokens",
     "set plan.max_tokens to what it allows"),
)
_TOO_LONG = re.compile(r"context|too long|too large|maximum.{0,30}(tokens|length)"
                       r"|(prompt|input).{0,30}exceed|exceed.{0,30}(token|length)", re.I)
_MEANINGS: Mapping[int, tuple[str, str]] = {
    400: ("refuses the request", "check that plan.model is a chat model of this server"),
    401: ("refuses the API key", "set OPENAI_API_KEY to a valid key"),
    402: ("wants to be paid", "top up the account, or use another server or `--planner rules`"),
    403: ("does not allow this", "check the key's rights and the region"),
    404: ("does not know the model or the address",
          "check plan.model and plan.base_url (it often ends in /v1)"),
    408: ("did not answer in time", "raise plan.timeout_s, or use a smaller model"),
    413: ("finds the request too long", "lower plan.max_shots_a_batch, or give the model a longer context"),
    422: ("refuses the request", "check that plan.model is a chat model of this server"),
    429: ("is out of quota or gets too many requests", "wait a little, or check the account's quota"),
}
_FAILED = ("has failed", "try again later, or use another server")


class RequestTooLongError(ServiceError):
    """The request is longer than the model's context."""


class ChatClient:
    """Asks one model.

    What the server takes (form of reply, streaming, name of a limit) is found once and kept.
    """

    def __init__(self, settings: PlanSettings) -> None:
        self.settings = settings
        self.form: Form = FORMS[0]
        self._form_was_taken = False
        self._streams = False
        self._limit_name = "max_tokens"

    @cached_property
    def _url(self) -> str:
        given = (self.settings.base_url or os.environ.get("OPENAI_BASE_URL") or "").strip()
        return re.sub(r"/chat/completions/?(?=\?|$)", "", given)     # the SDK appends it

    @property
    def where(self) -> str:
        """Return the server, without secrets, and the model, for messages."""
        return f"the chat server {public_url(self._url) or 'of OpenAI'} (model {self.settings.model})"

    def ask(self, messages: Sequence[Message], wanted: type[Reply]) -> Answer:
        """Return the model's answer.

        `plan.timeout_s` bounds each try as a whole: connecting, waiting, the body however slowly it comes.
        Raises ServiceError, RequestTooLongError; BadReplyError when there are no words to use.
        """
        from anyio.from_thread import start_blocking_portal

        with start_blocking_portal() as portal:      # also where a loop runs already, as in a notebook
            return portal.call(self._ask, messages, wanted)

    async def _ask(self, messages: Sequence[Message], wanted: type[Reply]) -> Answer:
        from openai import OpenAIError

        try:
            async with self._open() as client:
                while True:
                    try:
                        answer = await self._send(client, messages, wanted)
                    except RefusalError as refusal:
                        if not self._adapt(refusal):
                            raise self._explained(refusal) from refusal
                        continue
                    self._form_was_taken = True
                    return answer
        except (OpenAIError, TimeoutError) as error:
            raise self._unreached(error) from error

    def _open(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        url = self._url
        parts, scheme = urlsplit(url), url.partition("://")[0].lower()
        if url and (scheme not in {"http", "https"} or not parts.hostname
                    or "@" in parts.path + parts.query + parts.fragment):
            raise ServiceError(f"plan.base_url {public_url(url)!r} is no address of a server",
                               hint="it is like http://127.0.0.1:11434/v1; marks in a password are written "
                                    "as %40, %2F, %3F")
        key = os.environ.get("OPENAI_API_KEY", "").strip() or ("none" if url else None)
        if key and not (key.isascii() and key.isprintable()):
            raise ServiceError(f"{self.where} cannot be asked: OPENAI_API_KEY is no key",
                               hint="copy the key again, without line breaks")
        headers, query = {}, dict(parse_qsl(parts.query))
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        if query:                                    # these two write the whole address into their logs
            for name in ("httpx", "httpx2"):
                logging.getLogger(name).setLevel(logging.WARNING)
        return AsyncOpenAI(api_key=key, base_url=public_url(url) or None, timeout=self.settings.timeout_s,
                           max_retries=0, default_headers=headers, default_query=query)

    # ── asking ──

    async def _send(self, client: AsyncOpenAI, messages: Sequence[Message], wanted: type[Reply]) -> Answer:
        """Return the answer, trying again where the server was busy.

        Raises RefusalError, OpenAIError, TimeoutError.
        """
        import anyio
        from openai import APIConnectionError
        from tenacity import AsyncRetrying

        def may_pass(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            return isinstance(error, (APIConnectionError, TimeoutError)) or _is_transient(error)

        def is_enough(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            is_form = isinstance(error, RefusalError) and self._may_be_about_form(error)
            return state.attempt_number >= (TRIES - 1 if is_form else TRIES)

        retrying = AsyncRetrying(retry=may_pass, stop=is_enough, wait=_wait_s, sleep=anyio.sleep,
                                 reraise=True)
        answer: Answer = await retrying(self._try, client, messages, wanted)
        return answer

    async def _try(self, client: AsyncOpenAI, messages: Sequence[Message], wanted: type[Reply]) -> Answer:
        import anyio
        from openai import APIStatusError

        try:
            with anyio.fail_after(self.settings.timeout_s):
                response = await client.chat.completions.with_raw_response.create(
                    model=self.settings.model, messages=list(messages), extra_body=self._options(wanted))   # type: ignore[arg-type]
        except APIStatusError as error:
            words = words_of_error(error.body) or start_of(error.message)
            raise RefusalError(error.status_code, words,
                               _seconds(error.response.headers.get("retry-after"))) from error
        try:
            return read_answer(response.http_response.text)
        except ProtocolError as error:
            raise ServiceError(f"{self.where} answers in another protocol (it begins "
                               f"{self._public(str(error))[:80]!r})",
                               hint="check plan.base_url: it must speak OpenAI's chat protocol") from error

    def _options(self, wanted: type[Reply]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.form == "json_schema":
            schema = {"name": wanted.__name__, "schema": strict_schema(wanted), "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.form == "json_object":
            options["response_format"] = {"type": "json_object"}
        if self.settings.max_tokens:
            options[self._limit_name] = self.settings.max_tokens
        return options | ({"stream": True} if self._streams else {})

    def _adapt(self, refusal: RefusalError) -> bool:
        """Ask in another way from now on if the refusal may be about that; return whether it may."""
        words = refusal.words.lower()
        if not self._streams and re.search(r"\bstream", words):
            self._streams = True
        elif (self.settings.max_tokens and self._limit_name == "max_tokens"
              and "max_completion_tokens" in words):
            self._limit_name = "max_completion_tokens"
        elif self._may_be_about_form(refusal):
            self.form = FORMS[FORMS.index(self.form) + 1]
        else:
            return False
        return True

    def _may_be_about_form(self, refusal: RefusalError) -> bool:
        if self.form == FORMS[-1]:
            return False
        if re.search(r"response_format|json|schema|grammar", refusal.words, re.I):
            return True
        if self._form_was_taken:
            return False
        is_about_else = _is_too_long(refusal) or any(about.search(refusal.words) for about, *_ in _ABOUT)
        return refusal.status in _REFUSES_FORM and not is_about_else

    # ── understanding ──

    def _explained(self, refusal: RefusalError) -> ServiceError:
        """Return a refusal as our error, by the server's own words."""
        about = next(((meaning, hint) for words, meaning, hint in _ABOUT if words.search(refusal.words)),
                     None)
        status = refusal.status or 0
        meaning, hint = about or _MEANINGS.get(status) or (_MEANINGS[400] if 400 <= status < 500 else _FAILED)
        kind: type[ServiceError] = ServiceError
        if about is None and _is_too_long(refusal):
            kind, (meaning, hint) = RequestTooLongError, (
                "finds the request too long for the model",
                "lower plan.max_shots_a_batch, or give the model a longer context (num_ctx, -c)")
        said = ": ".join(filter(None, (str(refusal.status or ""), self._public(refusal.words))))
        wait_s = refusal.retry_after_s or 0
        waits = f", and asks to wait {wait_s:.0f} s" if wait_s > MAX_WAIT_S else ""
        return kind(f"{self.where} {meaning}" + (f" ({said})" if said else "") + waits, hint=hint)

    def _unreached(self, error: Exception) -> ServiceError:
        """Return what the SDK raises when there is no answer as our error, by the SDK's base classes."""
        from openai import APIConnectionError, APIError, APITimeoutError

        said = self._public(" ".join(str(error.__cause__ or error).split())[:300])
        if isinstance(error, (TimeoutError, APITimeoutError)):
            within = f" within {self.settings.timeout_s:g} s"
            return ServiceError(f"{self.where} did not answer in time{within}",
                                hint="raise plan.timeout_s, or use a smaller model")
        if isinstance(error, APIConnectionError):
            return ServiceError(f"{self.where} cannot be reached ({said})",
                                hint="check plan.base_url and that the server runs, or use `--planner rules`")
        if isinstance(error, APIError):
            return ServiceError(f"{self.where} {_FAILED[0]} ({said})", hint=_FAILED[1])
        return ServiceError(f"{self.where} cannot be used ({said})",
                            hint="set OPENAI_API_KEY, or plan.base_url for a server of your own")

    def _public(self, words: str) -> str:
        """Return a server's words without the secrets that it was asked with."""
        parts = urlsplit(self._url)
        secrets = [os.environ.get("OPENAI_API_KEY", "").strip(), parts.username, parts.password, parts.query,
                   *(value for _, value in parse_qsl(parts.query))]
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            for spelled in {secret, unquote(secret)}:
                words = words.replace(spelled, "***")
        return words


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:                               # a date: rare, and the usual wait will do
        return None


def _is_too_long(refusal: RefusalError) -> bool:
    return refusal.status in {None, 400, 413, 422, 500} and bool(_TOO_LONG.search(refusal.words))


def _is_transient(error: BaseException | None) -> bool:
    if not isinstance(error, RefusalError) or _is_too_long(error):
        return False
    return error.status in _TRANSIENT and (error.retry_after_s or 0) <= MAX_WAIT_S


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, RefusalError) else None
    return FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1) if asked is None else asked
