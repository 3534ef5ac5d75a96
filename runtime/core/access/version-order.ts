/** What may be the version of an API, as its tab and its record say it. */
export const versionPattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$'
const pattern = new RegExp(versionPattern)

/** Whether a text may be a version. */
export function isVersion(text: string): boolean {
  return pattern.test(text)
}

/** Versions are the same whatever their case: `V2` is `v2`. */
export function versionKey(text: string): string {
  return text.toLowerCase()
}

/**
 * Natural order of versions, for sorting. Digits count as numbers, so that `v10` is after `v9` and `2026-02-01` after
 * `2025-12-31`; a dash and a word mean “not yet”, so that `v2-beta` is before `v2`. 0 only for versions that are the same.
 */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [versionKey(one), versionKey(other)]
  const [parts, otherParts] = [toParts(a), toParts(b)]
  for (let i = 0; i <= Math.min(parts.length, otherParts.length); i++) {
    const order = compareParts(parts[i], otherParts[i])
    if (order !== 0) return order
  }
  return compareTexts(a, b) // `v01` and `v1`
}

function toParts(key: string): readonly string[] {
  return key.match(/\d+|\D+/g) ?? []
}

/** A part that is not there is an end. */
function compareParts(a: string | undefined, b: string | undefined): number {
  const kind = kindOf(a)
  const order = kind - kindOf(b)
  if (order !== 0 || a === undefined || b === undefined) return order
  return kind === number ? compareNumbers(a, b) : compareTexts(a, b)
}

const notYet = 0
const end = 1
const word = 2
const number = 3

function kindOf(part: string | undefined): number {
  if (part === undefined) return end
  if (/^\d/.test(part)) return number
  return /^-[a-z]/.test(part) ? notYet : word
}

/** However many digits they have. */
function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+(?=\d)/, ''), b.replace(/^0+(?=\d)/, '')]
  return x.length - y.length || compareTexts(x, y)
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
