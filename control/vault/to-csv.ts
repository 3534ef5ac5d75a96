import type { Reveal } from '../../vault/contract.ts'

const columns = ['number', 'at', 'outcome', 'domain', 'client', 'purpose', 'token', 'flow', 'node', 'run'] as const satisfies readonly (keyof Reveal)[]

/** The line of heads (RFC 4180). */
export const csvHead = `${columns.join(',')}\r\n`

/** One line of the record of reveals. */
export function toCsvLine(reveal: Reveal): string {
  return `${columns.map((column) => toCell(reveal[column])).join(',')}\r\n`
}

/** Spreadsheets run what begins like a formula: an apostrophe before it makes it text. */
function toCell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
