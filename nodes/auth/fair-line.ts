/** Work that is waited for in line, one line per address. */
export interface FairLine {
  /** Runs `work` when it is this address's turn. `undefined`: too many wait, it is not done. */
  run<T>(address: string, work: () => Promise<T>): Promise<T | undefined>
}

interface Waiting {
  start(): void
  drop(): void
}

/**
 * Lets `atOnce` pieces of work run, at most one of each address, and goes round the addresses: who sends many
 * waits behind their own, not others behind them. `perAddress` and `waiting` bound what waits; where all places are
 * taken, the longest line gives one up for a shorter one, so that many who guess do not keep out who knows.
 */
export function createFairLine(limits: { readonly atOnce: number; readonly perAddress: number; readonly waiting: number }): FairLine {
  const lines = new Map<string, Waiting[]>()
  const busy = new Set<string>()
  let waiting = 0

  function next(): void {
    if (busy.size >= limits.atOnce) return
    for (const [address, line] of lines) {
      if (busy.has(address)) continue
      const first = line.shift() as Waiting
      waiting -= 1
      lines.delete(address)
      // Back to the end: the others come first.
      if (line.length > 0) lines.set(address, line)
      first.start()
      if (busy.size >= limits.atOnce) return
    }
  }

  /** Takes a place from a line that is longer than one would be with one more. */
  function makeRoom(length: number): boolean {
    let longest: Waiting[] = []
    for (const line of lines.values()) if (line.length > longest.length) longest = line
    if (longest.length <= length + 1) return false
    ;(longest.pop() as Waiting).drop()
    waiting -= 1
    return true
  }

  return {
    run<T>(address: string, work: () => Promise<T>): Promise<T | undefined> {
      const line = lines.get(address) ?? []
      if (line.length >= limits.perAddress || (waiting >= limits.waiting && !makeRoom(line.length))) return Promise.resolve(undefined)
      return new Promise<T | undefined>((resolve, reject) => {
        line.push({
          start() {
            busy.add(address)
            void work().then(resolve, reject).finally(() => {
              busy.delete(address)
              next()
            })
          },
          drop: () => resolve(undefined),
        })
        lines.set(address, line)
        waiting += 1
        next()
      })
    },
  }
}
