// Tokens and browser values that the owner adds on the page, if the server allows it.

import { byId, make, say, show } from "./dom.js";
import { word } from "./language.js";
import { inWords } from "./link.js";

const VALUES = ["cf_clearance", "user_agent", "x_statsig_id"];

export class Edits {
  /** @param {(path: string, values: object) => Promise<object>} send sends values to the server */
  constructor(send) {
    this.send = send;
    byId("value-name").replaceChildren(...VALUES.map((name) => make("option", name)));
    this.attend("token", "adding", () => ["status/tokens", { token: text("new-token"), tier: byId("new-tier").value, note: text("new-note") }]);
    this.attend("values", "taking_over", () => ["status/browser-values", text("curl") ? { curl: text("curl") } : { [byId("value-name").value]: text("value") }]);
  }

  /** Show the forms, or only what opens them, if the server allows edits. */
  allow(allowed, isNew) {
    for (const name of ["token", "values"]) show(byId(`open-${name}`), allowed && !(isNew && name === "token"));
    if (!allowed) for (const name of ["token", "values"]) this.open(name, false);
    if (allowed && isNew) show(byId("token-form"), true);
  }

  attend(name, doing, read) {
    const form = byId(`${name}-form`);
    byId(`open-${name}`).addEventListener("click", () => this.open(name, form.hidden));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(form, byId(`${name}-outcome`), doing, read());
    });
  }

  open(name, opened) {
    show(byId(`${name}-form`), opened);
    byId(`open-${name}`).ariaExpanded = String(opened);
    if (opened) byId(`${name}-form`).querySelector("input, textarea").focus();
  }

  async submit(form, outcome, doing, [path, values]) {
    tell(outcome, word(doing), "doing");
    try {
      const { said } = await this.send(path, values);
      form.reset();
      tell(outcome, said, "done");
    } catch (error) {
      tell(outcome, inWords(error), "failed");
    }
  }
}

function text(id) {
  return byId(id).value.trim();
}

function tell(outcome, words, kind) {
  outcome.dataset.kind = kind;
  say(outcome, words);
}
