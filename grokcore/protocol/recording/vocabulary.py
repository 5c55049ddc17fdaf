"""Words that stay readable in a recording: names and phrases of Grok's own, and of the web.

Everything else in a recording is masked. A word that is missing here costs the reader of a
recording a detail, and no person their privacy.
"""

from __future__ import annotations

from ..media_types import EXTENSIONS as MEDIA_EXTENSIONS

__all__ = [
    "ARGUMENTS",
    "ERROR_WORDS",
    "EXTENSIONS",
    "FOLDERS",
    "HOSTS",
    "KINDS",
    "TAGS",
    "TEXT_KEYS",
    "WORD_KEYS",
]


def _words(lines: str) -> frozenset[str]:
    return frozenset(lines.split())


TEXT_KEYS = _words("""
    token message text content title newTitle label headline disclaimer summary query prompt
    videoPrompt preview description searchEngineText metadataTitle siteName creator name username
    file_name fileName stdout stderr code instructions imageDescription image_description
    audioTranscripts systemPromptName
""")
"""Keys whose strings are texts, even where they look like an address or an id."""

WORD_KEYS = _words("""
    messageTag sender model modelName modelMode modelId modeId mode effort imageModel steerModelId
    cardType card_type type kind severity state status category size queryType messageType
    followUpType reasoningUiLayout resolutionName deepsearchPreset systemErrCode rejectionReason
    contentType mime_type mimeType channel object role message_type follow_up_type
    reasoning_ui_layout steer_model_id rejection_reason output_modalities protocol_capabilities
""")
"""Keys whose strings stay if they are single words."""

TAGS = _words("""
    grok:render argument xaiartifact xai:tool_usage_card xai:tool_usage_card_id xai:tool_name
    xai:tool_args
""")
"""Names of Grok's elements, lower case."""

KINDS = _words("""
    citation_card citation image_card generated_image_card edited_image_card rendered_file_card
    render_inline_citation render_searched_image render_generated_image render_edited_image
    render_file citation_id image_id size
""")
"""Values of the attributes ``card_type``, ``type`` and ``name``."""

ARGUMENTS = _words("""
    query url image_description imageDescription message toolName tool_name toolArgsJson num_results
    instructions code language to
""")
"""Names of the arguments of tools."""

HOSTS = _words("""
    grok.com www.grok.com assets.grok.com x.ai accounts.x.ai imagine-public.x.ai x.com www.x.com
""")

FOLDERS = _words("""
    users generated content image images video videos files assets status preview imagine
    preview_image generated_video thumbnail
""")
"""Parts of the paths of Grok's pictures and files."""

EXTENSIONS = {extension.removeprefix(".") for extension in MEDIA_EXTENSIONS.values()} | _words(
    "jpeg svg mp3 wav md csv json html htm xml zip py js"
)

ERROR_WORDS = _words("""
    a aborted access account accounts admission after again allowance allowed an answer anti
    anti-bot antibot any are at attachment auth authentication auto available bad-credentials
    before beyond blocked blocked-user bot browser build by call cancelled closed closing code
    completed concurrency connection content content-moderated content_moderated context
    continue conversation credentials daily date day deadline denied detail details different
    email-domain-rejected end ended error exceeded exhausted expert expired external failed
    failure fast fatal file filter for forbidden found free get global going grok has heavy
    higher hour hours id idle image in inactive inactivity included incomplete info internal
    invalid invalid-credentials is is_first_token it kill kind large later length limit limited
    limits load load_shed load_shed_probability loaded long look maintenance many maximum
    message minute minutes mode model moderated moderation monthly network new no non none
    nonfatal normal not now of only or out output overload overloaded page pages per
    perf_based_admission_controller permission plan please plus policies policy pool premium
    prompt quota rate rate_limit ratelimit ratelimited reached refresh refused rejected reload
    render request requests required requires resource resourceexhausted response restart
    restarting revoked right rules search second seconds server service session severity
    shutdown sign signed signin signing socket something started status stop stopped stream
    subscription super supergrok supported suspended switch system take temporarily the this
    tier timed timedout timeout to token tokens too tool tools true try turn unauthenticated
    unauthorized unavailable under unexpected unknown unspecified up upgrade upgraded usage use
    used user violate violates wait warn warning was websocket went with without wrong ws you
    your yourself
""")
"""Words of the messages by which Grok refuses a request."""
