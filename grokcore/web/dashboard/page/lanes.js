// The table of official lanes: a row each, drawn anew with every report.

import { byId, counted, make, show, span, timeless, until } from "./words.js";

/** The lanes' states in words. */
const STATES = {
  ok: "ok",
  resting: "resting",
  refused: "refused",
  no_credential: "no credential",
  no_models: "no models",
  cap_reached: "cap reached",
  off: "off",
};

const WHOSE = { api: "xAI’s API, paid per use", cli: "session of xAI’s CLI" };

let drawn = "";

/** Show the lanes of a report that arrived at this time (milliseconds); nothing if none is in use. */
export function drawLanes({ lanes, time }, received) {
  show(byId("lanes"), lanes.some((lane) => lane.state !== "off"));
  const focusFree = JSON.stringify(lanes.map((lane) => steady(lane, time, received)));
  if (focusFree === drawn) return;
  drawn = focusFree;
  byId("lane-rows").replaceChildren(...lanes.map((lane) => row(lane, time, received)));
}

/** A lane's facts with moments in place of spans: an unchanged row keeps the reader's selection. */
function steady(lane, time, received) {
  const moment = (seconds) => (seconds == null ? null : Math.round((received / 1000 + seconds) / 5));
  const { stock, budget, rests } = lane;
  return {
    ...lane,
    back_in: moment(lane.back_in),
    stock: { ...stock, age_s: stock.age_s == null ? null : moment(-stock.age_s) },
    budget: budget && { ...budget, day_ends_in: moment(budget.day_ends_in) },
    rests: rests.map((rest) => ({ ...rest, back_in: moment(rest.back_in) })),
  };
}

function row(lane, time, received) {
  const state = make("span.state", STATES[lane.state] ?? lane.state);
  state.dataset.state = lane.state;
  const head = cell("th", "token", make("code", lane.lane), " ", make("span.tier", lane.id), make("p.note", WHOSE[lane.lane] ?? ""));
  head.scope = "row";
  const element = make(
    "tr",
    head,
    cell("td", "condition", make("p", state, " ", back(lane.back_in, received)), make("p.why", lane.why)),
    cell("td", "left", make("ul.allowances", ...money(lane, time, received))),
    cell("td", "use", lane.open ? make("p", `${lane.open} under way`) : make("p.quiet", "idle")),
    cell("td", "models", ...models(lane.stock)),
  );
  element.setAttribute("role", "row");
  return element;
}

function back(seconds, received) {
  const element = make("span.back");
  if (seconds == null) timeless(element, "");
  else until(element, received + seconds * 1000, "back in ");
  return element;
}

/** Today's money, the period's credits, and models that rest, as far as there are any. */
function money({ budget, plan, rests }, time, received) {
  const bars = [];
  if (budget) {
    const { spent_usd: spent, daily_usd: most, day_ends_in: left } = budget;
    bars.push(bar("today", most ? spent / most : 1, `${dollars(spent)}/${dollars(most)}`, received + left * 1000, "new in "));
  }
  if (plan && plan.used_percent != null) {
    const ends = plan.ends_at == null ? null : received + (plan.ends_at - time) * 1000;
    bars.push(bar(`credits ${plan.period}`.trim(), plan.used_percent / 100, `${Math.round(plan.used_percent)} % used`, ends, "new in "));
  }
  return [...bars, ...rests.map((rest) => resting(rest, received))];
}

/** A bar of what is used; *share* is 1 when nothing is left. */
function bar(name, share, amount, ends, before) {
  const fill = make("i");
  fill.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  const meter = make("span.meter", fill);
  meter.setAttribute("aria-hidden", "true");
  const element = make("li", named(name), meter, make("span.amount", amount), ending(ends, before));
  element.dataset.level = share >= 1 ? "none" : share >= 0.8 ? "low" : "fine";
  return element;
}

function resting({ model, why, back_in: seconds }, received) {
  const meter = make("span.meter");
  meter.setAttribute("aria-hidden", "true");
  const element = make("li", named(model), meter, make("span.amount", "rests"), ending(seconds == null ? null : received + seconds * 1000, "back in "));
  element.dataset.level = "none";
  element.title = why;
  return element;
}

function named(name) {
  const element = make("span.group", name);
  element.title = name;
  return element;
}

function ending(at, before) {
  const element = make("span.when");
  if (at != null) until(element, at, before);
  return element;
}

function models({ models: count, age_s: age, fault }) {
  const listed = age == null ? "not listed yet" : `listed ${span(age)} ago`;
  return [make("p", counted(count, "model")), make("p.quiet", listed), make("p.why", age == null || !fault ? "" : fault)];
}

/** 0.4213 as "$0.42", and less than a cent as "$0.004". */
function dollars(amount) {
  if (amount > 0 && amount < 0.0005) return "<$0.001";
  if (amount > 0 && amount < 0.01) return `$${amount.toFixed(3)}`;
  return `$${Number.isInteger(amount) ? amount : amount.toFixed(2)}`;
}

function cell(tag, name, ...children) {
  const element = make(`${tag}.${name}`, ...children);
  element.setAttribute("role", tag === "th" ? "rowheader" : "cell");
  return element;
}
