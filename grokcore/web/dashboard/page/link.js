// The connection to the server: the key, the ticket for the stream of events, and actions on
// tokens.
//
// EventSource sends no headers, so a single-use ticket takes the place of the key. When a stream
// ends, the browser would reconnect with the used ticket. So the page closes the stream itself, and
// opens a new one with a new ticket.

const STORED = "grok2api.key";
const RETRY_S = [1, 2, 4, 8, 15];

/** A refusal of the server, with its status and message. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Link {
  /**
   * @param {object} listeners functions to call: status(report); asks(message) when a key is
   *   needed; lost(message, seconds) when the server can't be reached, with the seconds until the
   *   next try
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.key = remembered();
    this.failures = 0;
    this.source = null;
    this.timer = 0;
  }

  /** Use this key from now on, and open the stream. */
  use(key) {
    this.key = key;
    this.open();
  }

  /** Forget the key, here and in the tab's storage, and ask for one. */
  forget() {
    this.close();
    this.key = "";
    remember("");
    this.listeners.asks("");
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  /** Open a stream of events. */
  async open() {
    this.close();
    const key = this.key;
    try {
      const { ticket } = await this.ask("POST", "status/ticket");
      if (key !== this.key) return; // the key was replaced or forgotten meanwhile
      remember(key);
      this.listen(ticket);
    } catch (error) {
      if (key === this.key) this.failed(error);
    }
  }

  listen(ticket) {
    const source = new EventSource(`status/events?ticket=${encodeURIComponent(ticket)}`);
    let heard = false;
    this.source = source;
    source.addEventListener("status", (event) => {
      heard = true;
      this.failures = 0;
      this.listeners.status(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      source.close();
      if (this.source !== source) return;
      if (heard) this.open();
      else this.poll();
    });
  }

  /**
   * Show one report and try again later: no stream arrives, since too many are open or a proxy
   * buffers it.
   */
  async poll() {
    const key = this.key;
    try {
      const report = await this.ask("GET", "status");
      if (key !== this.key) return;
      this.listeners.status(report);
      this.again();
    } catch (error) {
      if (key === this.key) this.failed(error);
    }
  }

  failed(error) {
    if (error.status === 401 || error.status === 403) {
      const wrong = this.key ? error.message : "";
      this.close();
      this.key = "";
      remember("");
      this.listeners.asks(wrong && error.status === 401 ? "This is not a key of this server." : wrong);
      return;
    }
    this.listeners.lost(error instanceof Refused ? error.message : "The server does not answer.", this.again());
  }

  /** Try again later; returns the seconds until then. */
  again() {
    const wait = RETRY_S[Math.min(this.failures, RETRY_S.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.open(), wait * 1000);
    return wait;
  }

  /**
   * Perform an action on a token; returns the token's new row, with the result in words (`said`).
   */
  act(key, name) {
    return this.ask("POST", `status/tokens/${encodeURIComponent(key)}/${name}`);
  }

  async ask(method, path) {
    const headers = this.key ? { authorization: `Bearer ${this.key}` } : {};
    const response = await fetch(path, { method, headers, cache: "no-store" });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response.status, body.error?.message ?? `The server answered with status ${response.status}.`);
    return body;
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return ""; // storage may be disabled
  }
}

function remember(key) {
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // the key then lasts as long as the page
  }
}
