// The last failures: those that reached a client, apart from those that another attempt mended.

import { byId, make, outdated, say, show } from "./dom.js";
import { exactly, word } from "./language.js";
import { since } from "./times.js";

const AT_FIRST = 3;

let everything = false;
const open = new Set();

/** Show the failures of a report that arrived at this time (milliseconds). */
export function drawFailures(report, received) {
  const all = report.recent_faults;
  if (!outdated(byId("failures"), [all, everything])) return;
  const told = all.some((fault) => fault.reached !== undefined);
  const reached = told ? all.filter((fault) => fault.reached) : all;
  const mended = told ? all.filter((fault) => !fault.reached) : [];
  say(byId("failures-title"), word(told ? "reached_title" : "failures_title"));
  fill(byId("failures"), everything ? reached : reached.slice(0, AT_FIRST), report, received);
  show(byId("no-failures"), reached.length === 0);
  show(byId("mended"), mended.length > 0);
  say(byId("mended-title"), word("mended_title", { n: mended.length }));
  fill(byId("mended-rows"), mended, report, received);
  drawMore(report, received, reached.length);
}

function drawMore(report, received, count) {
  const more = byId("more-failures");
  show(more, count > AT_FIRST);
  say(more, everything ? word("fewer") : word("show_all_lines", { n: count }));
  more.ariaExpanded = String(everything);
  more.onclick = () => {
    everything = !everything;
    drawFailures(report, received);
  };
}

function fill(list, faults, report, received) {
  list.replaceChildren(...faults.map((fault) => failure(fault, received - (report.time - fault.at) * 1000)));
}

function failure(fault, at) {
  const when = make("time");
  since(when, at);
  when.title = exactly(fault.at);
  const times = fault.count > 1 ? make("span.quiet", word("times", { n: fault.count })) : null;
  const where = [fault.model, fault.token && word("token_named", { id: fault.token })].filter(Boolean).join(", ");
  const line = make("span.line", make("code", fault.code), times ?? "", when);
  const words = make("span.words", fault.message, where ? " " : "", where ? make("span.quiet.keep", where) : null);
  return make("li", fault.advice ? opened(fault, line, words) : make("p.fault", line, words));
}

/** A failure that shows its advice when it is opened; it stays open when the list is drawn again. */
function opened({ code, message, advice }, ...shown) {
  const name = `${code} ${message}`;
  const details = make("details.fault", make("summary", ...shown), make("p.advice", advice));
  details.open = open.has(name);
  details.addEventListener("toggle", () => (details.open ? open.add(name) : open.delete(name)));
  return details;
}
