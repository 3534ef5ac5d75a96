import { parse } from 'csv-parse/sync'
import { fault } from '../../runtime/core/fault.ts'

export interface ReadOptions {
  readonly separator: string
  /** Text that looks like a number becomes one. */
  readonly numbers: boolean
  readonly emptyStrings: boolean
  readonly nullValues: boolean
}

type Cell = string | number | null

/** Node-RED's: no leading zeros, so that codes such as 0123 stay text. */
const numeric = /^ *-?(?!0\d)(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})? *$/i

/**
 * Records of a CSV text (RFC 4180; quotes inside unquoted cells are taken as they are). An empty cell is
 * `null` when nothing stood there and `''` when it was quoted.
 * @throws Fault `step.error` with the line
 */
export function readRecords(text: string, options: ReadOptions, skipLines = 0): Cell[][] {
  try {
    return parse(text, {
      delimiter: options.separator,
      bom: true,
      from_line: skipLines + 1,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      cast: (value: string, { quoting }: { quoting: boolean }) => {
        if (value === '') return quoting ? '' : null
        return options.numbers && !quoting && numeric.test(value) ? Number(value) : value
      },
    }) as unknown as Cell[][]
  } catch (error) {
    const { lines } = error as { lines?: number }
    throw fault('step.error', { message: `The CSV cannot be read${lines === undefined ? '' : ` at line ${lines}`}: ${(error as Error).message}.` }, error)
  }
}

/** Column names as the form writes them: comma-separated, quoted where needed. An unnamed column is left out. */
export function readColumns(text: string): string[] {
  if (text.trim() === '') return []
  const [names = []] = readRecords(text, { separator: ',', numbers: false, emptyStrings: true, nullValues: true })
  return names.map((name) => String(name ?? '').trim())
}

/** Records as objects; cells beyond the named columns are left out, without names they are col1, col2 … */
export function toObjects(records: readonly (readonly Cell[])[], columns: readonly string[], options: ReadOptions): { rows: Record<string, Cell>[]; columns: readonly string[] } {
  const widest = columns.length > 0 ? 0 : records.reduce((width, record) => Math.max(width, record.length), 0)
  const names = columns.length > 0 ? columns : Array.from({ length: widest }, (_, index) => `col${index + 1}`)
  const rows: Record<string, Cell>[] = []
  for (const record of records) {
    const entries: [string, Cell][] = []
    for (const [index, name] of names.entries()) {
      const cell = record[index]
      if (name === '' || cell === undefined) continue
      if (cell === null ? !options.nullValues : cell === '' && !options.emptyStrings) continue
      entries.push([name, cell])
    }
    if (entries.length > 0) rows.push(Object.fromEntries(entries)) // fromEntries: a column called __proto__ is a column
  }
  return { rows, columns: names }
}
