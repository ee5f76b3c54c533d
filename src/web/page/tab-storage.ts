/** What survives a reload, in this tab only. */

export function readStored<T>(window: Window, key: string, otherwise: T): T {
  try {
    return JSON.parse(window.sessionStorage.getItem(key) ?? "") as T;
  } catch {
    return otherwise; // nothing stored, storage switched off, or written by another version
  }
}

export function store(window: Window, key: string, value: unknown): void {
  try {
    window.sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or switched off: only a reload loses what is in the box.
  }
}
