/** Lines over time as an SVG: one per class, log scale. A picture that reads without colour: each line has its own dash and its name at the end. */
export function toChart(title: string, series: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[], unit: string): string {
  const [width, height, left, right, top, bottom] = [760, 300, 62, 120, 34, 40]
  const all = series.flatMap(({ values }) => values.filter((value) => value !== undefined && value > 0)) as number[]
  const length = Math.max(2, ...series.map(({ values }) => values.length))
  const least = 10 ** Math.floor(Math.log10(Math.max(0.1, Math.min(...all, 100))))
  const most = 10 ** Math.ceil(Math.log10(Math.max(1, ...all)))
  const x = (at: number) => left + (at / (length - 1)) * (width - left - right)
  const y = (value: number) => top + (1 - Math.log10(Math.max(value, least) / least) / Math.max(1, Math.log10(most / least))) * (height - top - bottom)
  const dashes = ['', '8 4', '2 3', '12 4 2 4']
  const colours = ['#1b4f72', '#b9770e', '#922b21', '#196f3d']
  const lines = series.map(({ label, values }, index) => {
    const points = values.flatMap((value, at) => (value === undefined ? [] : [`${x(at).toFixed(1)},${y(value).toFixed(1)}`])).join(' ')
    const last = values.findLast((value) => value !== undefined) ?? least
    return `<polyline points="${points}" fill="none" stroke="${colours[index % 4]}" stroke-width="2" stroke-dasharray="${dashes[index % 4]}"/><text x="${width - right + 8}" y="${(y(last) + 4).toFixed(1)}" fill="${colours[index % 4]}">${escape(label)}</text>`
  })
  const ticks: string[] = []
  for (let value = least; value <= most; value *= 10) ticks.push(`<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value} ${unit}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}" font-family="sans-serif" font-size="12"><rect width="${width}" height="${height}" fill="#fff"/><text x="${left}" y="20" font-size="14" font-weight="bold">${escape(title)}</text>${ticks.join('')}${lines.join('')}<text x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">seconds</text></svg>\n`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
