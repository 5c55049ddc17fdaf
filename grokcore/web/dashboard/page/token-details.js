// What is below a token's line when it is opened: the reason in full, all allowances, and actions.

import { inFull } from "./allowances.js";
import { sensibleActs } from "./conditions.js";
import { button, make, outdated, say } from "./dom.js";
import { whole, word, wordOr } from "./language.js";
import { since } from "./times.js";
import { connectionName } from "./ways.js";

const RESULT_MS = 30_000;

/** Actions that are asked about first, and those that need a text. */
const QUESTIONS = { disable: "sure_disable", remove: "sure_remove" };
const TEXTS = { replace: "replace_label" };

export class TokenDetails {
  /** @param {(act: string, values?: object) => void} perform */
  constructor(id, perform) {
    this.id = id;
    this.perform = perform;
    this.asking = false;
    this.why = make("p.why");
    this.facts = make("p.facts");
    this.allowances = make("ul.allowances");
    this.acts = make("div.acts");
    this.outcome = make("p.outcome");
    const held = make("td", make("div.inside", this.why, this.facts, this.allowances, this.acts, this.outcome));
    held.setAttribute("role", "cell");
    this.cell = held;
    this.element = make("tr.details", held);
    this.element.setAttribute("role", "row");
  }

  update(view, received, { columns, names, edits, addresses }) {
    this.view = view;
    this.edits = edits;
    this.cell.colSpan = columns.length + 4;
    say(this.why, view.why ?? "");
    this.drawFacts(view, received, addresses);
    this.allowances.replaceChildren(...view.groups.map((group) => inFull(group, names, received)));
    if (!view.groups.length) this.allowances.append(make("li.quiet", word("nothing_known")));
    if (!this.asking) this.drawActs();
  }

  drawFacts(view, received, addresses) {
    const used = make("span", view.used_ago == null ? word("never") : "");
    if (view.used_ago != null) since(used, received - view.used_ago * 1000);
    this.facts.replaceChildren(
      ...(view.note ? [fact("fact_note", view.note)] : []),
      fact("fact_tier", wordOr("tier", view.tier)),
      fact("fact_connection", connectionName(view.egress, addresses.get(view.egress))),
      fact("fact_used", used),
      ...(view.in_flight ? [fact("fact_under_way", whole(view.in_flight))] : []),
    );
  }

  // Actions

  drawActs() {
    const wanted = sensibleActs(this.view, this.edits);
    if (!outdated(this.acts, wanted)) return;
    const focused = this.acts.contains(document.activeElement) ? document.activeElement.dataset.act : "";
    this.acts.replaceChildren(...wanted.map((act) => this.button(`act_${act}`, act, () => this.begin(act))));
    if (focused) (this.acts.querySelector(`[data-act="${focused}"]`) ?? this.acts.firstChild)?.focus();
  }

  begin(act) {
    if (act in QUESTIONS) this.confirm(act);
    else if (act in TEXTS) this.askText(act);
    else this.perform(act);
  }

  /** Ask in the place of the buttons; Escape and "Keep" cancel. */
  confirm(act) {
    const question = make("span.question", word(QUESTIONS[act]));
    const yes = this.button(`act_${act}`, "confirm", () => this.decide(act, {}));
    const no = this.button("act_keep", "keep", () => this.decide(act, null));
    yes.classList.add("danger");
    question.id = `question-${this.id}`;
    no.setAttribute("aria-describedby", question.id); // the focus goes to this button
    this.ask(act, question, yes, no);
    no.focus();
  }

  /** Ask for a text in the place of the buttons. */
  askText(act) {
    const field = make("input");
    Object.assign(field, { type: "password", autocomplete: "off", spellcheck: false, required: true });
    const go = make("button.go", word(`act_${act}`));
    go.type = "submit";
    const label = make("label.stacked", make("span", word(TEXTS[act])), field);
    const form = make("form.inline", label, go, this.button("act_cancel", "keep", () => this.decide(act, null)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.decide(act, { token: field.value.trim() });
    });
    this.ask(act, form);
    field.focus();
  }

  ask(act, ...elements) {
    this.asking = true;
    this.acts.replaceChildren(...elements);
    this.acts.onkeydown = (event) => event.key === "Escape" && this.decide(act, null);
  }

  /** Perform the action with *values*, or leave it with null. */
  decide(act, values) {
    this.asking = false;
    this.acts.onkeydown = null;
    outdated(this.acts, null);
    this.drawActs();
    (this.acts.querySelector(`[data-act="${act}"]`) ?? this.acts.lastChild)?.focus();
    if (values) this.perform(act, act in TEXTS ? values : undefined);
  }

  button(key, act, onPress) {
    const element = button(word(key), onPress);
    element.dataset.act = act;
    element.ariaLabel = word("act_on", { act: word(key), id: this.id });
    return element;
  }

  /** Show that an action is under way; an empty one ends this. (Disabled buttons lose the focus.) */
  busy(act) {
    for (const element of this.acts.querySelectorAll("button")) element.ariaDisabled = String(Boolean(act));
    this.element.ariaBusy = String(Boolean(act));
    if (act) this.report(word(`doing_${act}`), "doing");
  }

  /** Show the result of an action for a while. */
  report(words, kind) {
    clearTimeout(this.timer);
    say(this.outcome, words);
    this.outcome.dataset.kind = kind;
    if (kind !== "doing") this.timer = setTimeout(() => say(this.outcome, ""), RESULT_MS);
  }
}

function fact(key, value) {
  return make("span.fact", make("span.quiet", `${word(key)} `), value);
}
