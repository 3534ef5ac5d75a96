/** Work that is waited for in line, one line per address. */
export interface FairLine {
  /** Runs `work` when it is this address's turn; `undefined` when too many wait. */
  run<T>(address: string, work: () => Promise<T>): Promise<T> | undefined
}

/**
 * Lets `atOnce` pieces of work run, at most one of each address, and goes round the addresses: who sends many
 * waits behind their own, not others behind them. `perAddress` and `waiting` bound what waits.
 */
export function createFairLine(limits: { readonly atOnce: number; readonly perAddress: number; readonly waiting: number }): FairLine {
  const lines = new Map<string, (() => void)[]>()
  const busy = new Set<string>()
  let waiting = 0

  function next(): void {
    if (busy.size >= limits.atOnce) return
    for (const [address, line] of lines) {
      if (busy.has(address)) continue
      const start = line.shift() as () => void
      waiting -= 1
      lines.delete(address)
      // Back to the end: the others come first.
      if (line.length > 0) lines.set(address, line)
      start()
      if (busy.size >= limits.atOnce) return
    }
  }

  return {
    run<T>(address: string, work: () => Promise<T>): Promise<T> | undefined {
      const line = lines.get(address) ?? []
      if (line.length >= limits.perAddress || waiting >= limits.waiting) return undefined
      return new Promise<T>((resolve, reject) => {
        line.push(() => {
          busy.add(address)
          void work().then(resolve, reject).finally(() => {
            busy.delete(address)
            next()
          })
        })
        lines.set(address, line)
        waiting += 1
        next()
      })
    },
  }
}
