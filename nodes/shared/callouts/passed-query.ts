import { parameterName, withoutParameters } from '../../../runtime/core/http/parameter-name.ts'

/** The query of a request's URL, as it came, for sending it on, without parameters that the callout sets itself. */
export function passedQuery(url: unknown, own: ReadonlySet<string>): string {
  if (typeof url !== 'string') return ''
  const mark = url.indexOf('?')
  if (mark === -1) return ''
  const kept = withoutParameters(url.slice(mark + 1), own)
  // A request line may hold bytes that a URL may not.
  return kept.replace(/[^\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]/g, toPercent)
}

/** Names of the parameters that a URL has already. */
export function namesOfQuery(url: string): string[] {
  const mark = url.indexOf('?')
  return mark === -1 ? [] : url.slice(mark + 1).split('&').map(parameterName).filter((name) => name !== '')
}

function toPercent(character: string): string {
  const code = character.charCodeAt(0)
  return code < 256 ? `%${code.toString(16).padStart(2, '0').toUpperCase()}` : encodeURIComponent(character.toWellFormed())
}
