// The reader's language, and formatting of numbers and times in it.

import { WORDS } from "./words.js";

const LANGUAGES = ["en", "zh"];
const TAGS = { en: "en", zh: "zh-CN" };

/** The first of the browser's languages that the page has, else English. */
function chosen() {
  const wanted = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
  return wanted.find((language) => LANGUAGES.includes(language)) ?? "en";
}

const LANGUAGE = chosen();
const TAG = TAGS[LANGUAGE];
const PLACE = LANGUAGES.indexOf(LANGUAGE);
const WHOLE = new Intl.NumberFormat(TAG);
const SHORT = new Intl.NumberFormat(TAG, { notation: "compact", maximumSignificantDigits: 3 });
const CLOCK = new Intl.DateTimeFormat(TAG, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(TAG, { day: "numeric", month: "short" });
const EXACT = new Intl.DateTimeFormat(TAG, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

/**
 * The page's words for *key* in the reader's language.
 * @param {object} values those of the placeholders; numbers are formatted
 */
export function word(key, values = {}) {
  const [one, many] = WORDS[key][PLACE].split(" | ");
  const words = many === undefined || values.n === 1 ? one : many;
  return words.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? whole(values[name]) : values[name]));
}

/** The words for *prefix_name*; the bare name if the page has none. */
export function wordOr(prefix, name) {
  const key = `${prefix}_${name}`;
  return key in WORDS ? word(key) : String(name).replaceAll("_", " ");
}

/** Put the page's words into its static elements, and name its language. */
export function speak() {
  document.documentElement.lang = TAG;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = word(element.dataset.label);
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = word(element.dataset.hint);
}

/** 12345 as "12,345". */
export function whole(number) {
  return WHOLE.format(number);
}

/** 12345 as "12.3K". */
export function short(number) {
  return SHORT.format(number);
}

/** Seconds since 1970 as "14:05", in the reader's own time zone. */
export function clock(at) {
  return CLOCK.format(at * 1000);
}

/** Seconds since 1970 as "29 Nov". */
export function day(at) {
  return DAY.format(at * 1000);
}

/** Seconds since 1970 with the date. */
export function exactly(at) {
  return EXACT.format(at * 1000);
}

/** A number of seconds in one unit: "95 s", "12 min", "20 h", "3 d". */
export function span(seconds, round = Math.round) {
  const s = Math.max(0, seconds);
  if (s < 100) return word("unit_s", { n: round(s) });
  if (s < 100 * 60) return word("unit_min", { n: round(s / 60) });
  if (s < 48 * 3600) return word("unit_h", { n: round(s / 3600) });
  return word("unit_d", { n: round(s / 86400) });
}

/** A short time, measured: "0.82 s", "12.4 s", "240 s". */
export function measured(seconds) {
  return word("measured", { n: seconds.toFixed(seconds < 10 ? 2 : seconds < 100 ? 1 : 0) });
}
