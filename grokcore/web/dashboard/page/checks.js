// The end of a check: the server asks Grok, and a later report shows what it answered.

import { whole, word } from "./language.js";

const WAIT_MS = 30_000;
const NOISE_MS = 3000;
const HELD = ["invalid", "cooling"];

export class Check {
  /**
   * @param {object} view the token's row before Grok's answer, of a report at *received*
   * @param {(words: string, kind: string) => void} onEnd gets the result
   */
  constructor(view, received, names, onEnd) {
    this.before = facts(view, received);
    this.names = names;
    this.onEnd = onEnd;
    this.timer = setTimeout(() => this.end(word("checked_nothing"), "failed"), WAIT_MS);
  }

  /** See whether a later row shows Grok's answer. */
  look(view, received) {
    const now = facts(view, received);
    const changed = now.groups.filter((group) => !this.before.groups.some((old) => same(old, group)));
    if (HELD.includes(view.state) && view.state !== this.before.state) this.end(word("checked_held", { why: view.why }), "failed");
    else if (changed.length) this.end(word("checked", { left: changed.map((group) => this.left(group)).join(", ") }), "done");
  }

  left({ group, left, total }) {
    const model = this.names.first(group);
    return left == null ? `${model}: ${word("state_untried")}` : word("checked_left", { left: whole(left), total: whole(total), model });
  }

  end(words, kind) {
    if (this.timer === 0) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.onEnd(words, kind);
  }
}

/** What Grok's answer to a check changes; its renewal as a moment. */
function facts(view, received) {
  return { state: view.state, groups: view.groups.map((group) => ({ ...group, full: group.reset_in == null ? 0 : received + group.reset_in * 1000 })) };
}

function same(one, other) {
  return one.group === other.group && one.left === other.left && one.total === other.total && Math.abs(one.full - other.full) < NOISE_MS;
}
