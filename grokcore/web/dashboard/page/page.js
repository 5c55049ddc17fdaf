// The status page: it draws each report, and handles the owner's input.

import { drawLanes } from "./lanes.js";
import { Link } from "./link.js";
import { Plots } from "./plots.js";
import { Tokens, usable } from "./tokens.js";
import { byId, exactly, make, say, show, since, span, tick, timeless, until, whole } from "./words.js";

const FAILURES_AT_FIRST = 4;
const REFUSALS_SHOWN = 3;

/** The server's states in words. */
const STATUS = {
  ok: "ok",
  draining: "stopping",
  no_tokens: "no tokens",
  no_usable_tokens: "no usable tokens",
};

/** What stands in the place of an age where a value is not the owner's, by source and setting. */
const NOT_OWN = {
  shipped: { other: "shipped with the program" },
  none: { user_agent: "not set: the impersonated browser’s", other: "not set" },
};

const link = new Link({ status: onStatus, asks: onKeyNeeded, lost: onLost });
const plots = new Plots();
const tokens = new Tokens((key, act) => link.act(key, act), (text) => say(byId("said"), text));
let allFailures = false;
let lastReport = null;
let lastReceived = 0;
const drawn = new WeakMap();

// Reports of the server ---------------------------------------------------------------------------

function onStatus(report) {
  const received = Date.now();
  lastReport = report;
  lastReceived = received;
  show(byId("asking"), false);
  show(byId("board"), true);
  show(byId("forget"), Boolean(link.key));
  show(byId("notice"), false);
  document.body.classList.remove("stale");
  drawServer(report, received);
  drawNotes(byId("standing-faults"), report.faults);
  drawNotes(byId("warnings"), report.warnings);
  drawFigures(report);
  plots.show(report.minutes);
  drawFailures(report, received);
  drawWays(report.egress, received);
  drawValues(report, received);
  drawLanes(report, received);
  tokens.show(report.tokens, received);
}

/** Ask for a key; *wrong* is the fault of the last one, if there was one. */
function onKeyNeeded(wrong) {
  lastReport = null;
  show(byId("board"), false);
  show(byId("forget"), false);
  show(byId("notice"), false);
  show(byId("asking"), true);
  headline("locked", "locked");
  timeless(byId("server-age"), "");
  timeless(byId("freshness"), "");
  say(byId("key-wrong"), wrong);
  byId("key").setAttribute("aria-invalid", String(Boolean(wrong)));
  byId("key").focus();
}

function onLost(message, seconds) {
  headline("lost", "not reachable");
  document.body.classList.add("stale");
  const again = make("span");
  until(again, Date.now() + seconds * 1000, "Next try in ");
  const old = lastReport ? " The figures below are old." : "";
  byId("notice").replaceChildren(`${message}${old} `, again);
  show(byId("notice"), true);
}

// Parts of the page -------------------------------------------------------------------------------

function headline(state, words) {
  byId("server-state").dataset.state = state;
  say(byId("server-state"), words);
  document.title = state === "ok" ? "grok2api" : `${words} · grok2api`;
}

function drawServer(report, received) {
  headline(report.status, STATUS[report.status] ?? report.status);
  since(byId("server-age"), received - report.uptime_s * 1000, `version ${report.version}, up `, "");
  byId("server-age").title = `since ${exactly(report.time - report.uptime_s)}`;
  since(byId("freshness"), received, "as of ");
}

/**
 * Whether an element shows another value and must be drawn again. Unchanged elements keep the
 * reader's selection.
 */
function outdated(element, value) {
  const text = JSON.stringify(value);
  if (drawn.get(element) === text) return false;
  drawn.set(element, text);
  return true;
}

/** Faults or warnings: texts by the name of what they are about. */
function drawNotes(list, notes) {
  if (!outdated(list, notes)) return;
  const names = Object.keys(notes);
  show(list, names.length > 0);
  list.replaceChildren(...names.map((name) => make("li", make("b", name), " ", notes[name])));
}

function drawFigures(report) {
  const requests = report.minutes.reduce((sum, minute) => sum + minute.requests, 0);
  const errors = report.minutes.reduce((sum, minute) => sum + minute.errors, 0);
  const share = requests ? `${((errors / requests) * 100).toFixed(errors ? 1 : 0)} %` : "";
  const { good, of } = usable(report.tokens);
  if (!outdated(byId("figures"), [report.open, report.waiting, good, of, requests, errors])) return;
  byId("figures").replaceChildren(
    figure("under way", whole(report.open), ""),
    figure("waiting", whole(report.waiting), ""),
    figure("usable", good, of),
    figure("requests", whole(requests), "last hour"),
    figure("errors", whole(errors), share, errors > 0),
  );
}

function figure(name, value, beside, bad = false) {
  const shown = make(bad ? "dd.bad" : "dd", value);
  if (beside) shown.append(" ", make("small", beside));
  return make("div", make("dt", name), shown);
}

function drawFailures(report, received) {
  const failures = report.recent_faults;
  const shown = allFailures ? failures : failures.slice(0, FAILURES_AT_FIRST);
  if (!outdated(byId("failures"), [shown, failures.length, allFailures])) return;
  byId("failures").replaceChildren(...shown.map((fault) => failure(fault, received - (report.time - fault.at) * 1000)));
  show(byId("no-failures"), failures.length === 0);
  const more = byId("more-failures");
  show(more, failures.length > FAILURES_AT_FIRST);
  say(more, allFailures ? "Show the last few" : `Show all ${whole(failures.length)}`);
  more.setAttribute("aria-expanded", String(allFailures));
}

function failure(fault, at) {
  const when = make("time");
  since(when, at);
  when.title = exactly(fault.at);
  const times = fault.count > 1 ? make("span.times", `${whole(fault.count)} ×`) : null;
  const where = [fault.model, fault.token].filter(Boolean).join(", token ");
  return make(
    "li",
    make("p.fault-head", make("code", fault.code), times && " ", times, " ", when),
    make("p.fault-words", fault.message, where ? make("span.quiet", ` ${where}`) : null),
    fault.advice ? make("p.advice", fault.advice) : null,
  );
}

function drawWays(ways, received) {
  show(byId("no-ways"), ways.length === 0);
  byId("ways").replaceChildren(...ways.map((way) => {
    const state = make("span.state", way.state);
    state.dataset.state = way.state;
    const resumes = make("span.quiet");
    if (way.resumes_in != null) until(resumes, received + way.resumes_in * 1000, "resumes in ");
    return make("li", make("code", way.name), " ", state, " ", resumes);
  }));
}

/** The values that the owner copies from a browser: their ages and refusals, never the values. */
function drawValues(report, received) {
  if (!outdated(byId("values"), report.browser_values)) return;
  const there = (at) => received - (report.time - at) * 1000;
  byId("values").replaceChildren(...report.browser_values.map((value) => {
    const age = make("span.quiet", NOT_OWN[value.source]?.[value.name] ?? NOT_OWN[value.source]?.other ?? "");
    if (value.since != null) {
      since(age, there(value.since), "in use for ", "");
      age.title = `since ${exactly(value.since)}`;
    }
    const shown = value.refused.slice(0, REFUSALS_SHOWN).map((refusal) => valueRefusal(refusal, there(refusal.at)));
    const more = value.refused.length - shown.length;
    return make(
      "li",
      make("code", value.name),
      " ",
      age,
      value.since != null && !shown.length ? make("span.quiet", ", no refusal yet") : null,
      ...shown,
      more > 0 ? make("p.refusal.quiet", `and by ${whole(more)} more`) : null,
    );
  }));
}

function valueRefusal(refusal, at) {
  const when = make("time");
  since(when, at, "refused ");
  when.title = exactly(refusal.at);
  return make("p.refusal", when, " ", make("span.quiet", `${refusal.code}, ${refusal.lane}, ${refusal.egress}`));
}

// The owner's input -------------------------------------------------------------------------------

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  say(byId("key-wrong"), "");
  link.use(byId("key").value.trim());
  byId("key").value = "";
});

byId("forget").addEventListener("click", () => link.forget());

byId("more-failures").addEventListener("click", () => {
  allFailures = !allFailures;
  if (lastReport) drawFailures(lastReport, lastReceived);
});

setInterval(tick, 1000);
link.open();
