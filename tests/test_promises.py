"""What README and docs promise, sentence by sentence, and the test that holds each.

A promise without a test is taken back or gets one: sentences with one of :data:`WORDS` must stand
in the table.
"""

from __future__ import annotations

import ast
import base64
import json
import re
import signal
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.config import load_config
from grokcore.protocol.grok_web.refusals import refusal_of_response
from grokcore.protocol.models import WebLane
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.assets import jpeg
from grokcore.simulator.scripts import Script, drawing, error
from tests.server_process import started
from tests.servers import Site, chat, free_port, on_site
from tests.web.media_site import run_on_media_site

ROOT = Path(__file__).parent.parent
NO_PROMISES = {"CONTRIBUTING.md"}
"""Rules for those who write here."""

TEXTS = [
    "README.md",
    *sorted(
        f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name not in NO_PROMISES
    ),
]
WORDS = re.compile(r"\b(?:never|always|unchanged)\b", re.IGNORECASE)


@frozen
class Promise:
    """A piece of a sentence as it stands in a text, and the tests that hold it (``file::test``,
    below ``tests/``).
    """

    text: str
    words: str
    tests: tuple[str, ...]


def promise(text: str, words: str, *tests: str) -> Promise:
    return Promise(text, words, tests)


HERE = "test_promises.py"
README, REFERENCE, OPERATIONS, DRIFT, OFFICIAL = (
    "README.md",
    "docs/reference.md",
    "docs/operations.md",
    "docs/drift.md",
    "docs/official-lanes.md",
)

PROMISES = [
    # Official lanes
    promise(OFFICIAL, "by default they never go there", "runtime/lanes/official/test_offer.py::test_all_models_for_text_are_offered_by_name_and_alias"),
    promise(OFFICIAL, "An answer under way is never cut by it", "runtime/completion/test_lending.py::test_at_the_cap_exactly_as_many_answer_as_it_pays_for", "protocol/pool/test_spending.py::test_at_the_cap_nothing_begins_and_below_it_one_does"),
    promise(OFFICIAL, "never written, locked or renewed", "runtime/lanes/official/test_cli_sessions.py::test_the_file_is_only_read"),
    promise(OFFICIAL, "It is never invented, and the `User-Agent` is this server's own", "protocol/official/test_headers.py::test_nothing_unknown_is_made_up", "protocol/official/test_headers.py::test_a_request_with_a_key_has_four_headers"),
    promise(OFFICIAL, "It is never sent to an official host", "test_credentials_apart.py::test_no_host_sees_a_credential_of_another"),
    promise(OFFICIAL, "never the credential, a question or an answer", "test_secrets.py::test_of_an_official_credential_nothing_is_found"),
    promise("docs/troubleshooting.md", "**The lane is never asked.**", "runtime/completion/test_lending.py::test_the_lane_is_the_owners_choice_among_those_that_can_answer"),
    # Starting, stopping, changing
    promise(README, "[config.example.toml](config.example.toml) has every setting", "test_docs.py::test_the_example_configuration_names_every_setting", "test_docs.py::test_the_example_configuration_is_the_default_one"),
    promise("docs/migration.md", "The files of the Python generations also work [unchanged]", f"{HERE}::test_files_of_the_original_work_unchanged"),
    promise(README, "A `setting.toml` and a `token.json` of the original grok2api work unchanged", f"{HERE}::test_files_of_the_original_work_unchanged", "test_cli_processes.py::test_the_files_of_the_original_project_are_found_and_left_alone"),
    promise(REFERENCE, "No answer is generated, nothing is written, and a running server is not disturbed", "test_check_runs.py::test_a_running_server_is_not_disturbed", "test_check_runs.py::test_a_run_tells_what_is_and_what_to_do"),
    promise(REFERENCE, "Nobody but your proxies and the hosts in `base_url` and `assets_url` is asked", "test_check_runs.py::test_who_asks_is_the_browser_and_nobody_s_session"),
    promise(REFERENCE, "A second signal ends at once", "web/test_shutdown.py::test_a_second_signal_ends_the_process_at_once"),
    promise(REFERENCE, "one line names file and key", "test_cli.py::test_a_start_that_can_not_be_is_one_line_with_file_and_key_and_exit_78", "test_config.py::test_a_fault_is_one_line_that_names_the_key"),
    promise(REFERENCE, "within a second or two (at once on SIGHUP) the log has one line with what changed", "test_reload_when.py::test_a_change_is_taken_over_within_a_second_and_by_a_signal_at_once", "test_reload_settings.py::test_a_changed_setting_is_in_force_at_once_and_one_line_says_from_what_to_what"),
    promise(REFERENCE, "A file with a fault changes nothing", "test_reload_settings.py::test_a_configuration_that_is_not_right_changes_nothing_and_is_told_of_until_it_is_mended", "test_reload_tokens.py::test_a_token_file_that_is_not_right_changes_nothing_and_is_told_of_until_it_is_mended"),
    promise(REFERENCE, "Answers under way finish with the token and the settings they began with", "test_reload_settings.py::test_a_completion_that_has_begun_keeps_its_settings", "test_reload_when.py::test_a_stream_finishes_with_its_token_after_that_was_taken_out"),
    promise("docs/systemd.md", "`systemctl start` returns when the port answers, or fails if it never will", "test_systemd.py::test_a_server_tells_systemd_of_its_whole_life", "test_systemd.py::test_a_server_that_gets_a_wrong_socket_says_so_in_one_line_and_exits_with_78"),
    # Secrets and strangers
    promise(README, "switch it off (in the state, never in your file)", "runtime/pool/test_owner_actions.py::test_what_was_switched_off_is_off_after_a_restart_until_it_is_switched_on", f"{HERE}::test_the_server_writes_neither_of_the_user_s_files"),
    promise(README, "One line for each request, as text or JSON, never a prompt, an answer or a secret", "web/observing/test_request_log.py::test_each_request_has_one_line", "test_secrets.py::test_of_a_token_nothing_is_found_in_logs_answers_headers_or_state"),
    promise(OPERATIONS, "**Never in the log**, at any level", "web/observing/test_request_log.py::test_each_request_has_one_line", "test_secrets.py::test_of_a_token_nothing_is_found_in_logs_answers_headers_or_state", "test_secrets.py::test_nor_when_a_bug_is_logged_with_its_traceback"),
    promise(REFERENCE, "it sees nothing of your tokens", "web/answers/test_key_limits.py::test_a_guest_sees_nothing_of_the_tokens"),
    promise(REFERENCE, "Without a key, a page of another origin can have nothing done", "web/edge/test_doors.py::test_without_a_key_no_foreign_page_has_anything_done"),
    promise(REFERENCE, "a token itself is never shown", "test_secrets.py::test_nor_in_what_the_commands_print", "test_token_listing.py::test_the_table_has_all_that_is_known_and_no_secret"),
    promise(REFERENCE, "**The server never writes this file**", f"{HERE}::test_the_server_writes_neither_of_the_user_s_files"),
    promise(REFERENCE, "since nobody can guess the name", "web/test_media.py::test_only_names_that_were_given_out_lead_to_a_file", "runtime/disk/test_media_cache.py::test_a_name_that_was_not_given_out_is_never_looked_for"),
    promise(DRIFT, "Names only, never a value", "runtime/completion/test_drift.py::test_an_unknown_key_is_told_once_by_its_name"),
    promise(DRIFT, "(names of unknown keys, never values)", "runtime/completion/test_drift.py::test_an_unknown_key_is_told_once_by_its_name"),
    promise(DRIFT, "32 MB and 100 answers in all", "runtime/transport/test_recording.py::test_a_disk_that_hangs_holds_nobody_up", "runtime/transport/test_recording.py::test_only_so_many_are_recorded_at_once"),
    promise(DRIFT, "Texts become rows of `x` of the same length", "protocol/recording/test_redact.py::test_tokens_are_masked_as_one_text_wherever_they_are_cut", "protocol/recording/test_redact.py::test_a_redacted_stream_is_decoded_to_the_same_events"),
    promise(DRIFT, "What is personal never reaches the disk", "protocol/recording/test_redact.py::test_wherever_something_personal_stands_it_goes", "protocol/recording/test_redact.py::test_no_piece_of_a_text_stays", "protocol/recording/test_frames.py::test_wherever_something_personal_stands_it_goes", "runtime/transport/test_recorded_socket.py::test_a_record_can_be_passed_on", "test_cli_processes.py::test_an_answer_is_recorded_without_what_is_personal_and_replayed"),
    promise(OPERATIONS, "Nothing else is contacted", "runtime/lanes/grok_web/test_asset_places.py::test_other_places_are_not_asked", "runtime/attachments/test_fetch.py::test_a_name_that_leads_anywhere_else_than_to_the_public_is_not_asked", "runtime/transport/test_curl.py::test_the_environment_s_proxies_are_not_used"),
    # Tokens
    promise(REFERENCE, "keep what they don't know", "protocol/token_file/test_editing.py::test_values_of_other_programs_are_kept"),
    promise(REFERENCE, "up to three attempts in all, and keeps its place in the queue", "protocol/pool/test_attempts.py::test_upstream_sees_a_bounded_number_of_calls", "runtime/completion/test_failures.py::test_a_failure_is_tried_again_only_where_that_helps_and_blames_only_the_guilty"),
    promise(REFERENCE, "Only what is the token's own fault counts against it", "test_errors.py::test_only_a_tokens_own_failures_count_against_it"),
    promise(REFERENCE, "refused again at least a minute later, the token is *invalid*", "protocol/pool/test_outcomes.py::test_a_token_is_invalid_after_two_refusals_a_minute_apart_and_never_after_one"),
    promise(REFERENCE, "one question of openai-python, the AI SDK or aider asks an overloaded Grok at most 4, 4 and 8 times in its first 15 s", "web/answers/test_client_retries.py::test_one_question_asks_an_overloaded_grok_a_few_times_in_its_first_seconds"),
    promise(REFERENCE, "Parts of other dialects are understood, and an unusable part of an earlier turn never fails a request", "protocol/dialects/test_parts.py::test_a_part_of_history_never_fails"),
    promise("docs/troubleshooting.md", "A fault names the flag, the variable or the file, the key, line and column, and never the value", "test_config.py::test_a_fault_is_one_line_that_names_the_key", "test_setting_texts.py::test_what_may_be_a_secret_is_not"),
    promise(REFERENCE, "Lost connections, overload and empty answers rest no token", "protocol/pool/test_choice.py::test_what_the_request_or_the_address_is_to_blame_for_makes_no_token_suspect", "runtime/completion/test_failures.py::test_a_failure_is_tried_again_only_where_that_helps_and_blames_only_the_guilty"),
    promise(REFERENCE, "A challenge page pauses the address it came through (5 s, doubling to 5 min)", "protocol/pool/test_outcomes.py::test_one_egress_pauses_longer_and_longer_up_to_five_minutes"),
    promise(REFERENCE, "at most once in 30 s for each token and group of models, never by the clock alone", "protocol/pool/test_polls.py::test_asks_of_one_token_and_group_are_half_a_minute_apart", "runtime/lanes/grok_web/test_quota_polling.py::test_an_idle_server_asks_nothing_for_days"),
    promise(REFERENCE, "never twice with a token that was itself refused, over a fresh connection when one broke", "protocol/pool/test_attempts.py::test_what_may_follow_a_failure", "runtime/completion/test_failures.py::test_a_failure_is_tried_again_only_where_that_helps_and_blames_only_the_guilty"),
    promise(REFERENCE, "a second after it changed, however many tokens there are, and survives a crash at any moment", "held/test_kills.py::test_a_server_killed_at_any_moment_keeps_its_state", "runtime/disk/test_state_keeper.py::test_writes_begin_at_their_exact_times"),
    promise(REFERENCE, "It holds no token", "test_secrets.py::test_of_a_token_nothing_is_found_in_logs_answers_headers_or_state", "protocol/pool/test_records.py::test_a_record_says_when_it_was_made_and_of_whom_without_a_secret"),
    promise(REFERENCE, "If it can't be written, the server runs all the same and says so", "runtime/disk/test_state_keeper.py::test_a_failed_write_fails_nobody", "runtime/disk/test_held_folder.py::test_a_folder_that_is_of_no_use_stops_nobody"),
    promise(REFERENCE, "One server at a time may use a data directory", "test_crash.py::test_a_second_server_on_the_same_data_directory_does_not_start"),
    # Questions and answers
    promise(REFERENCE, "All of them also without `/v1` and with a trailing slash", f"{HERE}::test_every_route_is_at_every_spelling_of_its_path", "web/edge/test_spellings.py::test_a_chat_is_at_every_spelling_of_its_path"),
    promise(REFERENCE, "they never fail, and the response header `x-grok2api-ignored` names them", "web/answers/test_chat_completions.py::test_a_stream_is_only_sent_when_asked_for_and_what_has_no_effect_is_named", "protocol/dialects/openai_chat/test_request.py::test_what_has_no_effect_is_named"),
    promise(REFERENCE, "`x-request-id` is on every response", "web/edge/test_request_ids.py::test_every_answer_has_the_request_id_once"),
    promise(OPERATIONS, "Every response has `x-request-id`", "web/edge/test_request_ids.py::test_every_answer_has_the_request_id_once"),
    promise(OPERATIONS, "answers 200 whatever becomes of the tokens", "web/edge/test_keys.py::test_health_is_open_and_tells_no_secrets", "web/answers/test_chat_completions.py::test_health_tells_a_pool_that_rests_from_one_that_is_empty"),
    promise(REFERENCE, "What a file is, its first bytes say, whatever the client calls it", "protocol/conversation/test_media.py::test_a_file_is_what_its_content_says", "web/answers/test_attachments.py::test_pictures_and_files_go_up_with_the_token_that_answers"),
    promise(REFERENCE, "At most 20 of them, 20 MB each, 64 MB together", "web/answers/test_attachments.py::test_more_than_64_mb_together_are_refused", "web/answers/test_attachments.py::test_what_can_t_be_passed_on_is_refused_by_its_place"),
    promise(REFERENCE, "there is never an answer without the picture", f"{HERE}::test_there_is_no_answer_without_the_picture", "web/answers/test_attachments.py::test_a_failing_upload_fails_the_request"),
    promise(REFERENCE, "so it asks hosts on the public internet only", "runtime/attachments/test_fetch.py::test_no_way_of_writing_loopback_reaches_it", "protocol/urls/test_public_addresses.py::test_nothing_else_is"),
    promise(REFERENCE, "It is never cut", "protocol/grok_web/test_prompt.py::test_a_long_conversation_is_never_cut", "web/answers/test_attachments.py::test_a_long_conversation_goes_up_as_a_file"),
    promise(REFERENCE, "no clock runs while your client is slow", "web/answers/test_event_stream.py::test_no_clock_runs_while_the_client_is_slow", "runtime/completion/test_clocks.py::test_no_clock_counts_the_time_a_slow_client_takes"),
    promise(REFERENCE, "an interrupted answer never looks complete", "protocol/dialects/openai_chat/test_writers.py::test_an_answer_that_breaks_off_never_looks_complete", "protocol/grok_web/test_decoder.py::test_a_stream_cut_off_anywhere_never_looks_complete", "web/answers/test_chat_completions.py::test_an_answer_that_breaks_off_is_an_exception_in_the_sdk_not_an_end"),
    promise(REFERENCE, "Every row can be changed and new ones added", "web/answers/test_chat_completions.py::test_models_can_be_changed_and_added", "test_config_models.py::test_a_row_changes_just_what_it_names"),
    promise(REFERENCE, "The order is the same on each call, and the list does not change with the hour", "protocol/test_model_order.py::test_no_model_is_lost_and_the_order_is_the_same_each_time", "protocol/pool/test_serving.py::test_a_list_does_not_depend_on_what_an_hour_changes", "web/test_model_list.py::test_a_used_up_token_still_serves"),
    promise(REFERENCE, "If no token is left, all models are listed", "web/test_model_list.py::test_without_a_token_everything_is_listed_and_says_so", "protocol/pool/test_serving.py::test_with_dead_tokens_only_everything_is_listed"),
    promise(REFERENCE, "and `python3 grok2api.py models` have the models that your tokens may use", "web/test_model_list.py::test_the_list_has_what_the_tokens_may_use_best_first", "test_cli_models.py::test_models_agrees_with_the_server"),
    promise(REFERENCE, "A mode that it refuses an account is not tried with it", "protocol/pool/test_modes.py::test_a_mode_that_an_account_may_not_use_is_not_tried_with_it", "runtime/lanes/grok_socket/test_lane.py::test_a_mode_is_not_tried_with_an_account_that_may_not_use_it"),
    promise(REFERENCE, "no question fails for it, and the token does not suffer", "runtime/lanes/grok_socket/test_lane.py::test_modes_that_grok_does_not_tell_cost_nothing", "web/test_model_list.py::test_a_refused_question_for_the_modes_changes_no_list"),
    promise("docs/troubleshooting.md", "Grok's 403 never reaches your client as a 403", f"{HERE}::test_a_403_of_grok_s_is_none_for_the_client"),
    promise("docs/troubleshooting.md", 'Every error is `{"error": {"message", "type", "param", "code"}}`', "test_errors.py::test_a_failure_looks_like_this", "web/test_openapi_answers.py::test_every_operation_refuses_as_described"),
    # Tools and the three APIs
    promise(REFERENCE, "Items and tools that are not known here are dropped and named, not refused", "protocol/dialects/openai_responses/test_request.py::test_what_has_no_effect_is_named_and_never_refused", "protocol/dialects/openai_responses/test_input_items.py::test_any_items_are_read_or_refused"),
    promise(REFERENCE, "Outcomes may come in any order, missing and unknown ids are no fault", "protocol/dialects/anthropic_messages/test_request.py::test_history_is_never_refused"),
    promise(REFERENCE, "is shown to Grok once a `tool_reference` names it", "protocol/dialects/anthropic_messages/test_kit.py::test_a_deferred_tool_waits_until_it_is_known"),
    promise(REFERENCE, "What of a call can't be read goes out neither as a call nor as text", "protocol/emulation/test_calls.py::test_an_answer_is_understood", "protocol/emulation/test_sieve.py::test_nothing_of_a_text_is_lost"),
    promise(REFERENCE, "Grok is asked once to correct it, then the answer is `tool_call_failed`", "runtime/completion/test_repair.py::test_an_answer_is_corrected_by_one_more_question", "runtime/completion/test_repair.py::test_a_correction_with_faults_is_the_last"),
    promise(REFERENCE, "A value that was cut off is not mended", "protocol/json_values/test_loose_json.py::test_a_cut_value_is_refused_or_a_beginning", "protocol/emulation/test_calls.py::test_a_fault_says_what_is_wrong_without_the_call"),
    promise(REFERENCE, '`"5"` for an integer becomes 5', "protocol/emulation/test_values.py::test_a_text_becomes_the_declared_type"),
    promise(REFERENCE, "If they break the schema, your client gets them as they are", "protocol/emulation/test_calls.py::test_arguments_that_break_the_schema_go_to_the_client", "protocol/emulation/test_calls.py::test_a_forced_call_fits_its_schema"),
    promise(REFERENCE, "The elements have a prefix that occurs nowhere in the request", "protocol/emulation/test_forms.py::test_the_prefix_begins_no_tag_in_the_request", "protocol/grok_web/test_tool_prompt.py::test_a_quoted_call_takes_the_prefix"),
    promise(REFERENCE, "At most 128 calls of 1 MiB in an answer", "protocol/emulation/test_sieve.py::test_an_answer_has_a_most_number_of_calls", "protocol/emulation/test_sieve.py::test_a_call_has_a_longest_length"),
    promise(REFERENCE, "the text ends before the first of the sequences", "protocol/emulation/test_bounded.py::test_an_answer_ends_at_its_bounds", "protocol/emulation/test_bounded.py::test_any_answer_is_cut_where_its_whole_text_says"),
    promise(REFERENCE, "they begin together or fail together", "web/answers/test_choices.py::test_a_choice_that_does_not_start_fails_all"),
    promise(REFERENCE, "in memory only, up to `responses_mb` in all and for `responses_hours`, the oldest go first", "protocol/dialects/openai_responses/test_store.py::test_responses_expire", "protocol/dialects/openai_responses/test_store.py::test_the_oldest_go_first_when_there_are_too_many_bytes"),
    promise(REFERENCE, "Each API key sees its own", "protocol/dialects/openai_responses/test_store.py::test_a_key_finds_its_own_responses_and_items_only"),
    promise(REFERENCE, "What no repeat can mend is a 400 with its own code", "protocol/dialects/openai_responses/test_failures.py::test_a_failure_that_no_repeat_can_mend_is_a_400", "web/answers/test_responses.py::test_a_refusal_of_groks_is_a_400_and_asked_once"),
    promise(REFERENCE, "has the code `invalid_prompt`, at which Codex gives up, and our code begins its message", "protocol/dialects/openai_responses/test_failures.py::test_within_a_stream_the_codes_tell_clients_whether_to_repeat"),
    promise(REFERENCE, "| moderated | 200 with `stop_reason` `refusal` |", "web/answers/test_messages.py::test_what_moderation_blocked_is_a_refusal"),
    promise(REFERENCE, "names of settings and states, JSON for programs and the log are English and never change", "test_speech.py::test_reports_for_programs_stay_english", "web/test_languages.py::test_only_the_message_of_an_error_changes", "web/test_languages.py::test_states_and_names_of_a_report_never_change", "web/test_languages.py::test_the_owner_s_copy_of_an_error_stays_english"),
    # Pictures
    promise(REFERENCE, "(`gpt-image-*`, `dall-e-*`, `grok-imagine-image*` …) are taken as that one", "protocol/dialects/openai_images/test_request.py::test_image_models_go_by_many_names", "web/answers/test_images.py::test_the_sdk_s_generations_take_every_parameter"),
    promise(REFERENCE, "Both routes take JSON or a form", "web/answers/test_images.py::test_no_field_of_a_form_is_passed_over_or_ends_in_a_fault_of_ours"),
    promise(REFERENCE, "A picture in the request is edited, whichever route it comes by", "protocol/dialects/openai_images/test_request.py::test_a_picture_is_used_whatever_its_field_is_called", "web/answers/test_images.py::test_the_sdk_s_generations_take_every_parameter"),
    promise(REFERENCE, "in `image`, `images`, `image[]`, `image_1` and their like, in their order", "protocol/dialects/openai_images/test_request.py::test_pictures_keep_their_order", "web/answers/test_images.py::test_the_sdk_s_edits_keep_all_pictures_in_their_order"),
    promise(REFERENCE, "A field is used, refused by its name, or named in `x-grok2api-ignored`", "protocol/dialects/openai_images/test_request.py::test_whatever_comes_is_taken_named_or_refused", "web/answers/test_images.py::test_no_field_of_a_form_is_passed_over_or_ends_in_a_fault_of_ours"),
    promise(REFERENCE, "an empty one is absent", "protocol/dialects/openai_images/test_request.py::test_an_empty_value_is_an_absent_one"),
    promise(REFERENCE, 'Fewer pictures than asked for are an error, unless the request has `"partial_ok": true`', "web/answers/test_images.py::test_no_picture_is_an_error_that_says_why", "web/answers/test_images.py::test_fewer_pictures_are_an_answer_if_the_client_says_so"),
    promise(REFERENCE, "moderated ones are never shown", "web/answers/test_images.py::test_no_picture_is_an_error_that_says_why", "web/answers/test_attachments.py::test_a_moderated_video_is_not_shown"),
    promise(REFERENCE, "with the token and the proxy that made them", "web/test_delivery_end_to_end.py::test_the_picture_is_fetched_with_the_token_and_the_way_that_made_it"),
    promise(REFERENCE, "A picture in a chat is such a link, and leads to Grok's own address", "web/test_delivery_end_to_end.py::test_pictures_can_be_shown_without_any_setting", "protocol/dialects/test_media_markup.py::test_a_kept_picture_is_shown_and_leads_to_grok"),
    promise(REFERENCE, "Without a data directory that can be written it is as `url`", "web/test_delivery_end_to_end.py::test_pictures_can_be_shown_without_any_setting"),
    promise(REFERENCE, "What can't be fetched keeps Grok's address, and the log says why", "web/test_delivery.py::test_an_answer_is_not_lost_over_its_picture"),
    promise(REFERENCE, "Answers wait for their pictures, with heartbeats and without clocks", "web/test_delivery_in_streams.py::test_while_a_picture_is_fetched_heartbeats_go_out_and_no_clock_runs"),
]  # fmt: skip

ADVICE = [
    # To the reader, about what to leave out of a report.
    "Never the token file, cookies, `x-statsig-id` or your configuration.",
]


@cache
def flat(text: str) -> str:
    """A text in one line, without its blocks of code."""
    whole = (ROOT / text).read_text("utf-8")
    return " ".join(whole.split())


def sentences(text: str) -> list[str]:
    """The sentences of a text, roughly; blocks of code are none."""
    whole = re.sub(
        r"^```.*?^```", "", (ROOT / text).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    blocks = re.split(r"\n\s*\n|\n(?=[*#|])", whole)
    return [
        found for block in blocks for found in re.split(r"(?<=[.!?:;])\s+", " ".join(block.split()))
    ]


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    functions = (
        node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("case", PROMISES, ids=lambda case: case.words[:60])
def test_each_promise_stands_where_it_is_said_to_and_is_held(case: Promise) -> None:
    """A sentence that is reworded is looked at anew; a test that is renamed is not lost."""
    assert case.words in flat(case.text)
    for name in case.tests:
        file, _, test = name.partition("::")
        assert test in names_in(file), name


@pytest.mark.parametrize("text", TEXTS)
def test_a_sentence_that_promises_is_in_the_table(text: str) -> None:
    """Whoever writes another "never" says which test holds it."""
    known = [case.words for case in PROMISES if case.text == text]
    loose = [
        found
        for found in filter(WORDS.search, sentences(text))
        if found not in ADVICE
        and not any(words in found or found.rstrip(".:;") in words for words in known)
    ]
    assert loose == []


# Promises that nothing else holds ---------------------------------------------------------------

SETTING = """
[grok]
api_key = "sk-mine"
proxy_url = ""
proxy_pool_url = ""
proxy_pool_interval = 300
cache_proxy_url = ""
cf_clearance = ""
x_statsig_id = "ZTpUeXBlRXJyb3I6IENhbm5vdCByZWFkIHByb3BlcnRpZXMgb2YgdW5kZWZpbmVkIChyZWFkaW5nICdjaGlsZE5vZGVzJyk="
dynamic_statsig = true
filtered_tags = "xaiartifact,xai:tool_usage_card,grok:render"
stream_chunk_timeout = 120
stream_total_timeout = 600
stream_first_response_timeout = 30
temporary = true
show_thinking = true
retry_status_codes = [401, 429]

[global]
base_url = "http://me.example.com:8000"
log_level = "INFO"
image_mode = "url"
admin_username = "admin"
admin_password = "admin"
image_cache_max_size_mb = 512
video_cache_max_size_mb = 1024
max_upload_concurrency = 20
max_request_concurrency = 100
batch_save_interval = 1.0
batch_save_threshold = 10
"""
COUNTED = {
    "createdTime": 1763680000000,
    "remainingQueries": 74,
    "heavyremainingQueries": -1,
    "status": "active",
    "failedCount": 2,
    "lastFailureTime": 1763680001000,
    "lastFailureReason": "429",
    "tags": ["mine"],
    "note": "the first",
}
TOKEN_FILES: list[dict[str, Any]] = [
    {
        "sso": {"sso-a": {"remainingQueries": -1, "heavyremainingQueries": -1}},
        "ssoSuper": {"sso-b": COUNTED},
    },
    {"ssoNormal": {"sso-a": COUNTED}, "ssoSuper": {"sso-b": COUNTED}},
    {"ssoNormal": {"sso=sso-a": COUNTED, "sso-b": {}}, "ssoSuper": {}},
]
JWT = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoi{}In0.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWc"
)


def token_file(form: int) -> bytes:
    return (
        json.dumps(TOKEN_FILES[form])
        .replace("sso-a", JWT.format("YWFh"))
        .replace("sso-b", JWT.format("YmJi"))
        .encode()
    )


@pytest.mark.parametrize("form", range(len(TOKEN_FILES)))
def test_files_of_the_original_work_unchanged(form: int, tmp_path: Path) -> None:
    """Its whole configuration and each form of its token file: key, tokens, clocks, and links below
    its ``base_url``.
    """
    config, warnings = load_config(SETTING, name="data/setting.toml")
    assert len(warnings) == 1
    assert "unknown" not in warnings[0]
    entries = parse_token_file(token_file(form))
    assert sorted(entry.sso for entry in entries) == [JWT.format("YWFh"), JWT.format("YmJi")]
    picture = "users/u/generated/a/image.jpg"

    async def scenario(site: Site) -> None:
        grok = evolve(config.grok, base_url=site.grok_url, assets_url=site.grok_url)
        site.server.adopt_config(evolve(config, grok=grok))
        site.server.adopt_tokens(entries)
        site.play(drawing([picture]))
        assert (await site.client.post("/v1/chat/completions", json=chat())).status_code == 401
        reply = await site.client.post(
            "/v1/chat/completions", json=chat(), headers={"authorization": "Bearer sk-mine"}
        )
        text = reply.json()["choices"][0]["message"]["content"]
        assert "](http://me.example.com:8000/media/" in text
        name = re.findall(r"/media/([0-9a-f.a-z]+)\)", text)[0]
        assert (await site.client.get(f"/media/{name}")).content == jpeg()
        assert site.asked[0].sso in {entry.sso for entry in entries}

    run_on_media_site(scenario, tmp_path, lane=WebLane.SOCKET)


def test_the_server_writes_neither_of_the_user_s_files(tmp_path: Path) -> None:
    """Not after questions that fail, acts on the status page, a reload and a stop: what it learns
    is in the state.
    """
    tokens, config = tmp_path / "tokens.json", tmp_path / "config.toml"
    tokens.write_bytes(token_file(0))
    config.write_text(
        '[grok]\nbase_url = "http://127.0.0.1:9"\nassets_url = "http://127.0.0.1:9"\n', "utf-8"
    )
    before = [
        (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in (tokens, config)
    ]
    port = free_port()
    with started(tmp_path, "--port", str(port)) as (process, _):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=15) as client:
            assert client.post("/v1/chat/completions", json=chat()).status_code == 502
            token = parse_token_file(tokens.read_bytes())[0].id
            for act in ("disable", "enable", "clear", "disable"):
                assert client.post(f"/status/tokens/{token}/{act}").status_code == 200
        process.send_signal(signal.SIGHUP)
    assert [
        (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in (tokens, config)
    ] == before
    assert (tmp_path / "data" / "state.jsonl").exists()
    assert not list(tmp_path.glob("*.bak"))


ROUTES = [
    *(
        ("GET", path)
        for path in (
            "/models",
            "/models/grok-4.1",
            "/health",
            "/metrics",
            "/openapi.json",
            "/status",
        )
    ),
    *(("POST", path) for path in ("/chat/completions", "/images/generations", "/images/edits")),
]


@on_site
async def test_every_route_is_at_every_spelling_of_its_path(site: Site) -> None:
    """Users type base URLs with and without ``/v1``, and clients put slashes behind."""
    for method, path in ROUTES:
        found = set()
        for spelling in (path, f"/v1{path}", f"{path}/", f"/v1{path}/"):
            reply = await site.client.request(
                method, spelling, content=b"{}" if method == "POST" else None
            )
            found.add(reply.status_code)
        assert found == {200 if method == "GET" else 400}, path


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LOST: list[tuple[str, str, Script | None]] = [
    ("broken base64", "data:image/png;base64,iVBORw0K*", None),
    ("a text", f"data:image/png;base64,{base64.b64encode(b'hello').decode()}", None),
    ("nothing", "data:image/png;base64,", None),
    ("a private host", "http://192.168.0.1/a.png", None),
    ("a path", "pictures/a.png", None),
    (
        "an upload that is refused",
        f"data:image/png;base64,{PNG}",
        error(400, {"code": 3, "message": "no"}),
    ),
    ("an upload that fails", f"data:image/png;base64,{PNG}", error(500, {})),
    ("an upload that says nothing", f"data:image/png;base64,{PNG}", Script(())),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("url", "upload"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
@on_site(tokens=(TokenEntry("sso-0"),))
async def test_there_is_no_answer_without_the_picture(
    site: Site, url: str, upload: Script | None, *, stream: bool
) -> None:
    """Whatever keeps it from Grok: the request fails, and Grok is not even asked."""
    if upload is not None:
        site.simulator.upload_scripts["sso-0"] = deque([upload] * 9)
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    messages = [{"role": "user", "content": content}]
    reply = await site.client.post(
        "/v1/chat/completions", json=chat(messages=messages, stream=stream)
    )
    assert reply.status_code in (400, 502)
    assert reply.json()["error"]["code"] in ("invalid_attachment", "upload_failed")
    assert not site.simulator.calls


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"{}", b'{"error":{"code":7,"message":"no"}}', b"<html>challenge"])
)
def test_a_403_of_grok_s_is_none_for_the_client(body: bytes) -> None:
    """A 403 is this server's own word."""
    assert refusal_of_response(403, {}, body).status != 403
