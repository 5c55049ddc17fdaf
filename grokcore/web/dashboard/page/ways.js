// The connections to Grok, and the values that the owner copies from a browser: their ages and
// refusals, never the values.

import { byId, make, outdated, show, state } from "./dom.js";
import { exactly, word, wordOr } from "./language.js";
import { since, until } from "./times.js";

const REFUSALS_SHOWN = 2;
const FAILED_IN_ROW = 3;

/** Show the connections of a report that arrived at this time (milliseconds). */
export function drawWays(ways, received) {
  show(byId("no-ways"), ways.length === 0);
  byId("ways").replaceChildren(...ways.map((way) => connection(way, received)));
}

function connection({ name, address, state: condition, failing, resumes_in: seconds }, received) {
  const [failed, all] = failing ?? [0, 0];
  const bad = condition === "open" && all >= FAILED_IN_ROW && failed === all;
  const shown = bad ? "failing" : condition;
  const dot = state(bad ? "down" : condition, wordOr("way", shown));
  const resumes = make("span.back");
  if (seconds != null) until(resumes, received + seconds * 1000);
  return make(
    "li",
    make("p.line", make("code", connectionName(name, address)), dot),
    failed || seconds != null ? make("p.quiet", failed ? word("way_failed", { n: failed, all }) : "", failed && seconds != null ? ", " : "", resumes) : null,
  );
}

/** A connection for the reader: the proxy's address if the server names it. */
export function connectionName(name, address) {
  return address || (name === "direct" ? word("direct") : name);
}

/** Show the age and the refusals of each value. */
export function drawValues(report, received) {
  if (!outdated(byId("values"), report.browser_values)) return;
  const there = (at) => received - (report.time - at) * 1000;
  byId("values").replaceChildren(...report.browser_values.map((value) => row(value, there)));
}

function row(value, there) {
  const age = make("span.quiet", notOwn(value));
  if (value.since != null) {
    since(age, there(value.since), "in_use", "in_use");
    age.title = word("since_when", { time: exactly(value.since) });
  }
  const shown = value.refused.slice(0, REFUSALS_SHOWN);
  const more = value.refused.length - shown.length;
  return make(
    "li",
    make("p.line", make("code", value.name), age),
    value.since != null && !shown.length ? make("p.quiet", word("not_refused")) : null,
    ...shown.map((refusal) => refused(refusal, there(refusal.at))),
    more > 0 ? make("p.quiet", word("more_refusals", { n: more })) : null,
  );
}

/** What stands in the place of an age where a value is not the owner's. */
function notOwn({ source, name }) {
  if (source === "shipped") return word("value_shipped");
  if (source !== "none") return "";
  return word(name === "user_agent" ? "value_unset_agent" : "value_unset");
}

function refused({ at, code, lane, egress }, there) {
  const when = make("time");
  since(when, there, "refused_ago", "refused_now");
  when.title = exactly(at);
  return make("p.refusal", when, " ", make("span.quiet", `${code}, ${lane}, ${egress}`));
}
