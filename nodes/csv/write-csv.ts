/** One cell, quoted when it holds the separator, a quote or a line break (RFC 4180 §2). */
export function quoteCell(value: unknown, separator: string): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value as number)
  return text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What a payload is when it becomes CSV: rows of cells, and the columns they stand in. */
export function toRows(payload: object, columns: readonly string[]): { rows: unknown[][]; columns: readonly string[] } {
  const list: readonly unknown[] = Array.isArray(payload) ? payload : [payload]
  const isRow = Array.isArray(payload) && list.length > 0 && (typeof list[0] !== 'object' || list[0] === null)
  if (isRow) return { rows: [[...list]], columns }
  if (Array.isArray(list[0])) {
    const rows = list.map((row) => (Array.isArray(row) ? (row as unknown[]) : [row]))
    return { rows: columns.length > 0 ? rows.map((row) => columns.map((_, index) => row[index])) : rows, columns }
  }
  const names = columns.length > 0 ? columns : Object.keys((list[0] as object | undefined) ?? {})
  return { rows: list.map((row) => names.map((name) => (typeof row === 'object' && row !== null && Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : ''))), columns: names }
}

/** Lines of cells, each ended by `lineEnd`. */
export function writeRows(rows: readonly (readonly unknown[])[], separator: string, lineEnd: string): string {
  let text = ''
  for (const row of rows) text += row.map((cell) => quoteCell(cell, separator)).join(separator) + lineEnd
  return text
}
