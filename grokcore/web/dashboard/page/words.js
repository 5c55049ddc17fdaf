// Formatting of numbers, times and texts, and making of elements. Data becomes text nodes only,
// never markup.

const WHOLE = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const EXACT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

/** The element with this id; the page has it. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element.
 * @param {string} tag its name, and its classes behind dots: "p.quiet"
 * @param {...(Node|string|null)} children strings become text; null is left out
 */
export function make(tag, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.className = classes.join(" ");
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Set an element's text if it differs: an unchanged text is not announced again, and keeps the
 * reader's selection.
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** 12345 as "12,345". */
export function whole(number) {
  return WHOLE.format(number);
}

/** "1 request", "2 requests". */
export function counted(number, singular, plural = `${singular}s`) {
  return `${whole(number)} ${number === 1 ? singular : plural}`;
}

/** Seconds since 1970 as "14:05", in the reader's own time zone. */
export function clock(at) {
  return CLOCK.format(at * 1000);
}

/** Seconds since 1970 with the date. */
export function exactly(at) {
  return EXACT.format(at * 1000);
}

/** A number of seconds, rounded for reading: "95 s", "12 m", "2 h 5 m", "3 d 4 h". */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86400) return two(s, 3600, "h", 60, "m");
  return two(s, 86400, "d", 3600, "h");
}

function two(seconds, large, largeUnit, small, smallUnit) {
  const rest = Math.floor((seconds % large) / small);
  const head = `${Math.floor(seconds / large)} ${largeUnit}`;
  return rest ? `${head} ${rest} ${smallUnit}` : head;
}

/** A short time, measured: "0.82 s", "12.4 s", "240 s". */
export function measured(seconds) {
  return `${seconds.toFixed(seconds < 10 ? 2 : seconds < 100 ? 1 : 0)} s`;
}

// Running times -----------------------------------------------------------------------------------

/**
 * Show the time until then (milliseconds of the browser's clock) in an element: "in 8 s", then "any
 * moment".
 */
export function until(element, at, before = "in ") {
  element.dataset.until = at;
  element.dataset.before = before;
  delete element.dataset.since;
  update(element, Date.now());
}

/** Show the time since then in an element: "now", "8 s ago", "2 h ago". */
export function since(element, at, before = "", after = " ago") {
  element.dataset.since = at;
  element.dataset.before = before;
  element.dataset.after = after;
  delete element.dataset.until;
  update(element, Date.now());
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

function update(element, now) {
  const { until: end, since: start, before, after } = element.dataset;
  if (end !== undefined) {
    const left = (Number(end) - now) / 1000;
    say(element, left > 0 ? `${before}${span(Math.ceil(left))}` : "any moment");
  } else {
    const seconds = Math.max(0, Math.round((now - Number(start)) / 1000));
    say(element, seconds < 2 && after ? `${before}now` : `${before}${roughly(seconds)}${after}`);
  }
}

/** A past time needs one unit only: "5 s", "3 m", "2 h". */
function roughly(s) {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}
