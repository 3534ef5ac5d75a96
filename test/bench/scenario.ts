/** One row of the table: a value, what it has to reach, and whether it counts. */
export interface Row {
  readonly label: string
  readonly value: string
  readonly target: string
  /** `undefined` when there is no target: the row is reported only. */
  readonly pass?: boolean
  /** Why the row does not count (core not busy, bad answers). */
  readonly doubt?: string
}

export interface Outcome {
  readonly rows: readonly Row[]
  /** What goes into the last line. */
  readonly facts: Readonly<Record<string, unknown>>
}

export interface BenchOptions {
  readonly seconds: number
  readonly rounds: number
  /** Contestants to run, for looking at one of them; absent: all. */
  readonly only?: readonly string[]
  /** Says what is being done; the table comes at the end. */
  readonly say: (line: string) => void
}

export interface Scenario {
  readonly name: string
  /** Takes minutes and is run only when asked for by its name. */
  readonly whenNamed?: boolean
  run(options: BenchOptions): Promise<Outcome>
}
