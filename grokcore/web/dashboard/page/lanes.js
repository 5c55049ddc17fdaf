// The official lanes: a row each.

import { byId, make, meter, outdated, show, state } from "./dom.js";
import { whole, word, wordOr } from "./language.js";
import { since, until } from "./times.js";

/** Show the lanes of a report that arrived at this time (milliseconds); nothing if none is in use. */
export function drawLanes({ lanes, time }, received) {
  show(byId("lanes"), lanes.some((lane) => lane.state !== "off"));
  if (!outdated(byId("lane-rows"), lanes.map((lane) => steady(lane, received)))) return;
  byId("lane-rows").replaceChildren(...lanes.map((lane) => row(lane, time, received)));
}

/** A lane's facts with moments in place of spans: an unchanged row keeps the reader's selection. */
function steady(lane, received) {
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
  const back = make("span.back");
  if (lane.back_in != null) until(back, received + lane.back_in * 1000);
  const condition = make("p.condition", state(lane.state, wordOr("lane", lane.state)));
  if (lane.open) condition.append(" ", make("span.quiet", word("lane_under_way", { n: lane.open })));
  if (lane.back_in != null) condition.append(" ", back);
  return make(
    "li",
    make("div.who", make("p.line", make("b", make("code", lane.lane)), make("code.quiet", lane.id)), make("p.quiet", wordOr("lane", lane.lane))),
    condition,
    make("div.allowances", ...money(lane, time, received)),
    make("div.stock", ...models(lane.stock, received)),
    lane.why ? make("p.why", lane.why) : null,
  );
}

/** Today's money, the period's credits, and models that rest, as far as there are any. */
function money({ budget, plan, rests }, time, received) {
  const bars = [];
  if (budget) {
    const { spent_usd: spent, daily_usd: most, day_ends_in: left } = budget;
    bars.push(bar(word("money_today"), most ? spent / most : 1, `${dollars(spent)} / ${dollars(most)}`, received + left * 1000));
  }
  if (plan && plan.used_percent != null) {
    const ends = plan.ends_at == null ? null : received + (plan.ends_at - time) * 1000;
    const name = plan.period ? wordOr("credits", plan.period) : word("credits");
    bars.push(bar(name, plan.used_percent / 100, word("used_percent", { n: Math.round(plan.used_percent) }), ends));
  }
  return [...bars, ...rests.map((rest) => resting(rest, received))];
}

/** A bar of what is used; *share* is 1 when nothing is left. */
function bar(name, share, amount, ends) {
  const when = make("span.quiet");
  if (ends != null) until(when, ends, "new_in", "new_soon");
  const element = make("div.allowance", make("span.name", name), meter(share), make("span.amount", amount, " ", when));
  element.dataset.level = share >= 0.8 ? "low" : "fine";
  return element;
}

function resting({ model, why, back_in: seconds }, received) {
  const when = make("span.quiet");
  if (seconds != null) until(when, received + seconds * 1000);
  const element = make("div.allowance", make("span.name", model), make("span.amount", make("span.short", word("rests")), " ", when));
  element.title = why;
  return element;
}

function models({ models: count, age_s: age, fault }, received) {
  const listed = make("p.quiet", age == null ? word("not_listed") : "");
  if (age != null) since(listed, received - age * 1000, "listed_ago", "listed_ago");
  return [make("p", word("lane_models", { n: count })), listed, age != null && fault ? make("p.why", fault) : null];
}

/** 0.4213 as "$0.42", and less than a cent as "$0.004". */
function dollars(amount) {
  if (amount > 0 && amount < 0.0005) return "<$0.001";
  if (amount > 0 && amount < 0.01) return `$${amount.toFixed(3)}`;
  return `$${Number.isInteger(amount) ? whole(amount) : amount.toFixed(2)}`;
}
