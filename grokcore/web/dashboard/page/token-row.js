// One token: a line of the table, and what is below it when it is opened.

import { brief } from "./allowances.js";
import { Check } from "./checks.js";
import { condition } from "./conditions.js";
import { button, make, say } from "./dom.js";
import { word } from "./language.js";
import { since, timeless } from "./times.js";
import { TokenDetails } from "./token-details.js";

export class TokenRow {
  /**
   * @param {object} owner performs actions: act(key, name, values), result(id, words)
   */
  constructor(view, owner) {
    this.id = view.id;
    this.owner = owner;
    this.details = null;
    this.check = null;
    this.toggle = button(make("code", view.id), () => this.open(this.details === null));
    this.toggle.className = "toggle";
    this.toggle.ariaLabel = word("open_row", { id: view.id });
    this.toggle.ariaExpanded = "false";
    this.tier = make("span.tier");
    this.note = cell("td", "note");
    this.state = cell("td", "condition");
    this.used = cell("td", "used");
    this.head = cell("th", "token", this.toggle, this.tier);
    this.head.scope = "row";
    this.allowances = [];
    this.element = make("tr", this.head, this.note, this.state, this.used);
    this.element.setAttribute("role", "row");
    this.element.addEventListener("click", (event) => {
      if (!event.target.closest("button") && getSelection().isCollapsed) this.open(this.details === null);
    });
  }

  /** The rows of the table: the line, and the details if it is open. */
  get elements() {
    return this.details ? [this.element, this.details.element] : [this.element];
  }

  /** Show the token's state at that time (milliseconds). */
  update(view, received, table) {
    Object.assign(this, { view, received, table });
    this.element.dataset.state = view.state;
    say(this.tier, view.tier === "super" ? word("tier_super") : "");
    say(this.note, view.note ?? "");
    this.state.replaceChildren(...condition(view, received));
    if (view.used_ago == null) timeless(this.used, "–");
    else since(this.used, received - view.used_ago * 1000, "bare_time", "bare_time");
    const held = view.state === "invalid" || view.state === "disabled";
    this.element.classList.toggle("bare", held || !view.groups.some(({ group }) => table.columns.includes(group)));
    for (const old of this.allowances) old.remove(); // the other cells stay, and with them the focus
    this.allowances = table.columns.map((group) => this.allowance(group));
    this.used.before(...this.allowances);
    this.details?.update(view, received, table);
    this.check?.look(view, received);
  }

  allowance(name) {
    const { names } = this.table;
    const group = this.view.groups.find((one) => one.group === name);
    const held = this.view.state === "invalid" || this.view.state === "disabled";
    const element = cell("td", "allowance", make("span.value", ...brief(held ? null : group, this.received)));
    element.title = names.all(name).join(", ");
    return element;
  }

  open(opened) {
    this.toggle.ariaExpanded = String(opened);
    this.details = opened ? new TokenDetails(this.id, (name, values) => this.perform(name, values)) : null;
    this.details?.update(this.view, this.received, this.table);
    this.owner.arrange();
  }

  async perform(name, values) {
    const { key } = this.view;
    this.details?.busy(name);
    try {
      const answer = await this.owner.act(key, name, values);
      if (answer.state && answer.groups) this.update(answer, Date.now(), this.table);
      this.report(answer.said, "done");
      if (name === "check" && answer.groups) this.await(answer);
    } catch (error) {
      this.report(this.owner.inWords(error), "failed");
    } finally {
      this.details?.busy("");
    }
  }

  await(view) {
    if (view.state === "disabled") return;
    this.check = new Check(view, Date.now(), this.table.names, (words, kind) => {
      this.check = null;
      this.report(words, kind);
    });
  }

  report(words, kind) {
    this.details?.report(words, kind);
    this.owner.announce(word("about_token", { id: this.id, result: words }));
  }
}

export function cell(tag, name, ...children) {
  const element = make(`${tag}.${name}`, ...children);
  element.setAttribute("role", tag === "th" ? "rowheader" : "cell");
  return element;
}
