/** Messages kept of what a pipeline sends before it is live. */
const mostEarly = 1_000

/** What nodes sent outside of any run before their pipeline was live, by the pipeline's key. */
export interface EarlySends {
  /** Keeps one for later; what is too much is dropped, unless it is always to be kept. */
  keep(key: string, send: () => void, always?: boolean): void
  /** Keeps what is to be done each time that the pipeline comes to life: with its deploy, and with a rollback to it while it drains. */
  keepEach(key: string, begin: () => void): void
  /** Sends what was kept, in order. */
  sendAll(key: string): void
  forget(key: string): void
}

/** Keeps what nodes send before they are live. */
export function createEarlySends(): EarlySends {
  const waiting = new Map<string, (() => void)[]>()
  const each = new Map<string, (() => void)[]>()
  return {
    keep(key, send, always = false) {
      const sends = waiting.get(key) ?? []
      if (always || sends.length < mostEarly) sends.push(send)
      waiting.set(key, sends)
    },
    keepEach(key, begin) {
      const begins = each.get(key) ?? []
      begins.push(begin)
      each.set(key, begins)
    },
    sendAll(key) {
      for (const begin of each.get(key) ?? []) begin()
      for (const send of waiting.get(key)?.splice(0) ?? []) send()
      waiting.delete(key)
    },
    forget(key) {
      waiting.delete(key)
      each.delete(key)
    },
  }
}
