/**
 * One line of the table: a field of the result and where its value comes from. Plain JSON, as it stands in the flow.
 * The value is `from` (a place in the message) or `value` (a constant); it goes through the functions of `do` one after
 * the other; where nothing comes out, `default` stands in; `each` makes an object of every item of a list.
 */
export interface Row {
  /** `weather.temperatureC`, `$name` for a value that only later rows use, `*` for all fields of the value, `.` for the value as the whole result. */
  readonly to: string
  readonly from?: string
  readonly value?: unknown
  readonly do?: readonly RowStep[]
  readonly default?: unknown
  readonly each?: readonly Row[]
}

/** A function with its arguments beside the value that it works on. */
export interface RowStep {
  readonly function: string
  readonly with?: readonly RowArgument[]
}

/** A constant, or a place in the message. */
export type RowArgument = { readonly value: unknown } | { readonly from: string }

/** Rows of one table, functions of one row, tables within tables: more than anybody reads. */
export const limits = { rows: 500, steps: 20, depth: 5 } as const

/** A text in the languages of the editor. */
export interface Words {
  readonly en: string
  readonly 'zh-TW': string
}
