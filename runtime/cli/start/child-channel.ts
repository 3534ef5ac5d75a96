/**
 * The channel between the supervisor and a process it started, from the child's side. What they say to
 * each other is in the two types; both ends import them from here.
 */

/** What a child tells its supervisor. */
export type FromChild =
  | { readonly say: 'progress'; readonly text: string }
  | { readonly say: 'ready'; readonly facts: ReadyFacts }
  /** It cannot start; `sentence` is for a person. A busy port comes with its number. */
  | { readonly say: 'failed'; readonly sentence: string; readonly busyPort?: number }
  /** A gateway that has no key of its own yet. */
  | { readonly say: 'needsToken' }
  /** Something here needs the vault. It may be said again; `vaultReady` answers each time. */
  | { readonly say: 'needVault' }
  /** Control's answer to `joinToken`. */
  | { readonly say: 'joinToken'; readonly forGateway: number; readonly token: string }
  /** Something worth a line, such as the release that went live. */
  | { readonly say: 'note'; readonly text: string; readonly facts?: Readonly<Record<string, unknown>> }

/** What the supervisor tells a child. */
export type ToChild =
  | { readonly say: 'stop'; readonly limitMs: number }
  /** To control: make a one-time token for a gateway. */
  | { readonly say: 'joinToken'; readonly forGateway: number }
  /** To whoever said `needVault`: it answers from now on, or nothing here runs one. */
  | { readonly say: 'vaultReady' }
  /** To a gateway: the token it asked for. */
  | { readonly say: 'token'; readonly token: string }

/** Where a child serves and what a newcomer has to know of it. */
export interface ReadyFacts {
  readonly url?: string
  readonly opsUrl?: string
  /** A generated password that nobody has signed in with yet. */
  readonly password?: string
  readonly release?: number
}

export interface ChildChannel {
  /** False when the process was started by hand. */
  readonly supervised: boolean
  tell(message: FromChild): void
  hear(listener: (message: ToChild) => void): void
  /** Resolves with the limit for draining, when the supervisor or the system asks the process to stop. */
  readonly stopAsked: Promise<number>
}

/** How long a supervised process that got SIGTERM leaves the order of stopping to its supervisor. */
const ownDecisionMs = 1_000

/**
 * Opens the channel. Under a supervisor the process leaves Ctrl-C to it, which reaches the whole
 * foreground group. In both cases it ends when its channel closes: its parent is gone, however it went.
 */
export function openChildChannel(drainLimitMs: number, supervised: boolean): ChildChannel {
  const listeners: ((message: ToChild) => void)[] = []
  const stopAsked = new Promise<number>((settle) => {
    // A service manager signals the whole group: the supervisor then says who stops when.
    process.once('SIGTERM', () => (supervised ? setTimeout(settle, ownDecisionMs, drainLimitMs) : settle(drainLimitMs)))
    process.on('disconnect', () => process.exit(0))
    if (!supervised) {
      process.once('SIGINT', () => {
        settle(drainLimitMs)
        process.once('SIGINT', () => process.exit(1))
      })
    } else {
      process.on('SIGINT', () => {})
      process.on('message', (message: ToChild) => {
        if (message.say === 'stop') settle(message.limitMs)
        for (const listener of listeners) listener(message)
      })
    }
  })
  return {
    supervised,
    tell(message) {
      if (supervised && process.connected) process.send?.(message, undefined, {}, () => {}) // a parent that just went is handled by 'disconnect'
    },
    hear: (listener) => void listeners.push(listener),
    stopAsked,
  }
}

/** Tells the supervisor, or the person at the terminal, why the process cannot start, and ends it. */
export async function failToStart(channel: ChildChannel, thrown: unknown): Promise<never> {
  const error = thrown as NodeJS.ErrnoException & { port?: number }
  const busyPort = error?.code === 'EADDRINUSE' || error?.code === 'port.busy' ? error.port : undefined
  const sentence = thrown instanceof Error ? thrown.message : String(thrown)
  if (!channel.supervised) process.stderr.write(`${sentence}\n`)
  else {
    await new Promise<void>((sent) => {
      process.send?.({ say: 'failed', sentence, ...(busyPort ? { busyPort } : {}) } satisfies FromChild, undefined, {}, () => sent())
    })
  }
  process.exit(1)
}
