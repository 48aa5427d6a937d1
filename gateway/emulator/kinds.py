"""The catalogue of faults: every kind by readable name, its id in the taxonomy, and where it applies.

T transport, H vendor's own failure, R rate and quota, A access, M model, C contract, S stream, Q quality. A plain reply
has the analogues of S under the same ids.
"""

from typing import Literal, NamedTuple

from gateway.emulator.call import ANSWERING, Call

Mode = Literal["both", "plain", "stream"]
Need = Literal["any", "answer", "tool_call"]


class Kind(NamedTuple):
    """`needs`: any request, one that asks for words, or one that will be answered with a tool call."""

    name: str
    id: str
    summary: str
    mode: Mode = "both"
    needs: Need = "any"

    def applies(self, call: Call) -> bool:
        if self.mode != "both" and call.stream != (self.mode == "stream"):
            return False
        return self.needs == "any" or (call.calls_tool if self.needs == "tool_call" else call.endpoint in ANSWERING)


KINDS = (
    Kind("blackhole", "T2", "takes the request and never answers"),
    Kind("accept_then_close", "T2", "accepts a new connection and closes it; open ones live on"),
    Kind("reset_before_headers", "T3", "RST after the request"),
    Kind("close_before_headers", "T3", "FIN after the request, without a byte"),
    Kind("trickle_headers", "T4", "the head comes one byte at a time, delay_s apart (0.05)"),
    Kind("trickle_body", "T4", "the body comes one byte at a time, delay_s apart (0.05)"),
    Kind("edge_html", "T5", "an HTML page of the edge: status (502)"),
    Kind("edge_json", "T5", "an edge error in JSON: cf_bad_gateway 502, cf_service_unavailable for status 503"),
    Kind("edge_bare", "T5", "a status without a body: status (530)"),
    Kind("html_200", "T5", "200 and an HTML page"),
    Kind("foreign_429", "T6", "429 in nobody's dialect"),
    Kind("internal_error", "H1", "500 server_error"),
    Kind("overloaded", "H2", "503 server_is_overloaded"),
    Kind("overloaded_529", "H2", "529 overloaded_error"),
    Kind("high_demand", "H2", "429 that is a lack of capacity, not of quota"),
    Kind("provider_timeout", "H3", "the vendor's own timeout: status (504, or 408)"),
    Kind("model_warming", "H4", "429 model_not_ready"),
    Kind("model_error", "H5", "424 model_error"),
    Kind("rate_limit_requests", "R1", "429 rate_limit_exceeded on requests, with retry-after (1 s)"),
    Kind("slow_down", "R1", "429 slow_down, with retry-after (1 s)"),
    Kind("rate_limit_tokens", "R2", "429 rate_limit_exceeded on tokens, with retry-after (1 s)"),
    Kind("daily_quota", "R3", "429 quota_exceeded until the day is over"),
    Kind("insufficient_quota", "R4", "429 insufficient_quota, no retry-after"),
    Kind("credit_balance_exhausted", "R4", "429 insufficient_quota, that code"),
    Kind("project_spend_limit_exceeded", "R4", "429 insufficient_quota, that code"),
    Kind("organization_spend_limit_exceeded", "R4", "429 insufficient_quota, that code"),
    Kind("billing_not_active", "R4", "429 insufficient_quota, that code"),
    Kind("ramp_limit", "R5", "429 ramp_limit_exceeded, with retry-after (10 s)"),
    Kind("shared_pool_squeeze", "R6", "429 while the stated token limit has shrunk"),
    Kind("long_retry_after", "R7", "429 with retry-after of hours (6 h)"),
    Kind("invalid_api_key", "A1", "401 invalid_api_key"),
    Kind("auth_outage", "A2", "401 for keys that are valid"),
    Kind("auth_stall", "A2", "silence for delay_s (30), then success"),
    Kind("permission_denied", "A3", "403, no access to the model"),
    Kind("region_blocked", "A4", "403 unsupported_country_region_territory"),
    Kind("organization_disabled", "A5", "403 organization_on_hold"),
    Kind("key_store_unreachable", "A6", "403 cmek_key_unreachable"),
    Kind("model_retired", "M1", "404 model_not_found, it has been deprecated"),
    Kind("model_withdrawn", "M2", "404 model_not_found, it is no longer available"),
    Kind("model_substituted", "M3", "200 from other_model (the model's name and -mini)", needs="answer"),
    Kind("usage_inflated", "M4", "the same words, usage times factor (1.4)", needs="answer"),
    Kind("provider_400", "C1", "400 for a good request"),
    Kind("unsupported_parameter", "C2", "400 unsupported_parameter"),
    Kind("slow_first_token", "S1", "the head, then nothing for delay_s (30)", "stream", "answer"),
    Kind("slow_first_token_after_role", "S1", "head and role, then nothing for delay_s (30)", "stream", "answer"),
    Kind("slow_first_token_with_pings", "S1", "only pings for delay_s (30)", "stream", "answer"),
    Kind("stall", "S2", "silence for ever after after_tokens", "stream", "answer"),
    Kind("stall_then_resume", "S2", "silence for delay_s (30) after after_tokens, then the rest", "stream", "answer"),
    Kind("stall_in_body", "S2", "half the body, then silence for ever", "plain"),
    Kind("cut_reset", "S3", "RST after after_tokens", "stream", "answer"),
    Kind("cut_eof", "S3", "FIN inside the chunked body after after_tokens", "stream", "answer"),
    Kind("reset_in_body", "S3", "half the body, then RST", "plain"),
    Kind("short_body", "S3", "half of the promised length, then FIN", "plain"),
    Kind("ended_silently", "S4", "a clean end after after_tokens: no finish, no [DONE]", "stream", "answer"),
    Kind("ended_without_done", "S4", "a finish, no [DONE]", "stream", "answer"),
    Kind("done_without_finish", "S4", "[DONE] after after_tokens, no finish", "stream", "answer"),
    Kind("cut_json", "S4", "half of the JSON, with a length that is right", "plain"),
    Kind("error_event", "S5", "an error event after after_tokens", "stream", "answer"),
    Kind("error_event_first", "S5", "an error event before any token", "stream", "answer"),
    Kind("typed_error_event", "S5", "`event: error` after after_tokens", "stream", "answer"),
    Kind("error_200", "S5", "200 and an error body"),
    Kind("broken_json", "S6", "an event of broken JSON after after_tokens", "stream", "answer"),
    Kind("invalid_utf8", "S6", "an event of invalid UTF-8 after after_tokens", "stream", "answer"),
    Kind("missing_data_prefix", "S6", "an event without `data:` after after_tokens", "stream", "answer"),
    Kind("content_after_finish", "S6", "the finish comes after after_tokens, the rest follows it", "stream", "answer"),
    Kind("duplicate_tool_index", "S6", "two tool calls under one index", "stream", "tool_call"),
    Kind("wrong_content_type", "S6", "the right body as text/plain"),
    Kind("empty_body", "S6", "200 and nothing"),
    Kind("no_choices", "S6", "200 and an empty list of choices", "plain", "answer"),
    Kind("corrupt_gzip", "S6", "content-encoding gzip, and the data damaged", "plain"),
    Kind("tool_arguments_cut", "S7", "half of the tool's arguments", needs="tool_call"),
    Kind("tool_arguments_invalid", "S7", "tool arguments that are not JSON", needs="tool_call"),
    Kind("unknown_tool", "S7", "a call of a tool that was not offered", needs="tool_call"),
    Kind("tool_calls_missing", "S7", "finish_reason tool_calls without a call", needs="answer"),
    Kind("slow_drip", "S8", "one token every delay_s (1)", "stream", "answer"),
    Kind("whitespace_drip", "S8", "white space every delay_s (1), for ever", "plain"),
    Kind("empty_content", "Q1", "200, finished, no words", needs="answer"),
    Kind("content_filter", "Q1", "200, no words, finish_reason content_filter", needs="answer"),
    Kind("garbled", "Q2", "the words are garbled", needs="answer"),
    Kind("filter_bypassed", "Q3", "unfiltered words, marked content_filter_error", needs="answer"),
)

_BY_NAME = {name: tuple([kind for kind in KINDS if name in kind[:2]]) for row in KINDS for name in row[:2]}


def family(name: str) -> tuple[Kind, ...]:
    """The kinds of a readable name (one) or of a taxonomy id (its variants, the first that applies is meant); or ()."""
    return _BY_NAME.get(name, ())
