// Running times: elements whose text changes as time passes.

import { say } from "./dom.js";
import { span, word } from "./language.js";

/**
 * Show the time until then (milliseconds of the browser's clock) in an element: "back in 8 min",
 * and at the end "back any moment".
 * @param {string} before the key of the words with {time}
 * @param {string} after the key of the words for the end
 */
export function until(element, at, before = "back_in", after = "back_soon") {
  run(element, { until: at, before, after });
}

/** Show the time since then in an element: "just now", "8 s ago", "2 h ago". */
export function since(element, at, before = "ago", now = "just_now") {
  run(element, { since: at, before, after: now });
}

/** Show a fixed text in an element instead of a running time. */
export function timeless(element, text) {
  delete element.dataset.until;
  delete element.dataset.since;
  say(element, text);
}

/** Update all running times. */
export function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("[data-until], [data-since]")) update(element, now);
}

function run(element, data) {
  delete element.dataset.until;
  delete element.dataset.since;
  Object.assign(element.dataset, data);
  update(element, Date.now());
}

function update(element, now) {
  const { until: end, since: start, before, after } = element.dataset;
  const seconds = end === undefined ? (now - Number(start)) / 1000 : (Number(end) - now) / 1000;
  const over = end === undefined ? seconds < 2 : seconds <= 0;
  const { version } = element.dataset;
  say(element, over ? word(after, { version, time: span(0) }) : word(before, { version, time: span(seconds, end === undefined ? Math.floor : Math.ceil) }));
}
