/**
 * The parameter that a part of a query (`name=value`, as sent) belongs to, as the parsed query has it: names are decoded, and
 * `a[b]=c`, `a[]=c` and `[a]=c` belong to `a`.
 */
export function parameterName(part: string): string {
  const name = (part.split('=', 1)[0] as string).replaceAll('+', ' ')
  let plain = name
  try {
    plain = decodeURIComponent(name)
  } catch {
    // Kept as it is: the parsed query has it so, too.
  }
  const bracket = plain.indexOf('[')
  if (bracket === 0) return plain.slice(1, plain.indexOf(']') === -1 ? undefined : plain.indexOf(']'))
  return bracket > 0 ? plain.slice(0, bracket) : plain
}

/** A query, as sent, without some parameters, however their names are encoded: nobody can give a second value to one that was decided elsewhere. */
export function withoutParameters(query: string, names: ReadonlySet<string>): string {
  return names.size === 0 ? query : query.split('&').filter((part) => !names.has(parameterName(part))).join('&')
}
