"""The seam to a chat server: any that speaks OpenAI's protocol. Foreign errors become ours here, each with a hint."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from storyanim.config import PlanSettings
from storyanim.errors import ServiceError
from storyanim.planning.replies import BadReply, Form, Reply, strict_schema

if TYPE_CHECKING:
    from openai import OpenAI

Message = dict[str, str]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "prose")     # from the strictest down
RETRIES = 2                                          # of a request that met a busy or broken server
_REFUSES_FORM = frozenset({400, 404, 415, 422, 501})

# openai's exception → what it means, and what to do. tests/plan/test_chat_client.py fails when a class is missing here.
MEANINGS: dict[str, tuple[str, str]] = {
    "APITimeoutError": ("did not answer in time", "raise plan.timeout_s, or use a smaller model"),
    "APIConnectionError": ("cannot be reached", "check plan.base_url and that the server runs; `--planner rules` needs none"),
    "AuthenticationError": ("refuses the API key", "set OPENAI_API_KEY to a valid key"),
    "OAuthError": ("refuses the login", "renew the login, or set OPENAI_API_KEY to a valid key"),
    "SubjectTokenProviderError": ("cannot be logged in to", "check the identity provider, or set OPENAI_API_KEY"),
    "MutuallyExclusiveAuthError": ("is given two kinds of login at once", "keep OPENAI_API_KEY and unset the other"),
    "PermissionDeniedError": ("does not allow this", "check the key's rights and the region"),
    "NotFoundError": ("does not know the model or the address", "check plan.model and plan.base_url (it often ends in /v1)"),
    "RateLimitError": ("is out of quota or gets too many requests", "wait a little, or check the account's quota"),
    "BadRequestError": ("refuses the request", "check that plan.model is a chat model"),
    "ConflictError": ("reports a conflict", "try again"),
    "UnprocessableEntityError": ("refuses the request", "check that plan.model is a chat model"),
    "InternalServerError": ("has failed", "try again later, or use another server"),
    "APIStatusError": ("refuses the request", "see the server's log"),
    "APIResponseValidationError": ("answers in another protocol", "check plan.base_url: it must speak OpenAI's chat protocol"),
    "APIError": ("has failed", "try again later"),
    "LengthFinishReasonError": ("cut its answer off", "use a model with a longer answer"),
    "ContentFilterFinishReasonError": ("filtered its answer", "use another model for this story"),
    "WebSocketConnectionClosedError": ("closed the connection", "try again"),
    "WebSocketQueueFullError": ("is too slow", "try again"),
    "StreamAlreadyConsumed": ("broke off its answer", "try again"),
    "APIRemovedInV1": ("needs another version of the openai package", "install the package's own requirements again"),
    "_AmbiguousModuleClientUsageError": ("is set up in two ways", "unset OPENAI_API_TYPE"),
    "OpenAIError": ("cannot be used", "set OPENAI_API_KEY, or plan.base_url for a server of your own"),
}


class ChatClient:
    """Asks one model. The strictest form of reply that the server takes is found once and kept."""

    def __init__(self, settings: PlanSettings) -> None:
        self.settings = settings
        self.form: Form = FORMS[0]

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        base_url = self.settings.base_url or os.environ.get("OPENAI_BASE_URL") or None
        key = os.environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
        with mapped_errors(self.where):
            return OpenAI(api_key=key, base_url=base_url, timeout=self.settings.timeout_s, max_retries=RETRIES)

    @property
    def where(self) -> str:
        """The server and the model, for messages."""
        return f"the chat server {self.settings.base_url or 'of OpenAI'} (model {self.settings.model})"

    def ask(self, messages: Sequence[Message], wanted: type[Reply]) -> str:
        """The model's answer in words. Raises ServiceError; BadReply when there are no words to use."""
        from openai import APIStatusError

        forms = FORMS[FORMS.index(self.form):]
        for form in forms:
            try:
                content = self._ask_in(form, messages, wanted)
            except APIStatusError as error:
                if form == forms[-1] or not _is_about_form(error):
                    raise translated(error, self.where) from error
                continue
            self.form = form
            return content
        raise AssertionError("the last form either answers or raises")

    def _ask_in(self, form: Form, messages: Sequence[Message], wanted: type[Reply]) -> str:
        from openai import APIStatusError

        options: dict[str, Any] = {}
        if form == "json_schema":
            schema = {"name": wanted.__name__, "schema": strict_schema(wanted), "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form == "json_object":
            options["response_format"] = {"type": "json_object"}
        client = self._client
        with mapped_errors(self.where, let_pass=APIStatusError):
            answer = client.chat.completions.create(model=self.settings.model, messages=cast(Any, list(messages)), **options)
        return self._words_of(answer)

    def _words_of(self, answer: Any) -> str:
        choices = getattr(answer, "choices", None)
        if not isinstance(choices, list):
            raise ServiceError(f"{self.where} answers in another protocol", hint=MEANINGS["APIResponseValidationError"][1])
        if not choices or choices[0].message is None:
            raise BadReply("- the reply is empty")
        message, reason = choices[0].message, choices[0].finish_reason
        refusal = getattr(message, "refusal", None)
        content = message.content or getattr(message, "reasoning_content", None) or ""
        if refusal and not message.content:
            raise BadReply(f"- the reply is a refusal: {refusal}")
        if reason == "content_filter":
            raise ServiceError(f"{self.where} filtered its answer", hint=MEANINGS["ContentFilterFinishReasonError"][1])
        if not str(content).strip():
            raise BadReply("- the reply was cut off before it began" if reason == "length" else "- the reply is empty")
        return str(content)


def _is_about_form(error: Any) -> bool:
    """Whether a refusal may be about the form of reply, so that a looser one may be taken."""
    text = str(error.message).lower()
    missing_model = error.status_code == 404 and "model" in text and "response_format" not in text
    return error.status_code in _REFUSES_FORM and not missing_model


@contextmanager
def mapped_errors(where: str, let_pass: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """openai's errors as ServiceError, except those of `let_pass`."""
    from openai import OpenAIError

    try:
        yield
    except OpenAIError as error:
        if let_pass and isinstance(error, let_pass):
            raise
        raise translated(error, where) from error
    except ValueError as error:                      # a body that is no JSON
        if isinstance(error, BadReply):
            raise
        raise ServiceError(f"{where} answers in another protocol", hint=MEANINGS["APIResponseValidationError"][1]) from error


def translated(error: Exception, where: str) -> ServiceError:
    """An error of openai as ours."""
    meaning, hint = next(MEANINGS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in MEANINGS)
    said = " ".join(str(getattr(error, "message", "") or error).split())[:200]
    status = getattr(error, "status_code", None)
    detail = f" ({status}: {said})" if status else f" ({said})" if said else ""
    return ServiceError(f"{where} {meaning}{detail}", hint=hint)
