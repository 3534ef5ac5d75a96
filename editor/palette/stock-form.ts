import { scriptJson } from './own-form.ts'
import type { FormAdditions } from './form.ts'

/** What a stock edit form needs from the server besides its own files. Facts of the pinned Node-RED version. */
export interface StockExtras {
  /** Settings that the form reads, by name. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Kind of library entries that the form saves. */
  readonly library?: string
  /** Name of the property that names the set in its file when it differs from the type. */
  readonly credentials?: Readonly<Record<string, 'text' | 'password'>>
}

/** By type. Types that are not listed need nothing. */
export const stockExtras: Readonly<Record<string, StockExtras>> = {
  debug: { settings: { debugUseColors: false, debugMaxLength: 1000 } },
  function: { settings: { functionExternalModules: false, functionTimeout: 0 }, library: 'functions' },
  template: { library: 'templates' },
  'http request': { credentials: { user: 'text', password: 'password' } },
  'tls-config': { credentials: { certdata: 'text', keydata: 'text', cadata: 'text', passphrase: 'password' } },
  'http proxy': { credentials: { username: 'text', password: 'password' } },
  'global-config': { credentials: { map: 'text' } },
}

/** Stock files that the editor itself relies on, whether or not anybody defines a node for them. */
export const alwaysThere: ReadonlyMap<string, readonly string[]> = new Map([
  ['common/05-junction', ['junction']],
  ['common/91-global-config', ['global-config']],
  ['common/98-unknown', ['unknown']],
])

/** A stock form file whose registration of a type goes through the page's own, with what the form lacks. */
export function addFields(html: string, additions: FormAdditions): string {
  const quoted = additions.type.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const call = new RegExp(`RED\\.nodes\\.registerType\\(\\s*(['"])${quoted}\\1`, 'g')
  return html.replace(call, () => `Sluice.registerStockType(${scriptJson(additions)}`)
}

/** Types that a stock form file declares (its edit templates). */
export function typesOfForm(html: string): string[] {
  return [...html.matchAll(/<script [^>]*data-template-name\s*=\s*['"]([^'"]*)['"]/gi)].map((match) => match[1]!)
}

/**
 * A stock form file without the types that we do not run: their templates go, and their registration is
 * answered by nothing. A file of which all types are ours is returned as it is.
 */
export function keepTypes(html: string, wanted: ReadonlySet<string>): string {
  const unwanted = typesOfForm(html).filter((type) => !wanted.has(type))
  if (unwanted.length === 0) return html
  let kept = html
  for (const type of unwanted) {
    const quoted = type.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    kept = kept.replace(new RegExp(`<script [^>]*data-(?:template|help)-name\\s*=\\s*['"]${quoted}['"][\\s\\S]*?</script>`, 'gi'), '')
    kept = kept.replace(new RegExp(`RED\\.nodes\\.registerType\\(\\s*(['"])${quoted}\\1`, 'g'), `Sluice.ignoreType($1${type}$1`)
  }
  return kept
}
