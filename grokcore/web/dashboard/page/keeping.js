// The key in the browser's storage: of the tab, or of the device if the reader chose that.

const STORED = "grok2api.key";

/** The kept key, and whether it outlasts the tab. */
export function remembered() {
  try {
    const kept = localStorage.getItem(STORED);
    return { key: kept ?? sessionStorage.getItem(STORED) ?? "", keep: kept !== null };
  } catch {
    return { key: "", keep: false }; // storage may be disabled
  }
}

/** Keep the key; an empty one is not kept. */
export function remember(key, keep) {
  forgotten();
  if (!key) return;
  try {
    (keep ? localStorage : sessionStorage).setItem(STORED, key);
  } catch {
    // the key then lasts as long as the page
  }
}

/** Remove the key from all storage. */
export function forgotten() {
  try {
    sessionStorage.removeItem(STORED);
    localStorage.removeItem(STORED);
  } catch {
    // nothing was kept
  }
}
