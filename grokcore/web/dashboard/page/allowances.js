// A token's remaining allowances, by the models that share each.

import { make, meter } from "./dom.js";
import { whole, word } from "./language.js";
import { until } from "./times.js";

const LOW = 0.2;

/** The models of allowances, by the server's report: lists of names by the allowance's name. */
export class Names {
  constructor(groups = {}) {
    this.groups = groups;
    this.order = Object.keys(groups);
  }

  /** The names of the models that share this allowance; its own name if none is known. */
  all(group) {
    return this.groups[group]?.length ? this.groups[group] : [group];
  }

  /** A short name: the first model, and how many more share it. */
  first(group) {
    const [name, ...others] = this.all(group);
    return others.length ? `${name} +${others.length}` : name;
  }

  /** The place in the server's order of models; unknown ones come last. */
  rank(group) {
    const at = this.order.indexOf(group);
    return at < 0 ? this.order.length : at;
  }
}

/** Names of the allowances that most tokens have, at most *most*, in the order of the models. */
export function columnsOf(views, names, most) {
  const counts = new Map();
  for (const { groups } of views) for (const { group } of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
  const common = [...counts].sort((a, b) => Number(names.rank(a[0]) === names.order.length) - Number(names.rank(b[0]) === names.order.length) || b[1] - a[1] || names.rank(a[0]) - names.rank(b[0]));
  return common.slice(0, most).map(([group]) => group).sort((a, b) => names.rank(a) - names.rank(b));
}

/** Whether nothing can be asked of this allowance now. */
export function isShort({ cooling_for: cooling, used_up: usedUp, spent }) {
  return cooling != null || usedUp || spent;
}

/** The seconds until a short allowance is back; null if that is not known. */
export function backIn({ cooling_for: cooling, reset_in: reset }) {
  return cooling ?? reset;
}

/** The share that is left, from 0 to 1; null if it is not known. */
export function shareLeft({ left, total }) {
  return left == null || !total ? null : Math.min(1, Math.max(0, left / total));
}

/** An allowance in the least space: a bar with numbers, or why it is short and for how long. */
export function brief(group, received) {
  if (!group) return [make("span.quiet", "–")];
  if (isShort(group)) return [make("span.short", word(group.cooling_for == null ? "used_up" : "cools")), " ", rest(group, received, "bare_time", "any_moment")];
  const share = shareLeft(group);
  if (share === null) return [make("span.quiet", "–")];
  return [bar(share), make("span.amount", `${whole(group.left)}/${whole(group.total)}`)];
}

/** An allowance in full: its models, bar, numbers, and when it is full again. */
export function inFull(group, names, received) {
  const share = shareLeft(group);
  const short = isShort(group);
  const amount = short ? word(group.cooling_for == null ? "used_up" : "cools") : share === null ? word("state_untried") : `${whole(group.left)}/${whole(group.total)}`;
  return make(
    "li",
    make("span.name", names.all(group.group).join(", ")),
    make("p.line", bar(short ? 0 : (share ?? 0)), make(short ? "span.short" : "span.amount", amount), rest(group, received, short ? "back_in" : "full_in", short ? "back_soon" : "full_soon")),
  );
}

function bar(share) {
  const element = meter(share);
  element.dataset.level = share < LOW ? "low" : "fine";
  return element;
}

function rest(group, received, before, after) {
  const element = make("span.quiet");
  const seconds = backIn(group);
  if (seconds != null) until(element, received + seconds * 1000, before, after);
  return element;
}
