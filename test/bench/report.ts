import type { Row } from './scenario.ts'

/** The rows as a table of plain text. */
export function toTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.label, row.value, row.target, verdict(row)])
  const all = [['scenario', 'value', 'target', ''], ...cells]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] as string).length)))
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

function verdict(row: Row): string {
  if (row.doubt) return `does not count: ${row.doubt}`
  return row.pass === undefined ? '' : row.pass ? 'pass' : 'FAIL'
}
