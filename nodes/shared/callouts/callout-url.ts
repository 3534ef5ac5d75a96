import { fault } from '../../../runtime/core/fault.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import { TemplateError } from '../../../runtime/core/values/path-template.ts'
import { parseUrlTemplate, type UrlTemplate } from '../../../runtime/core/upstream/url-template.ts'
import { withEnv } from '../with-env.ts'

/** Where a path of an upstream stands for the rest of the URL. */
export const upstreamOrigin = 'http://upstream'

/** A text whose `${NAME}`s are not known yet: each stands for some plain text. */
export function withoutEnv(text: string): string {
  return text.replace(/\$\{[^}]+\}/g, '1')
}

/** A URL whose variables are not known yet, of which the first may hold the whole beginning. */
export function toKnownUrl(url: string): string {
  const text = url.trim()
  return withoutEnv(text.replace(/^\$\{[^}]+\}/, /^\$\{[^}]+\}[^/]*:\/\//.test(text) ? 'https' : 'https://env.example'))
}

/** Why a URL cannot be called, as far as it can be said before its variables are known. */
export function whyNoUrl(url: string): string | undefined {
  try {
    parseUrlTemplate(toKnownUrl(url))
    return undefined
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return error.message
  }
}

/** @throws Fault `config.invalid` when a variable is not set, or the URL with it cannot be called */
export function compileUrl(url: string, { env }: Pick<Scope, 'env'>): UrlTemplate {
  try {
    return parseUrlTemplate(withEnv(url, (name) => env(name)))
  } catch (error) {
    throw error instanceof TemplateError ? fault('config.invalid', { message: error.message }, error) : error
  }
}
