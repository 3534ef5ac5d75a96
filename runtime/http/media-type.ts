/** A Content-Type header taken apart (RFC 9110 §8.3). `type` is lower case, without parameters. */
export interface MediaType {
  readonly type: string
  readonly charset: string | undefined
  readonly boundary: string | undefined
}

const none: MediaType = { type: '', charset: undefined, boundary: undefined }
const plainJson: MediaType = { type: 'application/json', charset: undefined, boundary: undefined }

/** Takes a Content-Type apart. What is malformed gives an empty type. Pure. */
export function toMediaType(header: string | undefined): MediaType {
  if (header === undefined) return none
  if (header === 'application/json') return plainJson
  const end = header.indexOf(';')
  const type = (end === -1 ? header : header.slice(0, end)).trim().toLowerCase()
  if (!/^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/.test(type)) return none
  if (end === -1) return { type, charset: undefined, boundary: undefined }
  const parameters = header.slice(end)
  return { type, charset: parameter(parameters, 'charset')?.toLowerCase(), boundary: parameter(parameters, 'boundary') }
}

function parameter(text: string, name: string): string | undefined {
  for (const [, key, quoted, token] of text.matchAll(/;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))/g)) {
    if (key?.toLowerCase() === name) return quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, '$1')
  }
  return undefined
}

export function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json')
}

/** True if one of the ranges (`application/json`, `image/*`, `*`) takes this type. */
export function takes(ranges: readonly string[], type: string): boolean {
  return ranges.some((range) => {
    const wanted = range.trim().toLowerCase()
    if (wanted === '*' || wanted === '*/*' || wanted === type) return true
    return wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1))
  })
}
