// The card of the first run: there is no token and no official lane yet.

import { button, byId, make, outdated, say } from "./dom.js";
import { word } from "./language.js";

const COPIED_MS = 2000;

/** Whether nothing was set up yet: no token, and no official lane. */
export function isNew(report) {
  return report.tokens.total === 0 && report.lanes.every((lane) => lane.state === "off");
}

/** Show what to do, with the commands as this server is installed. */
export function drawFirst({ command = "python3 grok2api.py", page_edits: edits = false }) {
  if (!outdated(byId("first-steps"), [command, edits])) return;
  byId("first-steps").replaceChildren(
    make("li", make("p", word("first_session"))),
    make("li", make("p", word(edits ? "first_add_here" : "first_add")), toCopy(`${command} tokens add`)),
    make("li", make("p", word("first_check")), toCopy(`${command} check`)),
  );
}

/** A command, with a button that copies it. Without the right to the clipboard it is selected. */
function toCopy(command) {
  const code = make("code", command);
  const copy = button(word("copy"), async () => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(command);
      say(copy, word("copied"));
      setTimeout(() => say(copy, word("copy")), COPIED_MS);
    } catch {
      // it stays selected; pages over plain HTTP have no clipboard
    }
  });
  copy.ariaLabel = word("copy_label", { command });
  return make("div.command", code, copy);
}
