import type { Fields } from './form-view.ts'

/** A text of a form without spaces around it; nothing when it is empty. */
export function toText(form: Fields, name: string): string | undefined {
  const text = (form.get(name) ?? '').trim()
  return text === '' ? undefined : text
}

/** A number of a form. What is no number is passed on as it is, so that whoever checks the record names it. */
export function toNumber(form: Fields, name: string): number | undefined {
  const text = toText(form, name)
  if (text === undefined) return undefined
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : (text as unknown as number)
}

/** Lines that hold something. */
export function toLines(form: Fields, name: string): string[] {
  return (form.get(name) ?? '').split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '')
}

/** RFC 3339 of a `datetime-local` field that is read as UTC. */
export function toMoment(form: Fields, name: string): string | undefined {
  const text = toText(form, name)
  if (text === undefined) return undefined
  const full = text.length === 16 ? `${text}:00` : text
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/.test(full) ? `${full}Z` : text
}

/** The value of a `datetime-local` field for a moment, in UTC. */
export function fromMoment(iso: string | undefined): string {
  if (iso === undefined) return ''
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  return at.toISOString().replace(/(:00)?\.\d+Z$/, '')
}

/** Numbers of the rows that a form holds: `quotas.0.limit`, `quotas.3.limit` are rows 0 and 3. */
export function rowsOf(form: Fields, name: string): number[] {
  const found = new Set<number>()
  for (const key of form.keys()) {
    const row = key.startsWith(`${name}.`) ? /^(\d{1,3})\./.exec(key.slice(name.length + 1))?.[1] : undefined
    if (row !== undefined) found.add(Number(row))
  }
  return [...found].toSorted((a, b) => a - b)
}

/** The form with the rows of a list that hold something, counted from 0: so that problems point at the row that is shown. */
export function compactRows(form: Fields, name: string, isFilled: (row: (field: string) => string) => boolean): Fields {
  const rows = rowsOf(form, name)
  const kept = rows.filter((row) => isFilled((field) => (form.get(`${name}.${row}.${field}`) ?? '').trim()))
  const place = new Map(kept.map((row, i) => [String(row), String(i)]))
  const compact = new URLSearchParams()
  for (const [key, value] of form) {
    if (!key.startsWith(`${name}.`)) {
      compact.append(key, value)
      continue
    }
    const [row = '', ...rest] = key.slice(name.length + 1).split('.')
    if (!/^\d+$/.test(row)) compact.append(key, value)
    else if (place.has(row)) compact.append([name, place.get(row), ...rest].join('.'), value)
  }
  return compact
}

/** Properties that say something. */
export function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as { [Key in keyof T]?: Exclude<T[Key], undefined> }
}
