import type { Words } from './row.ts'

export type FunctionCategory = 'text' | 'number' | 'date' | 'list' | 'join' | 'choice' | 'convert'

/** What an argument is. `field` names a field of a list’s items and reaches a function as a reader of it. */
export type ArgumentKind = 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'field' | 'list' | 'object' | 'any'

export interface Argument {
  readonly name: string
  readonly label: Words
  readonly kind: ArgumentKind
  /** Values of a `choice`, as people read them. */
  readonly choices?: Readonly<Record<string, Words>>
  /** Taken when the argument is left out; one without must be given. */
  readonly default?: unknown
  /** Cannot come from the message: it is read when the flow is deployed. */
  readonly constant?: boolean
  /** Smallest and largest number, or longest text. */
  readonly minimum?: number
  readonly maximum?: number
  /** The key of a join: without it nothing can be joined. */
  readonly key?: boolean
  /** A field of the items of this argument, by its place; without, of the value’s. */
  readonly of?: number
}

/** Counts the work of one message. @throws when it is more than one message may cost */
export type Spend = (items: number) => void

/** A reader of a field of an item. */
export type Reader = (item: unknown) => unknown

/**
 * A function of the list, declared once: the table, the form, the docs page and the tests are made of it. It is total:
 * for a value that it has no use for it gives `undefined`, “nothing”, and the row’s default stands in.
 */
export interface MapFunction {
  readonly name: string
  readonly category: FunctionCategory
  readonly label: Words
  readonly summary: Words
  readonly arguments: readonly Argument[]
  /** A worked example: documentation and test at once. */
  readonly example: { readonly value: unknown; readonly with: readonly unknown[]; readonly gives: unknown }
  /** `args` are complete: defaults filled in, fields as readers. */
  run(value: any, args: readonly any[], spend: Spend): unknown
  /**
   * What it stands for: an expression over the text of the value and of the arguments (fields as JSONata functions),
   * and the constants themselves. Absent where JSONata has no means for it.
   */
  jsonata?(value: string, args: readonly string[], constants: readonly unknown[]): string
}

/** An argument, shortly. */
export function argument(name: string, kind: ArgumentKind, en: string, zh: string, more: Partial<Argument> = {}): Argument {
  return { name, kind, label: { en, 'zh-TW': zh }, ...more }
}

export function words(en: string, zh: string): Words {
  return { en, 'zh-TW': zh }
}
