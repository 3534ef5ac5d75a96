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
 * Lets `atOnce` pieces of work run, `ofAddress` of each address (default 1), and goes round the addresses: who sends many
 * waits behind their own, not others behind them. `perAddress` and `waiting` bound what waits; where all places are
 * taken, the longest line gives one up for a shorter one, so that many who guess do not keep out who knows.
 */
export function createFairLine(limits: { readonly atOnce: number; readonly ofAddress?: number; readonly perAddress: number; readonly waiting: number }): FairLine {
  const lines = new Map<string, Waiting[]>()
  const { atOnce, ofAddress = 1 } = limits
  const busy = new Map<string, number>()
  let running = 0
  let waiting = 0

  function next(): void {
    if (running >= atOnce) return
    for (const [address, line] of lines) {
      if ((busy.get(address) ?? 0) >= ofAddress) continue
      const first = line.shift() as Waiting
      waiting -= 1
      lines.delete(address)
      // Back to the end: the others come first.
      if (line.length > 0) lines.set(address, line)
      first.start()
      if (running >= atOnce) return
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
            running += 1
            busy.set(address, (busy.get(address) ?? 0) + 1)
            void work().then(resolve, reject).finally(() => {
              running -= 1
              const left = (busy.get(address) ?? 1) - 1
              if (left === 0) busy.delete(address)
              else busy.set(address, left)
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
