/** Rows as columns that line up; wide characters count double. A last column is not padded. */
export function toColumns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => widthOf(row[i] ?? ''))))
  return all.map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - widthOf(cell)))).join('  ').trimEnd()).join('\n')
}

/** Facts one a line; those that say nothing are left out. */
export function toLines(facts: readonly (readonly [string, string | number | boolean | undefined])[]): string {
  const said = facts.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...said.map(([name]) => name.length))
  return said.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** Columns of a terminal: characters of East Asian scripts take two. */
function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u.test(character) ? 2 : 1
  return width
}
