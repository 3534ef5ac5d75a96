import { parameterName } from '../../core/http/parameter-name.ts'
import { createHideText, hidden, type HideText } from '../../core/secrets/secret-forms.ts'

/** Properties, headers and parameters whose name says that they hold a secret. */
const secretName = /^(?:proxy[-_]?)?authorization$|cookies?$|passw(?:or)?d|passphrase|^pwd$|secret|api[-_]?key|token$|private[-_]?key|credential|session[-_]?id$|^x-sluice-watch$|^sig(?:nature)?$|^jwt$/i

/** Hides the secrets of one run: by the names they go by, and wherever their values turn up. */
export interface Hiding {
  isSecret(name: string): boolean
  /** A text without the values that are secret. `cut`: it went on, and one may lie across its end. */
  text(text: string, cut?: boolean): string
  url(url: string): string
  headers(headers: Readonly<Record<string, unknown>>): Record<string, string>
}

/** @param names lower case, besides those that speak for themselves; @param values secrets themselves; @param others hides more of them */
export function createHiding(names: Iterable<string>, values: Iterable<string>, others?: HideText): Hiding {
  const own = new Set(names)
  const hide = createHideText(values)
  const isSecret = (name: string) => secretName.test(name) || own.has(name.toLowerCase())
  const text = (given: string, cut = false) => {
    let result = hide ? hide(given, cut) : given
    if (others) result = others(result, cut)
    if (/^[a-z][a-z\d+.-]*:\/\//i.test(result)) result = withoutSecrets(result, isSecret)
    else if (result.includes('=')) result = result.replaceAll(/([\w.-]+)=([^&\s;,"'<>]+)/g, (all, name: string) => (isSecret(name) ? `${name}=${hidden}` : all))
    return result.replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`)
  }
  return {
    isSecret,
    text,
    url: (url) => text(withoutSecrets(url, isSecret)),
    headers(headers) {
      const shown: Record<string, string> = {}
      for (const [name, value] of Object.entries(headers)) {
        if (value === undefined || name === '__proto__') continue
        shown[name] = isSecret(name) ? hidden : text(Array.isArray(value) ? value.join(', ') : String(value))
      }
      return shown
    },
  }
}

function withoutSecrets(url: string, isSecret: (name: string) => boolean): string {
  const bare = url.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, `$1${hidden}@`)
  const mark = bare.indexOf('?')
  if (mark === -1) return bare
  const parts = bare.slice(mark + 1).split('&').map((part) => (isSecret(parameterName(part)) ? `${part.split('=', 1)[0]}=${hidden}` : part))
  return `${bare.slice(0, mark)}?${parts.join('&')}`
}

/** Every text in a value, however deep it lies. */
export function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value]
  if (value === null || typeof value !== 'object' || depth > 6) return []
  return Object.values(value).flatMap((one) => textsIn(one, depth + 1))
}
