/** Exit codes of the command line. */
export const exitCodes = {
  done: 0,
  /** What was asked for was refused or went wrong; the text says why. */
  failed: 1,
  /** The command or a setting is wrong; nothing was tried. */
  usage: 2,
} as const

/** Ends a command with a sentence for the person at the terminal. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: number
  /** The same for programs (`--json`). */
  readonly facts: Readonly<Record<string, unknown>>
  constructor(message: string, facts: Readonly<Record<string, unknown>> = {}, code: number = exitCodes.failed) {
    super(message)
    this.facts = facts
    this.code = code
  }
}

/** Where a command's result goes: text for people, one JSON object for programs. */
export interface Output {
  readonly json: boolean
  /** `facts` with `--json`, else `text`. */
  result(text: string, facts: Readonly<Record<string, unknown>>): void
  /** Said on the way; kept from stdout, so that a result can be piped. */
  note(text: string): void
}

export function createOutput(json: boolean, write: (text: string) => void, writeNote: (text: string) => void): Output {
  return {
    json,
    result: (text, facts) => write(json ? `${JSON.stringify(facts)}\n` : `${text}\n`),
    note: (text) => writeNote(`${text}\n`),
  }
}
