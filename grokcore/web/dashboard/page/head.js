// The head: whether it works, what is wrong, and what to do.

import { byId, make, outdated, say, show } from "./dom.js";
import { exactly, word, wordOr } from "./language.js";
import { since, timeless, until } from "./times.js";

const AT_FIRST = 4;

/** States of servers of earlier versions. */
const EARLIER = { no_tokens: "down", no_usable_tokens: "down" };

let everything = false;

/** Show the server's state and its reasons, of a report that arrived at this time (milliseconds). */
export function drawHead(report, received, isNew) {
  headline(isNew ? "new" : (EARLIER[report.status] ?? report.status));
  const age = byId("server-age");
  age.dataset.version = report.version;
  since(age, received - report.uptime_s * 1000, "version_up", "version_up");
  age.title = word("since_when", { time: exactly(report.time - report.uptime_s) });
  since(byId("freshness"), received, "as_of", "as_of_now");
  say(byId("sharing"), [...workersOf(report), ...shareOf(report)].join(" · "));
  drawReasons(isNew ? [] : reasonsOf(report), received);
}

/** Show a state that is no report's: the page is locked, or the server lost. */
export function drawHeadline(state) {
  headline(state);
  if (state !== "lost") {
    timeless(byId("server-age"), "");
    timeless(byId("freshness"), "");
    say(byId("sharing"), "");
    drawReasons([], 0);
  }
}

function headline(state) {
  const words = wordOr("status", state);
  byId("top").dataset.status = state;
  byId("server-state").dataset.state = state;
  say(byId("server-state"), words);
  document.title = state === "ok" ? "grok2api" : `${words} · grok2api`;
}

/** The part in a pool of several servers; the workers of one server have a table in their parent. */
function shareOf({ sharing, workers }) {
  if (!sharing || (workers && sharing.table === "the parent process")) return [];
  return [word("shares", { owned: sharing.owned, n: sharing.servers })];
}

/** The processes of a server that has several, in words. */
function workersOf({ workers }) {
  if (!workers) {
    return [];
  }
  const { count, restarts, missing } = workers;
  const hang = missing.length ? [word("workers_missing", { numbers: missing.join(", ") })] : [];
  return [word("workers", { count, restarts }), ...hang];
}

/** The reasons of a report, worst first; then faults and warnings that no reason mentions. */
function reasonsOf(report) {
  const reasons = report.reasons ?? [];
  const mentioned = ([name, words]) => reasons.some((reason) => reason.subject === name || reason.words.includes(words));
  const others = (notes, weight) =>
    Object.entries(notes)
      .filter((note) => !mentioned(note))
      .map(([subject, words]) => ({ subject, words, weight, advice: "", back_in: null, matter: "file" }));
  return [
    ...reasons.filter(({ weight }) => weight !== "ok"),
    ...others(report.faults, "degraded"),
    ...reasons.filter(({ weight }) => weight === "ok"),
    ...others(report.warnings, "ok"),
  ];
}

function drawReasons(reasons, received) {
  const shown = everything ? reasons : reasons.slice(0, AT_FIRST);
  const left = reasons.length - AT_FIRST;
  const steady = reasons.map((reason) => ({ ...reason, back_in: reason.back_in && Math.round((received / 1000 + reason.back_in) / 5) }));
  if (!outdated(byId("reasons"), [steady, everything])) return;
  show(byId("reasons"), reasons.length > 0);
  byId("reasons").replaceChildren(...shown.map((reason) => line(reason, received)));
  show(byId("more-reasons"), left > 0);
  say(byId("more-reasons"), everything ? word("fewer") : word("more_reasons", { n: left }));
  byId("more-reasons").ariaExpanded = String(everything);
  byId("more-reasons").onclick = () => {
    everything = !everything;
    drawReasons(reasons, received);
  };
}

function line({ matter, weight, subject, words, advice, back_in: seconds }, received) {
  const named = matter === "file" && !words.includes(subject); // a file's fault may lack its name
  const back = make("span.back");
  if (seconds != null) until(back, received + seconds * 1000);
  const item = make(
    "li",
    make("p.reason", named ? word("named_note", { name: subject, words }) : words, seconds == null ? "" : " ", seconds == null ? null : back),
    advice ? make("p.advice", advice) : null,
  );
  item.dataset.weight = weight;
  return item;
}
