// The state of a token in a few words, and the actions that make sense in it.

import { backIn, isShort } from "./allowances.js";
import { make, state } from "./dom.js";
import { word, wordOr } from "./language.js";
import { until } from "./times.js";

/** Elements for a token's state: one word, and what comes next. */
export function condition(view, received) {
  const { name, words } = named(view);
  const next = make("span.back");
  const [key, after, seconds] = upcoming(view);
  if (seconds != null) until(next, received + seconds * 1000, key, after);
  else if (key) next.textContent = word(key);
  else if (view.in_flight) next.textContent = word("lane_under_way", { n: view.in_flight });
  return [state(name, words), " ", next];
}

function named(view) {
  if (usedUp(view)) return { name: "cooling", words: word("used_up") };
  if (view.state === "disabled" && view.disabled_in_file) return { name: "disabled", words: word("state_disabled_in_file") };
  if (view.state === "unknown" && view.used_ago != null) return { name: "unknown", words: word("state_untried") };
  return { name: view.state, words: wordOr("state", view.state) };
}

/** Whether a token that is not held back has nothing left for any model. */
function usedUp({ state: name, groups }) {
  return name === "ok" && groups.length > 0 && groups.every(isShort);
}

function upcoming(view) {
  if (view.state === "invalid") return view.back_in == null ? ["replace_it"] : ["asked_again_in", "asked_again_soon", view.back_in];
  if (view.state === "cooling") return ["bare_time", "any_moment", view.back_in];
  if (usedUp(view)) return ["bare_time", "any_moment", soonest(view.groups)];
  return [];
}

function soonest(groups) {
  const waits = groups.map(backIn).filter((wait) => wait != null);
  return waits.length ? Math.min(...waits) : null;
}

/**
 * The actions that make sense for a token in its state; the token file alone enables one that it
 * disables.
 * @param {boolean} edits whether the page may change the token file
 */
export function sensibleActs(view, edits) {
  const more = edits ? ["replace", "remove"] : [];
  if (view.state === "disabled") return [...(view.switched_off ? ["enable"] : []), ...more];
  const held = view.state !== "ok" && view.state !== "unknown";
  return [...(held || view.groups.some(isShort) ? ["check", "clear"] : ["check"]), "disable", ...more];
}
